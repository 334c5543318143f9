/** Small ELF files from nothing, any class and byte order, for tests that need a certain fact or a certain fault. */

export interface MadeElf {
  readonly bits?: 32 | 64;
  readonly endian?: 'little' | 'big';
  /** ET_ number; 2 is an executable, 3 a shared object. */
  readonly type?: number;
  readonly machine?: number;
  readonly entry?: number;
  readonly interpreter?: string;
  /** Rows of the dynamic table; strings go to its string table. */
  readonly dynamic?: readonly (readonly [tag: number, value: number | string])[];
  /** Segments with a type and flags only: PT_GNU_STACK, PT_GNU_RELRO. */
  readonly marks?: readonly (readonly [type: number, flags: number])[];
  /** Code at the entry point. */
  readonly code?: Uint8Array;
  /** Bytes right behind the program headers. */
  readonly afterHeaders?: Uint8Array;
}

/** Virtual address of the file's first byte. */
export const BASE = 0x10000;

/** The bytes of an ELF file without sections, its one PT_LOAD covering all of it. */
export function makeElf(made: MadeElf = {}): Buffer {
  const { bits = 64, endian = 'little', dynamic, marks = [] } = made;
  const wide = bits === 64;
  const [headerBytes, segmentBytes, word] = wide ? [64, 56, 8] : [52, 32, 4];
  const strings = stringTable(dynamic ?? []);
  const segmentCount = 1 + marks.length + (made.interpreter === undefined ? 0 : 1) + (dynamic === undefined ? 0 : 1);
  const body = layout(headerBytes + segmentBytes * segmentCount);
  const after = body.add(made.afterHeaders ?? new Uint8Array(0));
  const interp = made.interpreter === undefined ? undefined : body.add(Buffer.from(`${made.interpreter}\0`, 'latin1'));
  const stringsAt = body.add(strings.bytes);
  const code = body.add(made.code ?? new Uint8Array(0));
  const writer = numbers({ wide, little: endian === 'little' });
  const rows = (dynamic ?? []).map(([tag, value]): [number, number] => [
    tag,
    typeof value === 'string' ? (strings.offsets.get(value) ?? 0) : value,
  ]);
  const table =
    dynamic === undefined
      ? undefined
      : body.add(
          Buffer.concat(
            [...rows, [5, BASE + stringsAt.offset], [10, strings.bytes.length], [0, 0]].map(([tag = 0, value = 0]) =>
              Buffer.concat([writer.word(tag), writer.word(value)]),
            ),
          ),
        );
  const total = body.size();
  const segment = (type: number, flags: number, place: { offset: number; size: number }): Buffer =>
    Buffer.concat(
      wide
        ? [
            writer.u32(type),
            writer.u32(flags),
            ...[place.offset, BASE + place.offset, BASE + place.offset, place.size, place.size, word].map(writer.word),
          ]
        : [
            writer.u32(type),
            ...[place.offset, BASE + place.offset, BASE + place.offset, place.size, place.size].map(writer.word),
            writer.u32(flags),
            writer.word(word),
          ],
    );
  const segments = [
    segment(1, 5, { offset: 0, size: total }),
    ...(interp === undefined ? [] : [segment(3, 4, interp)]),
    ...(table === undefined ? [] : [segment(2, 6, table)]),
    ...marks.map(([type, flags]) => segment(type, flags, { offset: 0, size: 0 })),
  ];
  const entry = made.entry ?? (made.code === undefined ? BASE + after.offset : BASE + code.offset);
  const header = Buffer.concat([
    Buffer.from([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, endian === 'little' ? 1 : 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    writer.u16(made.type ?? 2),
    writer.u16(made.machine ?? 62),
    writer.u32(1),
    writer.word(entry),
    writer.word(headerBytes),
    writer.word(0),
    writer.u32(0),
    ...[headerBytes, segmentBytes, segmentCount, wide ? 64 : 40, 0, 0].map(writer.u16),
  ]);
  return Buffer.concat([header, ...segments, body.bytes()]);
}

function stringTable(rows: readonly (readonly [number, number | string])[]): {
  bytes: Buffer;
  offsets: Map<string, number>;
} {
  const offsets = new Map<string, number>();
  let text = '\0';
  for (const [, value] of rows) {
    if (typeof value !== 'string' || offsets.has(value)) continue;
    offsets.set(value, text.length);
    text += `${value}\0`;
  }
  return { bytes: Buffer.from(text, 'latin1'), offsets };
}

function layout(start: number): {
  add: (part: Uint8Array) => { offset: number; size: number };
  bytes: () => Buffer;
  size: () => number;
} {
  const parts: Uint8Array[] = [];
  let end = start;
  return {
    add: (part) => {
      const place = { offset: end, size: part.length };
      parts.push(part);
      end += part.length;
      return place;
    },
    bytes: () => Buffer.concat(parts),
    size: () => end,
  };
}

function numbers({
  wide,
  little,
}: {
  wide: boolean;
  little: boolean;
}): Record<'u16' | 'u32' | 'word', (value: number) => Buffer> {
  const make = (size: number, value: bigint): Buffer => {
    const bytes = Buffer.from(value.toString(16).padStart(size * 2, '0'), 'hex');
    return little ? bytes.reverse() : bytes;
  };
  return {
    u16: (value) => make(2, BigInt(value)),
    u32: (value) => make(4, BigInt(value)),
    word: (value) => make(wide ? 8 : 4, BigInt(value)),
  };
}
