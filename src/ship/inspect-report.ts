/**
 * What an ELF file is, told from its bytes alone: nothing is executed, no loader is asked. "Static" means that
 * no interpreter and no library is asked for; what `ldd` says is not looked at.
 */
import { bufferSource, type ByteSource } from '../core/bytes.ts';
import { parseElf, type ElfFile } from '../formats/elf/elf.ts';
import { readDynamic, readInterpreter, type ElfDynamic } from '../formats/elf/elf-dynamic.ts';
import { readNotes } from '../formats/elf/elf-notes.ts';
import { readSymbols, SHT_DYNSYM, SHT_SYMTAB } from '../formats/elf/elf-symbols.ts';
import { classifyLibc, LIBC_STRINGS, LIBC_SYMBOLS, type LibcVerdict } from './inspect-libc.ts';
import { upxOf, type UpxPacking } from './inspect-packed.ts';
import { scanStrings } from './inspect-scan.ts';

const [PT_GNU_STACK, PT_GNU_RELRO, PF_X, SHT_NOBITS] = [0x6474e551, 0x6474e552, 1, 8];
const SHF_EXECINSTR = 4n;
const NT_GNU_BUILD_ID = 3;
const STACK_CHECK = '__stack_chk_fail';

/** How a file comes to its libraries. `packed`: only the unpacking stub can be seen. */
export type Linkage = 'static' | 'static-pie' | 'dynamic' | 'shared-library' | 'object' | 'core' | 'packed';

export interface SectionSize {
  readonly name: string;
  readonly sizeBytes: number;
  /** Takes part in the running program (SHF_ALLOC). */
  readonly loaded: boolean;
  /** Takes space in the file (not .bss). */
  readonly inFile: boolean;
}

/** Everything that `alproot inspect` says; JSON-safe. */
export interface InspectReport {
  readonly name: string;
  readonly sizeBytes: number;
  readonly bits: 32 | 64;
  readonly endian: 'little' | 'big';
  readonly machine: string;
  readonly type: ElfFile['type'];
  readonly linkage: Linkage;
  readonly interpreter: string | undefined;
  readonly needed: readonly string[];
  readonly soname: string | undefined;
  readonly rpath: string | undefined;
  readonly runpath: string | undefined;
  readonly libc: LibcVerdict;
  readonly pie: boolean;
  readonly relro: 'none' | 'partial' | 'full';
  /** The stack is not executable. */
  readonly nx: boolean;
  /** Calls __stack_chk_fail. `unknown`: a static file holds its libc's own copy, or no symbols at all. */
  readonly stackProtector: 'yes' | 'no' | 'unknown';
  readonly textRelocations: boolean;
  readonly stripped: boolean;
  readonly debugInfo: boolean;
  readonly buildId: string | undefined;
  readonly compilers: readonly string[];
  readonly packed: UpxPacking | undefined;
  readonly sourcePaths: readonly string[];
  readonly sections: readonly SectionSize[];
}

/**
 * Judges an ELF file.
 *
 * @throws ALP_FORMAT_ELF for anything that is not a sound ELF file
 */
export function inspectElf(file: ByteSource | Buffer): InspectReport {
  const source = Buffer.isBuffer(file) ? bufferSource('ELF file', file) : file;
  const elf = parseElf(source);
  const interpreter = readInterpreter(elf);
  const dynamic = readDynamic(elf);
  const notes = readNotes(elf);
  const packed = upxOf(elf);
  const symbols = marksAmongSymbols(elf);
  const strings = scanStrings(source, Object.keys(LIBC_STRINGS));
  const linkage = linkageOf(elf, { interpreter, dynamic, packed });
  return {
    name: source.name,
    sizeBytes: source.sizeBytes,
    bits: elf.bits,
    endian: elf.endian,
    machine: elf.machineName,
    type: elf.type,
    linkage,
    interpreter,
    needed: dynamic?.needed ?? [],
    soname: dynamic?.soname,
    rpath: dynamic?.rpath,
    runpath: dynamic?.runpath,
    libc: classifyLibc({ elf, interpreter, dynamic, notes, symbols, strings: strings.found }),
    pie: elf.type === 'shared' && linkage !== 'shared-library',
    relro: relroOf(elf, dynamic),
    nx: hasPlainStack(elf),
    stackProtector: stackProtectorOf(elf, linkage, symbols.has(STACK_CHECK)),
    textRelocations: dynamic?.textRelocations ?? false,
    stripped: !elf.sections.some(({ type }) => type === SHT_SYMTAB),
    debugInfo: elf.sections.some(({ name }) => /^\.z?debug_(?:info|line)$/.test(name)),
    buildId: notes.find(({ owner, type }) => owner === 'GNU' && type === NT_GNU_BUILD_ID)?.bytes.toString('hex'),
    compilers: compilersOf(elf),
    packed,
    sourcePaths: strings.sourcePaths,
    sections: sectionSizes(elf),
  };
}

