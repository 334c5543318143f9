/** Random access to verified or to-be-verified bytes, without saying where they lie. */
export interface ByteSource {
  /** For messages. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Fills `target` from `position`; returns the count, 0 only at the end. */
  readonly read: (target: Uint8Array, position: number) => number;
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
