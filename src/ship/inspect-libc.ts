/**
 * Which C library a program was built with, and what says so. Marks are weighed by what they prove: what the
 * loader will be asked for is certain; start code, notes and symbols are left by the library's own objects;
 * strings may have been put there by anybody and only count when nothing else speaks.
 */
import type { ElfFile } from '../formats/elf/elf.ts';
import { fileOffsetOf, type ElfDynamic } from '../formats/elf/elf-dynamic.ts';
import type { ElfNote } from '../formats/elf/elf-notes.ts';

export type Libc = 'musl' | 'glibc' | 'unknown';

export interface LibcVerdict {
  readonly name: Libc;
  /** The newest symbol version asked for, without `GLIBC_`: `2.34`. */
  readonly needsVersion: string | undefined;
  /** What was seen, in plain words. */
  readonly evidence: readonly string[];
}

interface Mark {
  readonly libc: Exclude<Libc, 'unknown'>;
  /** 3: asked of the loader; 2: the library's own objects; 1: text. */
  readonly weight: 1 | 2 | 3;
  readonly text: string;
}

export interface LibcClues {
  readonly elf: ElfFile;
  readonly interpreter: string | undefined;
  readonly dynamic: ElfDynamic | undefined;
  readonly notes: readonly ElfNote[];
  /** Names of all symbols that matter here (see LIBC_SYMBOLS). */
  readonly symbols: ReadonlySet<string>;
  readonly strings: readonly string[];
}

/** Symbols that only one of the two libraries defines or asks for. */
export const LIBC_SYMBOLS: Readonly<Record<string, Mark['libc']>> = {
  _IO_stdin_used: 'glibc',
  __libc_setup_tls: 'glibc',
  _dl_relocate_static_pie: 'glibc',
  _IO_2_1_stdout_: 'glibc',
  __libc_csu_init: 'glibc',
  _dl_aux_init: 'glibc',
  __libc_start_call_main: 'glibc',
  __nptl_initial_report_events: 'glibc',
  _start_c: 'musl',
  _dlstart_c: 'musl',
  libc_start_main_stage2: 'musl',
  static_init_tls: 'musl',
  __init_libc: 'musl',
  __init_ssp: 'musl',
  __stdout_write: 'musl',
  __towrite_needs_stdio_exit: 'musl',
  __syscall_ret: 'musl',
};

/** Strings that only one of the two libraries holds. */
export const LIBC_STRINGS: Readonly<Record<string, Mark['libc']>> = {
  'GNU C Library (': 'glibc',
  'glibc.malloc.check': 'glibc',
  'FATAL: kernel too old\n': 'glibc',
  LIBC_FATAL_STDERR_: 'glibc',
  '/usr/lib/gconv': 'glibc',
  '-0X+0X 0X-0x+0x 0x': 'musl',
  'No error information': 'musl',
  'musl libc (': 'musl',
  '/etc/ld-musl-': 'musl',
};

/** Sections that the linker makes of glibc's objects alone. */
const GLIBC_SECTIONS: readonly string[] = [
  '__libc_freeres_fn',
  '__libc_atexit',
  '__libc_IO_vtables',
  '__libc_subfreeres',
  '__libc_freeres_ptrs',
];

/** First instructions of each library's crt1.o, byte patterns in hex, `..` for any byte, by EM_ number. */
const START_CODE: Readonly<Record<number, readonly { readonly libc: Mark['libc']; readonly pattern: string }[]>> = {
  62: [
    { libc: 'musl', pattern: '4831ed4889e7488d35........4883e4f0e8' },
    { libc: 'glibc', pattern: '31ed4989d15e4889e24883e4f0505445' },
    { libc: 'glibc', pattern: '31ed4989d15e4889e24883e4f050544c8d05' },
    { libc: 'glibc', pattern: 'f30f1efa31ed4989d15e4889e24883e4f05054' },
  ],
  183: [
    { libc: 'musl', pattern: '1d0080d21e0080d2e0030091' },
    { libc: 'glibc', pattern: '1d0080d21e0080d2e50300aae10340f9' },
    { libc: 'glibc', pattern: '5f2403d51d0080d21e0080d2e50300aae10340f9' },
    { libc: 'glibc', pattern: '1f2003d51d0080d21e0080d2e50300aae10340f9' },
  ],
};

