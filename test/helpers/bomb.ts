/**
 * Gzip members that inflate to a GiB, made in no time: one flushed MiB of deflate, many times over. The trailer is
 * false; caps come first.
 */
import { constants, deflateRawSync } from 'node:zlib';

const MIB = 1024 * 1024;
const flushed = (bytes: Uint8Array): Buffer => deflateRawSync(bytes, { finishFlush: constants.Z_FULL_FLUSH });

/** A member of `head` and then `mebibytes` of `filler`. */
export function bombMember(head: Uint8Array, { filler = 0, mebibytes = 1024 } = {}): Buffer {
  const one = flushed(Buffer.alloc(MIB, filler));
  return Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]),
    flushed(head),
    ...Array.from({ length: mebibytes }, () => one),
    deflateRawSync(Buffer.alloc(0)),
    Buffer.alloc(8),
  ]);
}
