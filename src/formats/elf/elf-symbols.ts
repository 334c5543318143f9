/** Symbol tables of an ELF file, streamed: a large program has hundreds of thousands. @see elf(5), "Symbol table" */
import { sectionBytes, type ElfFile, type ElfSection } from './elf.ts';
import { elfError, fieldsOf, stringsOf } from './elf-bytes.ts';

const SYMBOLS_CAP = 8_000_000;
export const [SHT_SYMTAB, SHT_DYNSYM] = [2, 11] as const;

export interface ElfSymbol {
  readonly name: string;
  readonly kind: 'none' | 'object' | 'function' | 'section' | 'file' | 'other';
  readonly binding: 'local' | 'global' | 'weak' | 'other';
  /** false: another file must define it. */
  readonly defined: boolean;
  readonly sizeBytes: number;
}

const KINDS: readonly ElfSymbol['kind'][] = ['none', 'object', 'function', 'section', 'file', 'object', 'object'];
const BINDINGS: readonly ElfSymbol['binding'][] = ['local', 'global', 'weak'];

/**
 * Each symbol of the tables of `type` (SHT_SYMTAB or SHT_DYNSYM), in file order, without the null symbol.
 *
 * @throws ALP_FORMAT_ELF
 */
export function* readSymbols(elf: ElfFile, type: number): Generator<ElfSymbol> {
  const [section, ...more] = elf.sections.filter((candidate) => candidate.type === type);
  if (more.length > 0)
    throw elfError(elf.source, `${more.length + 1} symbol tables of type ${type}, expected one at most`);
  if (section !== undefined) yield* symbolsOf(elf, section);
}

function* symbolsOf(elf: ElfFile, section: ElfSection): Generator<ElfSymbol> {
  const wide = elf.bits === 64;
  const size = wide ? 24 : 16;
  const strings = elf.sections[section.link];
  if (section.entryBytes !== size)
    throw elfError(elf.source, `symbols of ${section.entryBytes} bytes, expected ${size}`);
  if (strings === undefined) throw elfError(elf.source, 'a symbol table has no string table');
  if (section.sizeBytes / size > SYMBOLS_CAP) throw elfError(elf.source, `more than ${SYMBOLS_CAP} symbols`);
  const nameAt = stringsOf(elf.source, sectionBytes(elf, strings));
  const table = sectionBytes(elf, section);
  const fields = fieldsOf(elf, table);
  for (let at = size; at + size <= table.length; at += size) {
    const info = table[at + (wide ? 4 : 12)] ?? 0;
    yield {
      name: nameAt(fields.u32(at)),
      kind: (info & 15) === 10 ? 'function' : (KINDS[info & 15] ?? 'other'),
      binding: BINDINGS[info >> 4] ?? 'other',
      defined: fields.u16(at + (wide ? 6 : 14)) !== 0,
      sizeBytes: fields.size(at + (wide ? 16 : 8)),
    };
  }
}
