/** The newest state of each repository that was ever seen; an older one offered later is a rollback. */
import { AlprootError } from '../../core/errors.ts';
import type { Arch, RepositoryIndex } from '../../core/package.ts';
import { keyOf } from '../../core/digest.ts';
import { quoteName } from '../../core/redact.ts';
import type { Signer } from '../../core/verified.ts';
import type { Session } from '../session/session.ts';
import { alpineKeys } from '../session/trusted-keys.ts';
import { isCount, isShape, isText } from '../../core/json-shape.ts';
import { recordCodec } from '../../store/record-codec.ts';

const DAY_S = 24 * 60 * 60;

interface Mark {
  /** Build time of the newest package, seconds since 1970. */
  readonly newest: number;
  readonly description: string;
  readonly sha256: string;
}

export const MARK_RECORD = recordCodec(1, isShape<Mark>({ newest: isCount, description: isText, sha256: isText }));

export interface OfferedIndex {
  readonly index: RepositoryIndex;
  /** The repository below any mirror: `v3.19/main`; the whole URL of a foreign one. */
  readonly repository: string;
  readonly signers: readonly Signer[];
}

/** @throws ALP_STALE_ROLLBACK, ALP_STALE_FROZEN */
export function verifyFreshness({ config, store }: Session, { index, repository, signers }: OfferedIndex): void {
  const newest = index.packages.reduce((most, { buildTime }) => Math.max(most, buildTime), 0);
  const record = `fresh-${identityOf({ index, repository, signers }, config.arch)}`;
  const seen = store.getRecord(record, MARK_RECORD);
  if (seen !== undefined && newest < seen.newest && !config.allowRollback) {
    throw new AlprootError(
      'ALP_STALE_ROLLBACK',
      `the index of ${index.location} is older than one seen before: ` +
        `${quoteName(index.description)} offered, ${quoteName(seen.description)} seen`,
      {
        hint: 'wait for the mirror, use another, or accept it with --allow-rollback',
        facts: { offered: newest, seen: seen.newest },
      },
    );
  }
  const ageDays = (Date.now() / 1000 - newest) / DAY_S;
  if (config.maxIndexAgeDays !== undefined && ageDays > config.maxIndexAgeDays) {
    throw new AlprootError(
      'ALP_STALE_FROZEN',
      `the newest package of ${index.location} is ${Math.floor(ageDays)} days old, ` +
        `more than ${config.maxIndexAgeDays}`,
      { hint: 'the mirror may be frozen: use another, or raise --max-index-age' },
    );
  }
  if (seen?.sha256 !== index.sha256)
    store.putRecord(
      record,
      { newest, description: index.description, sha256: index.sha256 },
      { codec: MARK_RECORD, durable: true },
    );
}

/**
 * What Alpine signed is the same repository on every mirror, so that changing to one that lags behind shows. Mirrors
 * of one's own may hold parts of it, and are compared with themselves alone.
 */
function identityOf({ index, repository, signers }: OfferedIndex, arch: Arch): string {
  const official = alpineKeys(arch);
  const byAlpine = signers.some((signer) => signer.kind === 'key' && official.has(signer.keyName));
  return byAlpine ? keyOf('repository', repository, arch) : keyOf('repository at', index.location, arch);
}
