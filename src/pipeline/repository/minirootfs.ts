/** fetch → verify: the minirootfs of a release, from the first mirror that has it. */
import { AlprootError } from '../../core/errors.ts';
import type { LockedMinirootfs } from '../../formats/lock/lockfile.ts';
import { limits } from '../../core/limits.ts';
import type { MirrorSpec } from '../../core/mirror.ts';
import { redactUrl } from '../../core/redact.ts';
import type { Verified } from '../../core/verified.ts';
import { parseLatestReleases } from '../../formats/release/release-list.ts';
import {
  branchOf,
  compareBranches,
  isPointRelease,
  minirootfsFile,
  parseMinirootfsName,
  type MinirootfsName,
} from '../../formats/release/release-names.ts';
import type { BlobRef, OpenBlob } from '../../store/blobs.ts';
import {
  verifyMinirootfs,
  type DetachedSignature,
  type MinirootfsFile,
  type MinirootfsOptions,
  type ReleaseSignature,
} from '../../verify/minirootfs-file.ts';
import type { ChosenMirrors } from './mirrors.ts';
import { pinnedEnvironment } from '../session/lock-policy.ts';
import type { Session } from '../session/session.ts';
import type { InstallContext } from './install-context.ts';
import { firstMirror } from './mirror-failover.ts';
import { readBlob, type IndexPlace } from './repository-index.ts';
import { bundledPins, mirrorKeys, releaseKeys } from '../session/trusted-keys.ts';

export interface Minirootfs {
  readonly file: Verified<MinirootfsFile>;
  readonly version: string;
  /** The bytes that were verified; the caller closes it. */
  readonly source: OpenBlob;
}

/** The minirootfs of a release, verified. @throws ALP_FETCH_*, ALP_VERIFY_* */
export async function fetchMinirootfs(
  asked: InstallContext,
  { mirrors, release }: ChosenMirrors,
): Promise<Minirootfs> {
  const locked = pinnedEnvironment(asked, release)?.minirootfs;
  return firstMirror(asked, mirrors, async (mirror, session) => {
    const { arch } = session.config;
    const keys = mirrorKeys(mirror, arch);
    const directory = `${branchOf(release)}/releases/${arch}`;
    const name =
      (locked === undefined ? undefined : parseMinirootfsName(locked.file)) ??
      (await chooseMinirootfs(session, { mirror, directory, release }));
    const place = { mirror, keys, path: `${directory}/${name.file}` };
    // They come while the file does; it is verified when all are there.
    const signers = Promise.all([fetchSignatures(session, place), fetchReleaseSignature(session, place)]);
    signers.catch(() => undefined);
    let verified: VerifiedMinirootfs | undefined;
    const verify = async (found: BlobRef): Promise<VerifiedMinirootfs> => {
      const [signatures, pgp] = await signers;
      return (verified ??= verifyMinirootfsBlob(session, found, {
        name: name.file,
        pins: bundledPins(),
        signatures,
        keys,
        pgp,
      }));
    };
    try {
      const ref = await session.fetcher.fetch({
        base: mirror.base,
        path: place.path,
        maxBytes: limits.minirootfs,
        label: name.file,
        remember: 'fixed',
        sha256: locked?.sha256,
        verify,
      });
      const { file, source } = await verify(ref);
      const { sha256, sha512, sizeBytes } = file;
      if (locked !== undefined && locked.sha512 !== sha512)
        throw new AlprootError(
          'ALP_VERIFY_DIGEST',
          `${name.file} has SHA-512 ${sha512}, the lock says ${locked.sha512}`,
        );
      recordMinirootfs(session, release, { file: name.file, sizeBytes, sha256, sha512 });
      return { file, source, version: name.version };
    } catch (error) {
      verified?.source.close();
      throw error;
    }
  });
}

function recordMinirootfs(
  { recording, config: { arch } }: InstallContext,
  release: string,
  minirootfs: LockedMinirootfs,
): void {
  const environment = { release, arch, minirootfs, repositories: [], world: [], packages: [] };
  recording.add({ requests: [], environments: [environment] });
}

