/**
 * Gzip members as apk wants them: one header without name, time or comment, then deflate, checksum and length. The
 * same bytes in give the same bytes out.
 */
import { gzip } from 'node:zlib';

const OS_BYTE = 9;
const OS_UNIX = 3;

/**
 * One gzip member. Works on zlib's threads, so that several can be made at once.
 *
 * @param level 1 (fast) to 9 (small)
 */
export function formatGzipMember(bytes: Uint8Array, level = 6): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gzip(bytes, { level }, (error, member) => {
      if (error !== null) {
        reject(error);
        return;
      }
      member[OS_BYTE] = OS_UNIX;
      resolve(member);
    });
  });
}
