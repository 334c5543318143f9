/**
 * A tar with its times bounded, for images that are the same whenever they are made: everything else passes unchanged.
 */

const BLOCK = 512;

/**
 * Passes a tar on, with every modification time later than `latest` put down to it. Knows what our own writer makes:
 * ustar headers with sizes in octal or base 256; pax records without times.
 *
 * @param latest seconds since 1970
 */
export function* clampTarTimes(chunks: Iterable<Uint8Array>, latest: number): Generator<Buffer> {
  let pending = Buffer.alloc(0);
  let contentLeft = 0;
  for (const chunk of chunks) {
    let bytes = Buffer.concat([pending, chunk]);
    const out: Buffer[] = [];
    while (bytes.length > 0) {
      if (contentLeft > 0) {
        const part = bytes.subarray(0, Math.min(contentLeft, bytes.length));
        out.push(part);
        contentLeft -= part.length;
        bytes = bytes.subarray(part.length);
      } else if (bytes.length >= BLOCK) {
        const header = Buffer.from(bytes.subarray(0, BLOCK));
        contentLeft = clampHeader(header, latest);
        out.push(header);
        bytes = bytes.subarray(BLOCK);
      } else break;
    }
    pending = Buffer.from(bytes);
    yield Buffer.concat(out);
  }
  if (pending.length > 0) yield pending;
}

/** Changes a header in place; returns the bytes of content and padding that follow. */
function clampHeader(header: Buffer, latest: number): number {
  if (header.every((byte) => byte === 0)) return 0;
  const size =
    header[124] === 0x80 ? header.readUIntBE(130, 6) : parseInt(header.toString('latin1', 124, 135), 8) || 0;
  if (parseInt(header.toString('latin1', 136, 147), 8) > latest) {
    header.write(latest.toString(8).padStart(11, '0'), 136, 'latin1');
    header.fill(0x20, 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return Math.ceil(size / BLOCK) * BLOCK;
}
