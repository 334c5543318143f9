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
export const bufferFor = ({ sizeBytes }: ByteSource): Buffer => Buffer.allocUnsafe(Math.min(256 * 1024, sizeBytes + 1));

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
