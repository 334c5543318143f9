/**
 * What the dynamic loader would read: needed libraries, search paths, flags, versions. Found through the program
 * headers, as the loader does, so that a file without section headers hides nothing.
 *
 * @see System V ABI chapter 5, "Dynamic Section"; LSB 5.0, "Symbol Versioning"
 */
import type { ElfFile, ElfSegment } from './elf.ts';
import { elfError, fieldsOf, stringsOf, takeBytes } from './elf-bytes.ts';

const DYNAMIC_ENTRIES_CAP = 65_536;
const VERSIONS_CAP = 65_536;

const [PT_LOAD, PT_DYNAMIC, PT_INTERP] = [1, 2, 3];
const TAG = {
  NEEDED: 1,
  STRTAB: 5,
  STRSZ: 10,
  SONAME: 14,
  RPATH: 15,
  TEXTREL: 22,
  JMPREL: 23,
  BIND_NOW: 24,
  RUNPATH: 29,
  FLAGS: 30,
  FLAGS_1: 0x6ffffffb,
  VERNEED: 0x6ffffffe,
  VERNEEDNUM: 0x6fffffff,
} as const;
const [DF_TEXTREL, DF_BIND_NOW, DF_1_NOW, DF_1_PIE] = [0x4n, 0x8n, 0x1n, 0x08000000n];

export interface ElfDynamic {
  /** DT_NEEDED, in order. */
  readonly needed: readonly string[];
  readonly soname: string | undefined;
  readonly rpath: string | undefined;
  readonly runpath: string | undefined;
  readonly bindNow: boolean;
  readonly textRelocations: boolean;
  /** There are function calls that are bound through a table (DT_JMPREL). */
  readonly hasLazyCalls: boolean;
  /** DF_1_PIE. */
  readonly pie: boolean;
  /** Versions asked of each library: `{ library: 'libc.so.6', versions: ['GLIBC_2.34'] }`. */
  readonly versionNeeds: readonly { readonly library: string; readonly versions: readonly string[] }[];
}

/** The program that PT_INTERP asks for; undefined when there is none. @throws ALP_FORMAT_ELF */
export function readInterpreter(elf: ElfFile): string | undefined {
  const segment = elf.segments.find(({ type }) => type === PT_INTERP);
  if (segment === undefined) return undefined;
  if (segment.fileBytes === 0 || segment.fileBytes > 4096)
    throw elfError(elf.source, `interpreter name takes ${segment.fileBytes} bytes, expected 1 to 4096`);
  return stringsOf(elf.source, takeBytes(elf.source, segment.offset, segment.fileBytes, 'interpreter name'))(0);
}

/** The dynamic table; undefined when the file has none. @throws ALP_FORMAT_ELF */
export function readDynamic(elf: ElfFile): ElfDynamic | undefined {
  const segment = elf.segments.find(({ type }) => type === PT_DYNAMIC);
  if (segment === undefined) return undefined;
  const entries = dynamicEntries(elf, segment);
  const first = (tag: number): bigint | undefined => entries.find((entry) => entry.tag === tag)?.value;
  const stringAt = stringsOf(elf.source, dynamicStrings(elf, first(TAG.STRTAB), first(TAG.STRSZ)));
  const text = (value: bigint): string => stringAt(Number(value));
  const optional = (tag: number): string | undefined => {
    const value = first(tag);
    return value === undefined ? undefined : text(value);
  };
  const flags = first(TAG.FLAGS) ?? 0n;
  const flags1 = first(TAG.FLAGS_1) ?? 0n;
  return {
    needed: entries.filter(({ tag }) => tag === TAG.NEEDED).map(({ value }) => text(value)),
    soname: optional(TAG.SONAME),
    rpath: optional(TAG.RPATH),
    runpath: optional(TAG.RUNPATH),
    bindNow: first(TAG.BIND_NOW) !== undefined || (flags & DF_BIND_NOW) !== 0n || (flags1 & DF_1_NOW) !== 0n,
    textRelocations: first(TAG.TEXTREL) !== undefined || (flags & DF_TEXTREL) !== 0n,
    hasLazyCalls: first(TAG.JMPREL) !== undefined,
    pie: (flags1 & DF_1_PIE) !== 0n,
    versionNeeds: readVersionNeeds(elf, {
      address: first(TAG.VERNEED),
      count: Number(first(TAG.VERNEEDNUM) ?? 0n),
      stringAt,
    }),
  };
}