interface LinkageClues {
  readonly interpreter: string | undefined;
  readonly dynamic: ElfDynamic | undefined;
  readonly packed: UpxPacking | undefined;
}

function linkageOf(elf: ElfFile, { interpreter, dynamic, packed }: LinkageClues): Linkage {
  if (elf.type === 'relocatable') return 'object';
  if (elf.type === 'core') return 'core';
  if (packed !== undefined) return 'packed';
  if (elf.type === 'shared' && isLibrary(elf, dynamic)) return 'shared-library';
  if (interpreter !== undefined || (dynamic?.needed.length ?? 0) > 0) return 'dynamic';
  return elf.type === 'shared' ? 'static-pie' : 'static';
}

/** A position-independent file that is not a program: no mark of a program, and a name of its own or no start. */
const isLibrary = (elf: ElfFile, dynamic: ElfDynamic | undefined): boolean =>
  dynamic?.pie !== true && (dynamic?.soname !== undefined || elf.entry === 0n);

/** Full: nothing that is bound at run time stays writable. */
function stackProtectorOf(elf: ElfFile, linkage: Linkage, isCalled: boolean): InspectReport['stackProtector'] {
  if (isCalled) return 'yes';
  return linkage.startsWith('static') || !hasSymbols(elf) ? 'unknown' : 'no';
}

function relroOf(elf: ElfFile, dynamic: ElfDynamic | undefined): InspectReport['relro'] {
  if (!elf.segments.some(({ type }) => type === PT_GNU_RELRO)) return 'none';
  return dynamic === undefined || dynamic.bindNow || !dynamic.hasLazyCalls ? 'full' : 'partial';
}

/** In a program a segment says it; in an object a section does, and its absence asks for an executable stack. */
function hasPlainStack(elf: ElfFile): boolean {
  const section = elf.sections.find(({ name }) => name === '.note.GNU-stack');
  if (elf.type === 'relocatable') return section !== undefined && (section.flags & SHF_EXECINSTR) === 0n;
  return elf.segments.some(({ type, flags }) => type === PT_GNU_STACK && (flags & PF_X) === 0);
}

const hasSymbols = (elf: ElfFile): boolean =>
  elf.sections.some(({ type, name }) => type === SHT_SYMTAB || (type === SHT_DYNSYM && name === '.dynsym'));

/** The few symbols that say something, out of both tables. */
function marksAmongSymbols(elf: ElfFile): Set<string> {
  const seen = new Set<string>();
  for (const type of [SHT_SYMTAB, SHT_DYNSYM]) {
    for (const { name, defined } of readSymbols(elf, type)) {
      if (name === STACK_CHECK && !defined) seen.add(name);
      else if (Object.hasOwn(LIBC_SYMBOLS, name)) seen.add(name);
    }
  }
  return seen;
}

/** What compilers and linkers wrote into .comment. */
function compilersOf(elf: ElfFile): string[] {
  const section = elf.sections.find(({ name }) => name === '.comment');
  if (section === undefined || section.type === SHT_NOBITS || section.sizeBytes > 65_536) return [];
  const bytes = Buffer.alloc(section.sizeBytes);
  const count = elf.source.read(bytes, section.offset);
  return [...new Set(bytes.toString('latin1', 0, count).split('\0'))]
    .filter((line) => line.trim() !== '')
    .slice(0, 20);
}

const sectionSizes = (elf: ElfFile): SectionSize[] =>
  elf.sections
    .slice(1)
    .map(({ name, sizeBytes, flags, type }) => ({
      name,
      sizeBytes,
      loaded: (flags & 2n) !== 0n,
      inFile: type !== SHT_NOBITS,
    }));
