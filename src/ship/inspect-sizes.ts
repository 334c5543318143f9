/**
 * Where a program's bytes come from. A linker map says it exactly, by library and member; without one the symbol
 * table says which source file each local symbol is from, and leaves the exported ones without a home.
 */
import type { ByteSource } from '../core/bytes.ts';
import { parseElf } from '../formats/elf/elf.ts';
import { readSymbols, SHT_SYMTAB } from '../formats/elf/elf-symbols.ts';
import { parseLinkerMap, type MapPiece } from '../formats/elf/linker-map.ts';

export interface MemberSize {
  readonly name: string;
  readonly sizeBytes: number;
}

export interface LibrarySize {
  /** `libcrypto.a`, `main.o`; for symbol tables a source file. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Largest first. */
  readonly members: readonly MemberSize[];
}

export interface SizeBreakdown {
  /** `map`: exact, by archive member. `symbols`: what the symbol table accounts for. `none`: stripped, no map. */
  readonly from: 'map' | 'symbols' | 'none';
  readonly totalBytes: number;
  /** Largest first, then by name. */
  readonly libraries: readonly LibrarySize[];
}

/** Output sections that are not part of the file that is shipped. */
const NOT_SHIPPED = /^\.(?:debug_|zdebug_|comment|note\.GNU-stack|gnu\.lto_|stab|bss$|tbss$)|^\/DISCARD\/$|^COMMON$/;

/**
 * Sizes by library and member out of a linker map.
 *
 * @throws ALP_FORMAT_TEXT when the text is not a linker map
 */
export function sizesFromMap(map: string): SizeBreakdown {
  const pieces = parseLinkerMap(map).filter(({ outputSection }) => !NOT_SHIPPED.test(outputSection));
  return breakdown(
    'map',
    pieces.map((piece: MapPiece) => ({
      library: baseName(piece.file),
      member: piece.member ?? piece.section,
      sizeBytes: piece.sizeBytes,
    })),
  );
}

/**
 * Sizes by source file out of the symbol table; `(exported)` collects the symbols that no file is named for.
 *
 * @throws ALP_FORMAT_ELF
 */
export function sizesFromSymbols(source: ByteSource): SizeBreakdown {
  const elf = parseElf(source);
  if (!elf.sections.some(({ type }) => type === SHT_SYMTAB)) return { from: 'none', totalBytes: 0, libraries: [] };
  const pieces: Piece[] = [];
  let file = '(unnamed)';
  for (const symbol of readSymbols(elf, SHT_SYMTAB)) {
    if (symbol.kind === 'file') file = symbol.name === '' ? '(unnamed)' : symbol.name;
    else if (symbol.defined && symbol.sizeBytes > 0 && (symbol.kind === 'function' || symbol.kind === 'object')) {
      pieces.push({
        library: symbol.binding === 'local' ? file : '(exported)',
        member: symbol.name,
        sizeBytes: symbol.sizeBytes,
      });
    }
  }
  return breakdown('symbols', pieces);
}

interface Piece {
  readonly library: string;
  readonly member: string;
  readonly sizeBytes: number;
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

const bySize = (a: MemberSize, b: MemberSize): number => b.sizeBytes - a.sizeBytes || (a.name < b.name ? -1 : 1);

function breakdown(from: SizeBreakdown['from'], pieces: readonly Piece[]): SizeBreakdown {
  const libraries = new Map<string, Map<string, number>>();
  for (const { library, member, sizeBytes } of pieces) {
    const members = libraries.get(library) ?? new Map<string, number>();
    members.set(member, (members.get(member) ?? 0) + sizeBytes);
    libraries.set(library, members);
  }
  const rows = [...libraries].map(([name, sizes]) => {
    const members = [...sizes].map(([member, sizeBytes]) => ({ name: member, sizeBytes })).sort(bySize);
    return { name, sizeBytes: members.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), members };
  });
  return { from, totalBytes: rows.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), libraries: rows.sort(bySize) };
}
