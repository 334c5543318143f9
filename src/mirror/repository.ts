/**
 * A repository on disk: `DIR/BRANCH/{main,community}/ARCH/*.apk` with its signed index. Packages come first and the
 * index last, so that a reader never sees an index of files that are not there.
 */
import { inflateRawSync } from 'node:zlib';
import { sha1Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Arch } from '../core/package.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { readFileCapped, writeFileAtomic } from '../system/files.ts';
import { namesIn } from '../system/host-paths.ts';
import { formatIndexFile } from './index-file.ts';
import { formatIndexEntryText, parsePkginfoText } from './pkginfo-text.ts';
import type { SignatureKind, SigningKey } from './signing.ts';

export interface IndexDirectoryOptions {
  /** Holds the .apk files; the index is written there as `APKINDEX.tar.gz`. */
  readonly directory: HostPath;
  readonly description: string;
  /** Seconds since 1970. */
  readonly time: number;
  /** undefined: unsigned. */
  readonly key: SigningKey | undefined;
  readonly signatureKind?: SignatureKind;
  /** Architecture that packages must have, besides noarch; others are left out. */
  readonly arch?: Arch;
}

/**
 * Indexes all .apk files of a directory, whoever made them.
 *
 * @returns what the index now holds, as `name-version`
 * @throws ALP_FORMAT_APK for a file that is no .apk of version 2
 */
export async function indexDirectory(options: IndexDirectoryOptions): Promise<string[]> {
  const names = namesIn(options.directory).filter((name) => name.endsWith('.apk'));
  const indexed: string[] = [];
  const entries: string[] = [];
  for (const name of names) {
    const path = joinHost(options.directory, name);
    const bytes = readFileCapped(path, limits.packageFile);
    if (bytes === undefined) continue;
    const { pkginfo, controlSha1Hex } = readApkControl(bytes, path);
    const fields = parsePkginfoText(pkginfo);
    const arch = fields.get('arch')?.[0];
    if (options.arch !== undefined && arch !== options.arch && arch !== 'noarch') continue;
    entries.push(formatIndexEntryText({ pkginfo, controlSha1Hex, sizeBytes: bytes.length }));
    indexed.push(`${fields.get('pkgname')?.[0] ?? ''}-${fields.get('pkgver')?.[0] ?? ''}`);
  }
  const { description, time, key, signatureKind } = options;
  const index = await formatIndexFile({ entries, description, time, key, ...(signatureKind === undefined ? {} : { signatureKind }) });
  writeFileAtomic(joinHost(options.directory, 'APKINDEX.tar.gz'), index);
  return indexed;
}

const GZIP_HEADER = 10;
const GZIP_TRAILER = 8;
const BLOCK = 512;

/** The .PKGINFO and the control member's SHA-1. Judges nothing: what is indexed is vouched for by who signs. */
export function readApkControl(bytes: Buffer, path: string): { readonly pkginfo: string; readonly controlSha1Hex: string } {
  let offset = 0;
  for (let member = 0; member < 2 && offset + GZIP_HEADER < bytes.length; member++) {
    const { buffer, length } = inflateMember(bytes.subarray(offset), path);
    const name = buffer.toString('latin1', 0, 100).replace(/\0.*$/s, '');
    if (!name.startsWith('.SIGN.')) {
      const pkginfo = tarMember(buffer, '.PKGINFO');
      if (pkginfo === undefined) break;
      return { pkginfo, controlSha1Hex: sha1Hex(bytes.subarray(offset, offset + length)) };
    }
    offset += length;
  }
  throw new AlprootError('ALP_FORMAT_APK', `${quoteName(path)} is no .apk of version 2: it has no .PKGINFO`);
}

/** Length of the first gzip member, and the name of the first file in its tar. @throws ALP_FORMAT_APK */
export function firstMember(bytes: Buffer, path: string): { readonly name: string; readonly length: number } {
  const { buffer, length } = inflateMember(bytes, path, limits.index);
  return { name: buffer.toString('latin1', 0, 100).replace(/\0.*$/s, ''), length };
}

function inflateMember(bytes: Buffer, path: string, maxOutputLength: number = limits.control): { readonly buffer: Buffer; readonly length: number } {
  if (bytes.length < GZIP_HEADER + GZIP_TRAILER || bytes.readUInt32BE(0) !== 0x1f8b0800) throw new AlprootError('ALP_FORMAT_APK', `${quoteName(path)} is no .apk of version 2: no plain gzip header`);
  try {
    const result = inflateRawSync(bytes.subarray(GZIP_HEADER), { info: true, maxOutputLength }) as unknown as {
      readonly buffer: Buffer;
      readonly engine: { readonly bytesWritten: number };
    };
    return { buffer: result.buffer, length: GZIP_HEADER + result.engine.bytesWritten + GZIP_TRAILER };
  } catch (error) {
    throw new AlprootError('ALP_FORMAT_APK', `${quoteName(path)} is no .apk of version 2: its gzip data is damaged`, { cause: error });
  }
}

/** Content of a file in a small tar, as latin1. */
function tarMember(tar: Buffer, wanted: string): string | undefined {
  for (let at = 0; at + BLOCK <= tar.length; ) {
    const name = tar.toString('latin1', at, at + 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 136), 8) || 0;
    if (name === wanted) return tar.toString('latin1', at + BLOCK, at + BLOCK + size);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return undefined;
}
