/**
 * An ADB block, written as apk writes it: children before parents, each value aligned to its own width, and what was
 * written before is pointed at instead of written again. The same calls give the same bytes.
 *
 * @see apk-tools 3.0 `adb.c`: `adb_w_data`, `adb_w_blob`, `adb_w_obj`
 */
import { deflateRawSync } from 'node:zlib';
import { adbError, type AdbSchema } from './adb-block-reader.ts';
import type { AdbKind } from './adb-schema.ts';
import type { AdbObject, AdbValue } from './adb-values.ts';

export interface AdbWriter {
  /** Each returns the word that stands for the value: 0 for nothing. */
  readonly blob: (bytes: Uint8Array) => number;
  readonly number: (value: number) => number;
  /** A list or an object, of the words of its items or fields; trailing zeros are left out. */
  readonly list: (words: readonly number[], type?: 'array' | 'object') => number;
  /** The block, with the root object that `word` stands for. */
  readonly finish: (word: number) => Buffer;
}

const TYPE = { int: 1, int32: 2, blob8: 8, blob16: 9, blob32: 10, array: 0xd, object: 0xe } as const;
const INLINE_LIMIT = 0x1000_0000;
const HEADER_BYTES = 8;

export function createAdbWriter(): AdbWriter {
  const parts: Buffer[] = [Buffer.alloc(HEADER_BYTES)];
  let length = HEADER_BYTES;
  /** Where a run of bytes lies, by alignment that it has at least. */
  const known = new Map<string, number>();
  const word = (type: keyof typeof TYPE, value: number): number => TYPE[type] * INLINE_LIMIT + value;

  function put(bytes: Buffer, alignment: number): number {
    const key = bytes.toString('latin1');
    const before = known.get(key);
    if (before !== undefined && before % alignment === 0) return before;
    const at = Math.ceil(length / alignment) * alignment;
    if (at + bytes.length >= INLINE_LIMIT) throw adbError('too much for one ADB block');
    parts.push(Buffer.alloc(at - length), bytes);
    length = at + bytes.length;
    known.set(key, at);
    return at;
  }

  const words = (values: readonly number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);
  return {
    blob: (bytes) => {
      const { length: size } = bytes;
      if (size === 0) return 0;
      const [type, width] = lengthField(size);
      const head = Buffer.alloc(width);
      head.writeUIntLE(size, 0, width);
      return word(type, put(Buffer.concat([head, bytes]), width));
    },
    number: (value) => (value < INLINE_LIMIT ? word('int', value) : word('int32', put(words([value]), 4))),
    list: (values, type = 'object') => {
      const used = values.findLastIndex((value) => value !== 0) + 1;
      return used === 0 ? 0 : word(type, put(words([used + 1, ...values.slice(0, used)]), 4));
    },
    finish: (root) => {
      const block = Buffer.concat(parts, length);
      block.writeUInt32LE(root, 4);
      return block;
    },
  };
}

/** The word of a value that was read, of everything in it, in its schema's order. */
export function writeAdbValue(writer: AdbWriter, value: AdbValue | undefined, kind: AdbKind): number {
  if (value === undefined) return 0;
  if (typeof value === 'number') return writer.number(value);
  if (Buffer.isBuffer(value)) return writer.blob(value);
  if (kind.kind === 'array')
    return writer.list((value as readonly AdbValue[]).map((item) => writeAdbValue(writer, item, kind.item)));
  return writer.list(writeAdbFields(writer, value as AdbObject, kind));
}

/** The words of an object's fields, in the schema's order. */
export const writeAdbFields = (writer: AdbWriter, object: AdbObject, kind: AdbKind): number[] =>
  kind.kind === 'object' ? kind.fields.map(({ name, type }) => writeAdbValue(writer, object.get(name), type)) : [];

const BLOCK_TYPE = { adb: 0, signature: 1, data: 2 } as const;
const ALIGNMENT = 8;

/** One block of a v3 file, padded. @throws ALP_FORMAT_ADB for 1 GiB and more */
export function formatAdbBlock(type: keyof typeof BLOCK_TYPE, bytes: Uint8Array): Buffer {
  const size = bytes.length + 4;
  if (size > 0x3fff_ffff) throw adbError('too much for one block');
  const head = Buffer.alloc(4);
  head.writeUInt32LE((BLOCK_TYPE[type] * 0x4000_0000 + size) >>> 0);
  return Buffer.concat([head, bytes, Buffer.alloc((ALIGNMENT - (size % ALIGNMENT)) % ALIGNMENT)]);
}

/** A v3 file of blocks in their order, deflated as apk does unless `isPlain`. */
export function formatAdbFile(schema: AdbSchema, blocks: readonly Buffer[], isPlain = false): Buffer {
  const file = Buffer.concat([Buffer.from(schema === 'index' ? 'ADB.indx' : 'ADB.pckg', 'latin1'), ...blocks]);
  return isPlain ? file : Buffer.concat([Buffer.from('ADBd', 'latin1'), deflateRawSync(file)]);
}

/** The type of a blob, and the bytes that its length takes. */
function lengthField(size: number): readonly ['blob8' | 'blob16' | 'blob32', number] {
  if (size > 0xffff) return ['blob32', 4];
  return size > 0xff ? ['blob16', 2] : ['blob8', 1];
}
