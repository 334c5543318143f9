/**
 * Recognises files packed by UPX. Such a file shows only its stub: whether the program inside is static cannot be
 * seen, so nothing is claimed about it.
 *
 * @see the l_info and p_info records of UPX's linux loaders (`src/stub/src/include/linux.h`, UPX 4.2)
 */
import type { ElfFile } from '../formats/elf/elf.ts';

export interface UpxPacking {
  readonly packer: 'UPX';
  /** What the stub says of itself: `UPX 4.2.2`, when it does. */
  readonly version: string | undefined;
  /** Size of the file before packing, in bytes, when the header says it. */
  readonly originalBytes: number | undefined;
}

/** The packing of a file, or undefined for an ordinary one. */
export function upxOf(elf: ElfFile): UpxPacking | undefined {
  if (elf.sections.length > 1 || elf.type === 'relocatable' || elf.type === 'core') return undefined;
  const head = readUpTo(elf, elf.headersEnd, 256);
  const at = head.indexOf('UPX!', 0, 'latin1');
  if (at === -1) return undefined;
  // l_info is checksum, magic, lsize, version, format (12 bytes); p_info follows: progid, filesize, blocksize.
  const sizeAt = at + 8 + 4;
  const readSize = (): number => (elf.endian === 'little' ? head.readUInt32LE(sizeAt) : head.readUInt32BE(sizeAt));
  const original = sizeAt + 4 <= head.length ? readSize() : 0;
  const tail = readUpTo(elf, 0, 4 * 1024 * 1024).toString('latin1');
  return {
    packer: 'UPX',
    version: /\$Id: (UPX [\d.]+)/.exec(tail)?.[1],
    originalBytes: original > 0 ? original : undefined,
  };
}

function readUpTo(elf: ElfFile, offset: number, size: number): Buffer {
  const bytes = Buffer.alloc(Math.max(0, Math.min(size, elf.source.sizeBytes - offset)));
  return bytes.subarray(0, bytes.length === 0 ? 0 : elf.source.read(bytes, offset));
}
