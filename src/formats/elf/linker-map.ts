/**
 * The map that GNU ld writes for `-Wl,-Map=FILE`: which input file each piece of the output came from.
 *
 * @see GNU ld manual 2.40, "--print-map"; binutils `ld/ldlang.c` print_input_section
 */
import { AlprootError } from '../../core/errors.ts';

export interface MapPiece {
  /** The output section it went into: `.text`. */
  readonly outputSection: string;
  /** The input section: `.text.startup.main`. */
  readonly section: string;
  /** Path of the object or archive, as the linker was given it. */
  readonly file: string;
  /** Archive member: `printf.lo`; undefined for an object file. */
  readonly member: string | undefined;
  readonly sizeBytes: number;
}

const START = /^Linker script and memory map$/m;
const OUTPUT = /^([^\s*(][^\s]*)(?:\s+0x[0-9a-f]+\s+0x[0-9a-f]+.*)?$/;
const PIECE = /^ (?:\*\(.*\)|([^\s*]\S*))?\s+0x[0-9a-f]+\s+0x([0-9a-f]+)\s+(\S.*)$/;
const PIECE_NAME = /^ ([^\s*(]\S*)$/;

/**
 * The pieces of a map that take space, in file order.
 *
 * @param text the whole map
 * @throws ALP_FORMAT_TEXT when it is not a map of GNU ld
 */
export function parseLinkerMap(text: string): MapPiece[] {
  const start = START.exec(text);
  if (start === null) {
    throw new AlprootError(
      'ALP_FORMAT_TEXT',
      'this is not a linker map: the line `Linker script and memory map` is missing',
      { hint: 'make one with -Wl,-Map=FILE (GNU ld)' },
    );
  }
  const pieces: MapPiece[] = [];
  const state = { output: '', pendingName: '' };
  for (const line of text.slice(start.index).split('\n').slice(1)) {
    const piece = readLine(line.trimEnd(), state);
    if (piece !== undefined) pieces.push(piece);
  }
  return pieces;
}

/** One line; long section names stand on a line of their own, their numbers on the next. */
function readLine(line: string, state: { output: string; pendingName: string }): MapPiece | undefined {
  if (line === '') return undefined;
  if (!line.startsWith(' ')) {
    const output = OUTPUT.exec(line)?.[1];
    if (output !== undefined) Object.assign(state, { output, pendingName: '' });
    return undefined;
  }
  const named = PIECE_NAME.exec(line);
  if (named !== null) {
    state.pendingName = named[1] ?? '';
    return undefined;
  }
  const [whole, name, size = '0', rest = ''] = PIECE.exec(line) ?? [];
  const section = name ?? state.pendingName;
  state.pendingName = '';
  const sizeBytes = Number.parseInt(size, 16);
  if (
    whole === undefined ||
    section === '' ||
    sizeBytes === 0 ||
    !Number.isSafeInteger(sizeBytes) ||
    /^\(size before/.test(rest)
  )
    return undefined;
  const archive = /^(.*)\(([^()]+)\)$/.exec(rest);
  return { outputSection: state.output, section, file: archive?.[1] ?? rest, member: archive?.[2], sizeBytes };
}
