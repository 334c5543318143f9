/** What signing and indexing need of a v2 package: its control member. Verifies nothing. */
import { inflateRawSync } from 'node:zlib';
import { sha1Hex, sha256Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { quoteName } from '../core/redact.ts';

const GZIP_HEADER = 10;
const GZIP_TRAILER = 8;
const BLOCK = 512;

/** The .PKGINFO and the control member's hashes. Verifies nothing: who signs an index answers for it. */
export function readApkControl(
  bytes: Buffer,
  path: string,
): { readonly pkginfo: string; readonly controlSha1Hex: string; readonly controlSha256Hex: string } {
  let offset = 0;
  for (let member = 0; member < 2 && offset + GZIP_HEADER < bytes.length; member++) {
    const { buffer, length } = inflatePlainMember(bytes.subarray(offset), path);
    const name = buffer.toString('latin1', 0, 100).replace(/\0.*$/s, '');
    if (!name.startsWith('.SIGN.')) {
      const pkginfo = tarMember(buffer, '.PKGINFO');
      if (pkginfo === undefined) break;
      const control = bytes.subarray(offset, offset + length);
      return { pkginfo, controlSha1Hex: sha1Hex(control), controlSha256Hex: sha256Hex(control) };
    }
    offset += length;
  }
  throw new AlprootError('ALP_FORMAT_APK', `${quoteName(path)} is not an .apk of version 2: it has no .PKGINFO`);
}

/** Length of the first gzip member, and the name of the first file in its tar. @throws ALP_FORMAT_APK */
export function firstMember(bytes: Buffer, path: string): { readonly name: string; readonly length: number } {
  const { buffer, length } = inflatePlainMember(bytes, path, limits.index);
  return { name: buffer.toString('latin1', 0, 100).replace(/\0.*$/s, ''), length };
}

function inflatePlainMember(
  bytes: Buffer,
  path: string,
  maxOutputLength: number = limits.control,
): { readonly buffer: Buffer; readonly length: number } {
  if (bytes.length < GZIP_HEADER + GZIP_TRAILER || bytes.readUInt32BE(0) !== 0x1f8b0800)
    throw new AlprootError('ALP_FORMAT_APK', `${quoteName(path)} is not an .apk of version 2: no plain gzip header`);
  try {
    const result = inflateRawSync(bytes.subarray(GZIP_HEADER), { info: true, maxOutputLength }) as unknown as {
      readonly buffer: Buffer;
      readonly engine: { readonly bytesWritten: number };
    };
    return { buffer: result.buffer, length: GZIP_HEADER + result.engine.bytesWritten + GZIP_TRAILER };
  } catch (error) {
    throw new AlprootError(
      'ALP_FORMAT_APK',
      `${quoteName(path)} is not an .apk of version 2: its gzip data is damaged`,
      { cause: error },
    );
  }
}

/** Content of a file in a small tar, as latin1. */
function tarMember(tar: Buffer, wanted: string): string | undefined {
  for (let at = 0; at + BLOCK <= tar.length;) {
    const name = tar.toString('latin1', at, at + 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 136), 8) || 0;
    if (name === wanted) return tar.toString('latin1', at + BLOCK, at + BLOCK + size);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return undefined;
}