interface DynamicEntry {
  readonly tag: number;
  readonly value: bigint;
}

/** Entries up to DT_NULL. */
function dynamicEntries(elf: ElfFile, segment: ElfSegment): DynamicEntry[] {
  const size = elf.bits === 64 ? 16 : 8;
  if (segment.fileBytes > DYNAMIC_ENTRIES_CAP * size)
    throw elfError(elf.source, `dynamic table takes ${segment.fileBytes} bytes`);
  const table = takeBytes(elf.source, segment.offset, segment.fileBytes, 'dynamic table');
  const fields = fieldsOf(elf, table);
  const entries: DynamicEntry[] = [];
  for (let at = 0; at + size <= table.length; at += size) {
    const tag = fields.address(at);
    if (tag === 0n) break;
    entries.push({ tag: Number(BigInt.asUintN(32, tag)), value: fields.address(at + size / 2) });
  }
  return entries;
}

/** The file offset of a virtual address, and how many bytes of the file follow it there. */
export function fileOffsetOf(
  elf: ElfFile,
  address: bigint,
): { readonly offset: number; readonly available: number } | undefined {
  for (const { type, address: start, fileBytes, offset } of elf.segments) {
    const inside = address - start;
    if (type === PT_LOAD && inside >= 0n && inside < BigInt(fileBytes)) {
      return { offset: offset + Number(inside), available: fileBytes - Number(inside) };
    }
  }
  return undefined;
}

function dynamicStrings(elf: ElfFile, address: bigint | undefined, size: bigint | undefined): Buffer {
  if (address === undefined || size === undefined) return Buffer.alloc(0);
  const place = fileOffsetOf(elf, address);
  if (place === undefined || size > BigInt(place.available))
    throw elfError(elf.source, 'dynamic string table is not in the file');
  return takeBytes(elf.source, place.offset, Number(size), 'dynamic string table');
}

interface VersionTable {
  readonly address: bigint | undefined;
  readonly count: number;
  readonly stringAt: (at: number) => string;
}

/** Walks Verneed and Vernaux records; the steps between them only go forward, so the walk ends. */
function readVersionNeeds(elf: ElfFile, { address, count, stringAt }: VersionTable): ElfDynamic['versionNeeds'] {
  if (address === undefined || count === 0) return [];
  if (count > VERSIONS_CAP)
    throw elfError(elf.source, `${count} libraries with versions are more than ${VERSIONS_CAP}`);
  const place = fileOffsetOf(elf, address);
  if (place === undefined) throw elfError(elf.source, 'version table is not in the file');
  const budget = { left: VERSIONS_CAP };
  const needs: { library: string; versions: string[] }[] = [];
  for (let index = 0, at = place.offset; index < count; index++) {
    const need = fieldsOf(elf, takeBytes(elf.source, at, 16, 'version record'));
    const versions = readVersions(elf, { at: at + need.u32(8), count: need.u16(2), stringAt, budget });
    needs.push({ library: stringAt(need.u32(4)), versions });
    if (need.u32(12) === 0) break;
    at += need.u32(12);
  }
  return needs;
}

interface VersionList {
  readonly at: number;
  readonly count: number;
  readonly stringAt: (at: number) => string;
  /** Shared by all lists of a file, since they may overlap in a hostile one. */
  readonly budget: { left: number };
}

function readVersions(elf: ElfFile, { at: start, count, stringAt, budget }: VersionList): string[] {
  const versions: string[] = [];
  for (let index = 0, at = start; index < count; index++) {
    if (--budget.left < 0) throw elfError(elf.source, `more than ${VERSIONS_CAP} versions are asked for`);
    const entry = fieldsOf(elf, takeBytes(elf.source, at, 16, 'version record'));
    versions.push(stringAt(entry.u32(8)));
    if (entry.u32(12) === 0) break;
    at += entry.u32(12);
  }
  return versions;
}
