/**
 * ELF headers: file, segments, sections; 32 and 64 bit, both byte orders.
 *
 * @see System V ABI, chapters 4 and 5 (elf(5)); extended numbering (e_shnum 0, e_phnum 0xffff) included
 */
import type { ByteSource } from '../../core/bytes.ts';
import { elfError, fieldsOf, stringsOf, takeBytes, type ElfBytes } from './elf-bytes.ts';
import { MACHINES } from './elf-machines.ts';

const TABLE_ENTRIES_CAP = 1_000_000;

export interface ElfSegment {
  /** PT_LOAD 1, PT_DYNAMIC 2, PT_INTERP 3, PT_NOTE 4, PT_GNU_STACK 0x6474e551, PT_GNU_RELRO 0x6474e552. */
  readonly type: number;
  /** PF_X 1, PF_W 2, PF_R 4. */
  readonly flags: number;
  readonly offset: number;
  readonly address: bigint;
  readonly fileBytes: number;
  readonly memoryBytes: bigint;
  readonly align: bigint;
}

export interface ElfSection {
  readonly name: string;
  /** SHT_SYMTAB 2, SHT_STRTAB 3, SHT_NOTE 7, SHT_NOBITS 8, SHT_DYNSYM 11. */
  readonly type: number;
  /** SHF_WRITE 1, SHF_ALLOC 2, SHF_EXECINSTR 4. */
  readonly flags: bigint;
  readonly address: bigint;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly link: number;
  readonly entryBytes: number;
}

export interface ElfFile extends ElfBytes {
  /** ET_REL, ET_EXEC, ET_DYN, ET_CORE. */
  readonly type: 'relocatable' | 'executable' | 'shared' | 'core';
  /** EM_ number. */
  readonly machine: number;
  /** Alpine's or the common name: `x86_64`, `aarch64`; `machine 999` when unknown. */
  readonly machineName: string;
  readonly osAbi: number;
  readonly entry: bigint;
  /** Where the program headers end, in bytes. */
  readonly headersEnd: number;
  readonly segments: readonly ElfSegment[];
  readonly sections: readonly ElfSection[];
}

const TYPES: Readonly<Record<number, ElfFile['type']>> = { 1: 'relocatable', 2: 'executable', 3: 'shared', 4: 'core' };

/** Whether the first bytes are those of an ELF file. */
export const hasElfMagic = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;

/**
 * The headers of an ELF file.
 *
 * @throws ALP_FORMAT_ELF for anything that is not one, is cut off, or points outside itself
 */
export function parseElf(source: ByteSource): ElfFile {
  const ident = takeBytes(source, 0, Math.min(16, source.sizeBytes), 'identification');
  if (ident.length < 16 || !hasElfMagic(ident)) throw elfError(source, 'it does not begin with the bytes 7f 45 4c 46');
  const [bits, endian] = [identBits(source, ident[4]), identEndian(source, ident[5])];
  if (ident[6] !== 1) throw elfError(source, `identification version is ${ident[6]}, expected 1`);
  const bytes: ElfBytes = { source, bits, endian };
  const wide = bits === 64;
  const header = fieldsOf(bytes, takeBytes(source, 0, wide ? 64 : 52, 'file header'));
  const type = TYPES[header.u16(16)];
  if (type === undefined) throw elfError(source, `file type ${header.u16(16)} is unknown`);
  const machine = header.u16(18);
  const at = wide ? { ph: 32, sh: 40, counts: 54 } : { ph: 28, sh: 32, counts: 42 };
  const tables = {
    segments: { offset: header.size(at.ph), entryBytes: header.u16(at.counts), count: header.u16(at.counts + 2) },
    sections: { offset: header.size(at.sh), entryBytes: header.u16(at.counts + 4), count: header.u16(at.counts + 6) },
    names: header.u16(at.counts + 8),
  };
  const { sections, segmentCount } = readSections(bytes, tables);
  const segments = readSegments(bytes, { ...tables.segments, count: segmentCount });
  return {
    ...bytes,
    type,
    machine,
    machineName: MACHINES[machine] ?? `machine ${machine}`,
    osAbi: ident[7] ?? 0,
    entry: header.address(24),
    headersEnd: tables.segments.offset + tables.segments.entryBytes * segmentCount,
    segments,
    sections,
  };
}

function identBits(source: ByteSource, value: number | undefined): 32 | 64 {
  if (value === 1) return 32;
  if (value === 2) return 64;
  throw elfError(source, `class is ${value}, expected 1 (32 bit) or 2 (64 bit)`);
}

