/** Verifies a file by what it holds: minirootfs, APKINDEX, .apk, or apk v3's form of the last two. */
import type { ByteSource } from '../core/bytes.ts';
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { quoteName } from '../core/redact.ts';
import type { RepositoryIndex } from '../core/package.ts';
import type { Signer } from '../core/verified.ts';
import { isAdb } from '../formats/adb/adb-blocks.ts';
import { readFully } from '../formats/gzip/gzip-member.ts';
import { verifyAdb } from './adb-file.ts';
import { verifyDataMember } from './data-member.ts';
import { verifyIndex } from './index-file.ts';
import type { TrustedKeys } from './key.ts';
import {
  verifyMinirootfs,
  type DetachedSignature,
  type MinirootfsPins,
  type ReleaseSignature,
} from './minirootfs-file.ts';
import { verifyPackage } from './package-file.ts';
import { indexCap, readSignatures } from './signatures.ts';
import { asVerification } from './structure.ts';

export interface Verdict {
  readonly kind: 'minirootfs' | 'index' | 'package' | 'bundle' | 'tree';
  /** `musl-1.2.4-r2`, `4929 packages`, the file's name. */
  readonly name: string;
  readonly signers: readonly Signer[];
}

export interface AnyFileOptions {
  /** Base name of the file. */
  readonly name: string;
  readonly keys: TrustedKeys;
  readonly pins: MinirootfsPins;
  readonly signatures?: readonly DetachedSignature[];
  readonly pgp?: ReleaseSignature | undefined;
}

/** @throws ALP_VERIFY_* */
export function verifyAnyFile(source: ByteSource, options: AnyFileOptions): Verdict {
  switch (kindOf(source, options)) {
    case 'minirootfs': {
      const { file, signers } = verifyMinirootfs(source, options);
      return { kind: 'minirootfs', name: file.name, signers };
    }
    case 'adb': {
      const verified = verifyAdb(source, { keys: options.keys, location: options.name });
      if (verified.kind === 'index')
        return { kind: 'index', name: indexName(verified.index), signers: verified.signers };
      const { record } = verified.package;
      return { kind: 'package', name: `${record.name}-${record.version}`, signers: verified.signers };
    }
    case 'index': {
      const bytes = Buffer.alloc(Math.min(source.sizeBytes, limits.indexCompressed));
      if (readFully(source, bytes, 0) < source.sizeBytes)
        throw new AlprootError(
          'ALP_LIMIT_SIZE',
          `${quoteName(options.name)} is larger than ${limits.indexCompressed} bytes (limit indexCompressed)`,
        );
      const { index, signers } = verifyIndex(bytes, { location: options.name, keys: options.keys });
      return { kind: 'index', name: indexName(index), signers };
    }
    case 'package': {
      const verified = verifyPackage(source, { keys: options.keys });
      verifyDataMember(source, verified.package);
      const { record } = verified.package;
      return { kind: 'package', name: `${record.name}-${record.version}`, signers: verified.signers };
    }
  }
}

const indexName = ({ description, packages }: RepositoryIndex): string =>
  `${description === '' ? '' : `${description}, `}${packages.length} packages`;

/** By name for a minirootfs; by the magic for v3 files; by the first member's entries for the others. */
function kindOf(
  source: ByteSource,
  { name, pins }: AnyFileOptions,
): Exclude<Verdict['kind'], 'bundle' | 'tree'> | 'adb' {
  if (pins.byName.has(name) || name.startsWith('alpine-minirootfs-')) return 'minirootfs';
  const head = Buffer.alloc(4);
  const got = readFully(source, head, 0);
  if (isAdb(head)) return 'adb';
  if (got < 2 || head[0] !== 0x1f || head[1] !== 0x8b) {
    throw new AlprootError('ALP_VERIFY_UNKNOWN', `${quoteName(name)} is not a minirootfs, an APKINDEX or an .apk`, {
      hint: 'alproot verify checks files of Alpine mirrors',
    });
  }
  return asVerification(quoteName(name), () => {
    const { member } = readSignatures(source, 'index', indexCap(Math.min(source.sizeBytes, limits.indexCompressed)));
    return member.files.some((file) => file.name === 'APKINDEX') ? 'index' : 'package';
  });
}
