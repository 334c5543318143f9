/**
 * Bounded reads of an ELF file: every offset and count comes from the file and is checked against its size before
 * a byte is touched. Nothing here trusts a number that it has read.
 */
import type { ByteSource } from '../../core/bytes.ts';
import { AlprootError } from '../../core/errors.ts';
import { quoteName } from '../../core/redact.ts';

/** The most that one table or string section may take, in bytes. */
const TABLE_CAP = 512 * 1024 * 1024;

/** A source with the two properties that decide how its numbers are read. */
export interface ElfBytes {
  readonly source: ByteSource;
  readonly bits: 32 | 64;
  readonly endian: 'little' | 'big';
}

/** ALP_FORMAT_ELF with the file's name and the place. */
export function elfError(
  source: ByteSource,
  what: string,
  facts: Readonly<Record<string, unknown>> = {},
): AlprootError {
  return new AlprootError('ALP_FORMAT_ELF', `${quoteName(source.name)} is not a sound ELF file: ${what}`, { facts });
}

/**
 * Exactly `size` bytes from `offset`.
 *
 * @param what names the part in the error
 * @throws ALP_FORMAT_ELF when they do not lie inside the file
 */
export function takeBytes(source: ByteSource, offset: number, size: number, what: string): Buffer {
  if (
    !Number.isSafeInteger(offset) ||
    !Number.isSafeInteger(size) ||
    offset < 0 ||
    size < 0 ||
    offset + size > source.sizeBytes
  ) {
    throw elfError(source, `${what} (${size} bytes at ${offset}) lies outside the file of ${source.sizeBytes} bytes`, {
      offset,
      size,
    });
  }
  if (size > TABLE_CAP)
    throw elfError(source, `${what} takes ${size} bytes, more than the cap of ${TABLE_CAP}`, { offset, size });
  const bytes = Buffer.allocUnsafe(size);
  for (let filled = 0; filled < size;) {
    const count = source.read(bytes.subarray(filled), offset + filled);
    if (count <= 0) throw elfError(source, `${what} ends early`, { offset: offset + filled });
    filled += count;
  }
  return bytes;
}

/** Reads numbers of a record in the file's own byte order and word size. */
export interface Fields {
  readonly u16: (at: number) => number;
  readonly u32: (at: number) => number;
  readonly u64: (at: number) => bigint;
  /** A native word (4 or 8 bytes) as an address. */
  readonly address: (at: number) => bigint;
  /** A native word that counts bytes; larger than 2^53 is refused. */
  readonly size: (at: number) => number;
}

/** @param record at least as long as the last field that will be asked for; the callers check that once */
export function fieldsOf({ source, bits, endian }: ElfBytes, record: Buffer): Fields {
  const little = endian === 'little';
  const u32 = (at: number): number => (little ? record.readUInt32LE(at) : record.readUInt32BE(at));
  const u64 = (at: number): bigint => (little ? record.readBigUInt64LE(at) : record.readBigUInt64BE(at));
  const address = (at: number): bigint => (bits === 64 ? u64(at) : BigInt(u32(at)));
  return {
    u16: (at) => (little ? record.readUInt16LE(at) : record.readUInt16BE(at)),
    u32,
    u64,
    address,
    size: (at) => {
      if (bits === 32) return u32(at);
      const value = u64(at);
      if (value > BigInt(Number.MAX_SAFE_INTEGER))
        throw elfError(source, `a size or offset of ${value} is beyond any file`);
      return Number(value);
    },
  };
}

/**
 * Reads latin1 strings of a table by their offset. Names may share their ends, as linkers merge them, but a table
 * cannot be made to yield more than sixteen times its size: hostile names that all overlap would take for ever.
 *
 * @throws ALP_FORMAT_ELF for a string that starts outside the table, has no end, or passes the budget
 */
export function stringsOf(source: ByteSource, table: Buffer): (at: number) => string {
  let left = table.length * 16 + 65_536;
  return (at) => {
    const end = at < table.length ? table.indexOf(0, at) : -1;
    if (end === -1)
      throw elfError(source, `a name at ${at} leaves its string table of ${table.length} bytes`, { offset: at });
    left -= end - at;
    if (left < 0) throw elfError(source, 'its names overlap without end');
    return table.toString('latin1', at, end);
  };
}
