/** Which object files and archive members were compiled with glibc's headers, by what they ask the linker for. */
import type { ByteSource } from '../core/bytes.ts';
import { hasArMagic, readAr } from '../formats/elf/ar.ts';
import { hasElfMagic, parseElf } from '../formats/elf/elf.ts';
import { readSymbols, SHT_DYNSYM, SHT_SYMTAB } from '../formats/elf/elf-symbols.ts';
import { isGlibcBuilt } from './glibc-symbols.ts';

export interface GlibcObject {
  /** `libcrypto.a(bio_sock.o)`, or the object's own name. */
  readonly name: string;
  /** The file that was given: the archive or the object. */
  readonly file: string;
  /** Symbols that only glibc defines, sorted, at most eight. */
  readonly symbols: readonly string[];
}

const SYMBOLS_SHOWN = 8;

/**
 * The objects among `files` that ask for symbols of glibc. Files that are neither objects nor archives are passed
 * over: a link line names scripts and texts too.
 *
 * @throws ALP_FORMAT_AR, ALP_FORMAT_ELF for damaged ones
 */
export function findGlibcObjects(files: readonly ByteSource[]): GlibcObject[] {
  return files.flatMap((file) => {
    const head = Buffer.alloc(8);
    file.read(head, 0);
    if (hasElfMagic(head)) return glibcObject(file, file.name);
    if (!hasArMagic(head)) return [];
    return [...readAr(file)].flatMap(({ source }) => glibcObject(source, file.name));
  });
}

function glibcObject(source: ByteSource, file: string): GlibcObject[] {
  const head = Buffer.alloc(4);
  source.read(head, 0);
  if (!hasElfMagic(head)) return [];
  const elf = parseElf(source);
  const symbols = new Set<string>();
  for (const type of [SHT_SYMTAB, SHT_DYNSYM]) {
    for (const { name, defined } of readSymbols(elf, type)) if (!defined && isGlibcBuilt(name)) symbols.add(name);
  }
  return symbols.size === 0 ? [] : [{ name: source.name, file, symbols: [...symbols].sort().slice(0, SYMBOLS_SHOWN) }];
}