type VerifiedMinirootfs = Omit<Minirootfs, 'version'>;

/** Stays open for unpacking: what was verified is what is unpacked. */
function verifyMinirootfsBlob(
  { store }: Session,
  { sha256 }: BlobRef,
  options: MinirootfsOptions,
): VerifiedMinirootfs {
  const found = store.openVerified(sha256, {
    name: options.name,
    verify: (blob) => verifyMinirootfs(blob, options).file,
  });
  if (found === undefined)
    throw new AlprootError('ALP_STORE_DAMAGED', `${options.name} was damaged in the store`, {
      hint: 'run the command again',
    });
  return { file: found.contents, source: found.source };
}

interface ReleasePlace {
  readonly mirror: MirrorSpec;
  readonly directory: string;
  readonly release: string;
}

/** The point release that was asked for, the one that the mirror's list proposes, or the newest with a pin. */
async function chooseMinirootfs(
  session: Session,
  { mirror, directory, release }: ReleasePlace,
): Promise<MinirootfsName> {
  const { arch } = session.config;
  if (isPointRelease(release)) return { file: minirootfsFile(release, arch), version: release, arch };
  const ref = await session.fetcher.fetchOptional({
    base: mirror.base,
    path: `${directory}/latest-releases.yaml`,
    maxBytes: limits.metadata,
    label: 'release list',
    remember: 'offline',
  });
  const blob = ref === undefined ? undefined : session.store.openBlob(ref.sha256, 'latest-releases.yaml');
  try {
    const listed = blob === undefined ? undefined : await parseLatestReleases(readBlob(blob).toString('utf8'), arch);
    if (listed !== undefined) return listed;
  } finally {
    blob?.close();
  }
  const pinned = [...bundledPins().byName.keys()]
    .map(parseMinirootfsName)
    .filter((name) => name !== undefined && name.arch === arch && name.version.startsWith(`${release}.`))
    .sort((a, b) => compareBranches(a?.version ?? '', b?.version ?? ''))
    .at(-1);
  if (pinned === undefined)
    throw new AlprootError(
      'ALP_FETCH_NOT_FOUND',
      `no minirootfs of ${release} for ${arch} on ${redactUrl(mirror.base)}`,
      { hint: 'choose another --release or --mirror' },
    );
  return pinned;
}

/** `NAME.rsa256.KEY` for each key of the user's that the mirror may have signed with. */
export async function fetchSignatures(
  session: Session,
  { mirror, keys, path }: IndexPlace,
): Promise<DetachedSignature[]> {
  const own = [...keys.keys()].filter((name) => !name.startsWith('alpine-devel@'));
  const found = await Promise.all(
    own.map(async (keyName) => {
      const ref = await session.fetcher.fetchOptional({
        base: mirror.base,
        path: `${path}.rsa256.${keyName}`,
        maxBytes: 16 * 1024,
        label: 'signature',
        remember: 'offline',
      });
      const blob = ref === undefined ? undefined : session.store.openBlob(ref.sha256, keyName);
      if (blob === undefined) return undefined;
      const bytes = readBlob(blob);
      blob.close();
      return { keyName, bytes };
    }),
  );
  return found.filter((signature) => signature !== undefined);
}

/** The `.asc` of a minirootfs that no pin knows; undefined where it isn't needed or isn't there. */
export async function fetchReleaseSignature(
  session: Session,
  { mirror, path }: IndexPlace,
): Promise<ReleaseSignature | undefined> {
  if (bundledPins().byName.has(path.slice(path.lastIndexOf('/') + 1))) return undefined;
  const ref = await session.fetcher.fetchOptional({
    base: mirror.base,
    path: `${path}.asc`,
    maxBytes: 16 * 1024,
    label: 'release signature',
    remember: 'offline',
  });
  const blob = ref === undefined ? undefined : session.store.openBlob(ref.sha256, `${path}.asc`);
  if (blob === undefined) return undefined;
  try {
    return { signature: readBlob(blob), keys: releaseKeys(), now: Date.now() };
  } finally {
    blob.close();
  }
}