function identEndian(source: ByteSource, value: number | undefined): 'little' | 'big' {
  if (value === 1) return 'little';
  if (value === 2) return 'big';
  throw elfError(source, `byte order is ${value}, expected 1 (little) or 2 (big)`);
}

interface TablePlace {
  readonly offset: number;
  readonly entryBytes: number;
  readonly count: number;
}

/** The bytes of a table whose entries are of the size that the class asks for. */
function tableBytes(
  { source }: ElfBytes,
  { offset, entryBytes, count }: TablePlace,
  wanted: number,
  what: string,
): Buffer {
  if (entryBytes !== wanted) throw elfError(source, `${what} has entries of ${entryBytes} bytes, expected ${wanted}`);
  if (count > TABLE_ENTRIES_CAP)
    throw elfError(source, `${what} has ${count} entries, more than ${TABLE_ENTRIES_CAP}`);
  return takeBytes(source, offset, count * wanted, what);
}

function readSegments(bytes: ElfBytes, place: TablePlace): ElfSegment[] {
  if (place.count === 0) return [];
  const wide = bytes.bits === 64;
  const size = wide ? 56 : 32;
  const table = tableBytes(bytes, place, size, 'program header table');
  return Array.from({ length: place.count }, (_, index) => {
    const entry = fieldsOf(bytes, table.subarray(index * size, (index + 1) * size));
    return {
      type: entry.u32(0),
      flags: entry.u32(wide ? 4 : 24),
      offset: entry.size(wide ? 8 : 4),
      address: entry.address(wide ? 16 : 8),
      fileBytes: entry.size(wide ? 32 : 16),
      memoryBytes: entry.address(wide ? 40 : 20),
      align: entry.address(wide ? 48 : 28),
    };
  });
}

interface Tables {
  readonly segments: TablePlace;
  readonly sections: TablePlace;
  readonly names: number;
}

/** Sections, and the number of segments, which section 0 may hold (extended numbering). */
function readSections(bytes: ElfBytes, tables: Tables): { sections: ElfSection[]; segmentCount: number } {
  const segmentCount = tables.segments.count;
  if (tables.sections.offset === 0) return { sections: [], segmentCount };
  const size = bytes.bits === 64 ? 64 : 40;
  const first = fieldsOf(bytes, tableBytes(bytes, { ...tables.sections, count: 1 }, size, 'section header table'));
  const count = tables.sections.count === 0 ? first.size(bytes.bits === 64 ? 32 : 20) : tables.sections.count;
  const namesIndex = tables.names === 0xffff ? first.u32(bytes.bits === 64 ? 40 : 24) : tables.names;
  const table = tableBytes(bytes, { ...tables.sections, count }, size, 'section header table');
  const raw = Array.from({ length: count }, (_, index) =>
    readSection(bytes, table.subarray(index * size, (index + 1) * size)),
  );
  const nameAt = stringsOf(
    bytes.source,
    namesIndex === 0 ? Buffer.alloc(0) : sectionNames(bytes, raw[namesIndex]?.section),
  );
  const sections = raw.map(({ section, name }) => ({ ...section, name: namesIndex === 0 ? '' : nameAt(name) }));
  return { sections, segmentCount: segmentCount === 0xffff ? first.u32(bytes.bits === 64 ? 44 : 28) : segmentCount };
}

/** A section, and where its name is. */
function readSection(bytes: ElfBytes, record: Buffer): { section: ElfSection; name: number } {
  const wide = bytes.bits === 64;
  const entry = fieldsOf(bytes, record);
  const section = {
    name: '',
    type: entry.u32(4),
    flags: entry.address(8),
    address: entry.address(wide ? 16 : 12),
    offset: entry.size(wide ? 24 : 16),
    sizeBytes: entry.size(wide ? 32 : 20),
    link: entry.u32(wide ? 40 : 24),
    entryBytes: entry.size(wide ? 56 : 36),
  };
  return { section, name: entry.u32(0) };
}

function sectionNames({ source }: ElfBytes, section: ElfSection | undefined): Buffer {
  if (section === undefined) throw elfError(source, 'the section of section names does not exist');
  return takeBytes(source, section.offset, section.sizeBytes, 'section names');
}

/** The bytes of a section; empty for one that takes no space in the file. */
export function sectionBytes(elf: ElfFile, section: ElfSection): Buffer {
  return section.type === 8
    ? Buffer.alloc(0)
    : takeBytes(elf.source, section.offset, section.sizeBytes, `section ${section.name}`);
}
