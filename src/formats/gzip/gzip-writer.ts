/**
 * Gzip members as apk wants them: one header without name, time or comment, then deflate, checksum and length. The
 * same bytes in give the same bytes out.
 */
import { Readable } from 'node:stream';
import { createGzip, gzip } from 'node:zlib';

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

/**
 * The same member of bytes that need not fit in memory, piece by piece.
 *
 * @param pieces asked for as the packing goes on, some of them ahead: each stays as it is
 */
export async function* formatGzipPieces(pieces: Iterable<Uint8Array>, level = 6): AsyncGenerator<Buffer> {
  const packer = createGzip({ level });
  const source = Readable.from(pieces, { highWaterMark: 1 });
  source.once('error', (error) => packer.destroy(error));
  let first = true;
  try {
    for await (const piece of source.pipe(packer) as AsyncIterable<Buffer>) {
      if (first) piece[OS_BYTE] = OS_UNIX;
      first = false;
      yield piece;
    }
  } finally {
    source.destroy();
  }
}
