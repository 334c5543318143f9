/** Random access to verified or to-be-verified bytes, without saying where they lie. */
export interface ByteSource {
  /** For messages. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Fills `target` from `position`; returns the count, 0 only at the end. */
  readonly read: (target: Uint8Array, position: number) => number;
  /** Of the open file that holds just these bytes, if one does: another thread of the process can read it too. */
  readonly descriptor?: number;
}

/** A buffer for reading a source from end to end: of a small one no more than it takes, of a large one 256 KiB. */
export const bufferFor = ({ sizeBytes }: ByteSource): Buffer =>
  Buffer.allocUnsafe(Math.min(256 * 1024, sizeBytes + 1));

/** Reads a source to its end; each chunk is valid during the call. @returns where the end is */
export function eachChunk(source: ByteSource, use: (chunk: Buffer) => void, start = 0): number {
  const buffer = bufferFor(source);
  for (let at = start; ;) {
    const count = source.read(buffer, at);
    if (count === 0) return at;
    use(buffer.subarray(0, count));
    at += count;
  }
}

/** A whole buffer as a source. */
export const bufferSource = (name: string, bytes: Uint8Array): ByteSource => ({
  name,
  sizeBytes: bytes.length,
  read: (target, position) => {
    const part = bytes.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  },
});

/** The same bytes, not a copy. */
export const asBuffer = ({ buffer, byteOffset, length }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, length);

const ZEROS = Buffer.alloc(1024 * 1024);

/** One call for many bytes: a loop over each is what V8 takes longest to compile and to run. */
export function isZero(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  for (let at = start; at < end; at += ZEROS.length) {
    const next = Math.min(at + ZEROS.length, end);
    if (ZEROS.compare(bytes, at, next, 0, next - at) !== 0) return false;
  }
  return true;
}
