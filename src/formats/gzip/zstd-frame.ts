/**
 * The outside of a zstd stream: one frame and nothing after it, with a window that fits into memory. The decompressor
 * would take whatever window a file asks for.
 *
 * @see RFC 8878, 3.1.1
 */
import type { ByteSource } from '../../core/bytes.ts';
import { readFully } from './gzip-member.ts';

const MAGIC = 0xfd2fb528;
/** What zstd itself accepts unless told otherwise. */
const MAX_WINDOW = 128 * 1024 * 1024;
/** At full size 128 GiB; only a file of empty blocks has more. */
const MAX_BLOCKS = 1_000_000;
const MAX_HEADER = 18;

/** What is wrong with the stream from `start` to the end of the file, if anything. */
export function zstdFrameProblem(source: ByteSource, start: number): string | undefined {
  const head = Buffer.alloc(MAX_HEADER);
  const got = readFully(source, head, start);
  if (got < 6 || head.readUInt32LE(0) !== MAGIC) return 'not a zstd frame';
  const flags = head[4] ?? 0;
  const isSingle = (flags & 0x20) !== 0;
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0;
  if ((flags & 0x0b) !== 0) return 'a zstd frame with a dictionary';
  const headerBytes = 5 + (isSingle ? 0 : 1) + sizeBytes;
  if (got < headerBytes) return 'a zstd frame that is cut off';
  const window = isSingle ? contentSize(head, sizeBytes) : windowSize(head[5] ?? 0);
  if (window > MAX_WINDOW) return `a zstd window of ${window} bytes`;
  const end = frameEnd(source, start + headerBytes);
  if (end === undefined) return 'a zstd frame that is cut off';
  return end + ((flags & 4) === 0 ? 0 : 4) === source.sizeBytes ? undefined : 'bytes after the zstd frame';
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

const contentSize = (head: Buffer, width: number): number =>
  width === 8 ? Number(head.readBigUInt64LE(5)) : head.readUIntLE(5, width) + (width === 2 ? 256 : 0);

/** Where the last block ends. */
function frameEnd(source: ByteSource, start: number): number | undefined {
  const header = Buffer.alloc(3);
  let at = start;
  for (let count = 0; count < MAX_BLOCKS; count++) {
    if (readFully(source, header, at) < header.length) return undefined;
    const word = header.readUIntLE(0, 3);
    const isRepeated = ((word >> 1) & 3) === 1;
    at += header.length + (isRepeated ? 1 : word >> 3);
    if ((word & 1) === 1) return at;
  }
  return undefined;
}