/** The verdict over all clues; `unknown` when nothing speaks or the strongest marks contradict each other. */
export function classifyLibc(clues: LibcClues): LibcVerdict {
  const marks = [...loaderMarks(clues), ...objectMarks(clues), ...stringMarks(clues)];
  const strongest = Math.max(0, ...marks.map(({ weight }) => weight));
  const names = new Set(marks.filter(({ weight }) => weight === strongest).map(({ libc }) => libc));
  const [only] = names;
  return {
    name: names.size === 1 && only !== undefined ? only : 'unknown',
    needsVersion: newestVersion(clues.dynamic),
    evidence: marks.map(({ text }) => text),
  };
}

function loaderMarks({ interpreter, dynamic }: LibcClues): Mark[] {
  const marks: Mark[] = [];
  const add = (libc: Mark['libc'], text: string): unknown => marks.push({ libc, weight: 3, text });
  if (interpreter !== undefined && /(?:^|\/)ld-musl-[^/]+$/.test(interpreter))
    add('musl', `interpreter ${interpreter}`);
  if (interpreter !== undefined && /(?:^|\/)ld(?:-linux[^/]*|64|-[\d.]+)?\.so(?:\.\d+)?$/.test(interpreter))
    add('glibc', `interpreter ${interpreter}`);
  for (const library of dynamic?.needed ?? []) {
    if (/^libc\.musl-.*\.so\.1$/.test(library) || library === 'libc.so') add('musl', `needs ${library}`);
    if (/^libc\.so\.6(?:\.1)?$/.test(library)) add('glibc', `needs ${library}`);
  }
  if (/^(?:libc\.musl-|ld-musl-)/.test(dynamic?.soname ?? '')) add('musl', `is ${dynamic?.soname}`);
  const newest = newestVersion(dynamic);
  if (newest !== undefined) add('glibc', `asks for symbols of version GLIBC_${newest}`);
  return marks;
}

function objectMarks({ elf, notes, symbols }: LibcClues): Mark[] {
  const marks: Mark[] = [];
  const add = (libc: Mark['libc'], text: string): unknown => marks.push({ libc, weight: 2, text });
  const start = startCode(elf);
  if (start !== undefined) add(start, `start code of ${start}'s crt1.o`);
  if (notes.some(({ owner, type }) => owner === 'GNU' && type === 1)) add('glibc', "the ABI note of glibc's crt1.o");
  for (const { name } of elf.sections) if (GLIBC_SECTIONS.includes(name)) add('glibc', `section ${name}`);
  for (const [name, libc] of Object.entries(LIBC_SYMBOLS)) if (symbols.has(name)) add(libc, `symbol ${name}`);
  return marks;
}

const stringMarks = ({ strings }: LibcClues): Mark[] =>
  strings.flatMap((text) => {
    const libc = LIBC_STRINGS[text];
    return libc === undefined ? [] : [{ libc, weight: 1 as const, text: `string "${text.trim()}"` }];
  });

function startCode(elf: ElfFile): Mark['libc'] | undefined {
  const place = elf.type === 'relocatable' || elf.entry === 0n ? undefined : fileOffsetOf(elf, elf.entry);
  if (place === undefined) return undefined;
  const code = Buffer.alloc(Math.min(32, place.available));
  const count = elf.source.read(code, place.offset);
  const hex = code.toString('hex', 0, count);
  return START_CODE[elf.machine]?.find(({ pattern }) => matchesHex(hex, pattern))?.libc;
}

const matchesHex = (hex: string, pattern: string): boolean =>
  hex.length >= pattern.length && [...pattern].every((digit, at) => digit === '.' || digit === hex[at]);

function newestVersion(dynamic: ElfDynamic | undefined): string | undefined {
  const versions = (dynamic?.versionNeeds ?? [])
    .flatMap(({ versions }) => versions)
    .flatMap((version) => /^GLIBC_(\d+(?:\.\d+)*)$/.exec(version)?.[1] ?? []);
  return versions.sort(compareDotted).at(-1);
}

function compareDotted(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
