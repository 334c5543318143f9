/**
 * Values inside an ADB block: tagged 32-bit words, offsets into the block. Every offset is checked against the
 * block, nesting follows the schema only, and the total of values is capped, so no cycle can hold a reader up.
 *
 * @see apk-tools 3.0 `adb.h`
 */
import { limits } from '../../core/limits.ts';
import { adbError } from './adb-block-reader.ts';
import type { AdbKind } from './adb-schema.ts';

/** A value as the schema shapes it: text and hex as latin1 bytes, numbers, lists, objects by field name in order. */
export type AdbValue = number | Buffer | readonly AdbValue[] | AdbObject;
export type AdbObject = ReadonlyMap<string, AdbValue>;

const HEADER_BYTES = 8;
const MASK = 0x0fffffff;

/** A block that is being parsed. */
interface Block {
  readonly bytes: Buffer;
  /** Values that may still come. */
  budget: number;
}

/** @throws ALP_FORMAT_ADB for anything outside the block or against the schema */
export function parseAdbRoot(bytes: Buffer, kind: AdbKind): AdbObject {
  if (bytes.length < HEADER_BYTES) throw adbError('an ADB block without header');
  if (bytes[0] !== 0) throw adbError(`an ADB block of a later, incompatible version (${bytes[0] ?? 0})`);
  const root = valueAt({ bytes, budget: 16 * limits.entryCount }, bytes.readUInt32LE(4), kind);
  if (!(root instanceof Map)) throw adbError('an ADB block without root object');
  return root;
}

function valueAt(block: Block, word: number, expected: AdbKind): AdbValue | undefined {
  if (--block.budget < 0) throw adbError('an ADB block of too many values');
  if (word === 0) return undefined;
  const type = word >>> 28;
  const value = word & MASK;
  if (expected.kind === 'number') return numberAt(block.bytes, type, value);
  if (expected.kind === 'blob') return blobAt(block.bytes, type, value);
  if (expected.kind === 'array') return listAt(block, word, expected.item);
  if (type !== 0xe) throw adbError('no object where the schema has one');
  const object = new Map<string, AdbValue>();
  for (const [index, slot] of slotsAt(block.bytes, value).entries()) {
    const field = expected.fields[index];
    if (field === undefined) {
      if (slot === 0) continue;
      throw adbError(`field ${index + 1} of an object is unknown`);
    }
    const parsed = valueAt(block, slot, field.type);
    if (parsed !== undefined) object.set(field.name, parsed);
  }
  return object;
}

function listAt(block: Block, word: number, item: AdbKind): AdbValue[] {
  const type = word >>> 28;
  // apk's writer tags a list as an object in some places, and its reader takes either.
  if (type !== 0xd && type !== 0xe) throw adbError('no list where the schema has one');
  return slotsAt(block.bytes, word & MASK).map((slot) => {
    const value = valueAt(block, slot, item);
    if (value === undefined) throw adbError('an empty item in a list');
    return value;
  });
}

/** The words after the count, which counts itself. */
function slotsAt(bytes: Buffer, offset: number): number[] {
  const count = wordAt(bytes, offset);
  if (offset % 4 !== 0 || count === 0 || count > (bytes.length - offset) / 4)
    throw adbError('a list or object that leaves its block');
  return Array.from({ length: count - 1 }, (_, index) => wordAt(bytes, offset + 4 * (index + 1)));
}

function numberAt(bytes: Buffer, type: number, value: number): number {
  if (type === 1) return value;
  if (type === 2) return wordAt(bytes, value);
  if (type !== 3 || value + 8 > bytes.length) throw adbError('no number where the schema has one');
  const wide = bytes.readBigUInt64LE(value);
  if (wide > BigInt(Number.MAX_SAFE_INTEGER)) throw adbError('a number that is too large');
  return Number(wide);
}

function blobAt(bytes: Buffer, type: number, offset: number): Buffer {
  const width = { 8: 1, 9: 2, 10: 4 }[type];
  if (width === undefined || offset + width > bytes.length) throw adbError('no text where the schema has one');
  const start = offset + width;
  const end = start + bytes.readUIntLE(offset, width);
  if (end > bytes.length) throw adbError('a text that leaves its block');
  return bytes.subarray(start, end);
}

function wordAt(bytes: Buffer, offset: number): number {
  if (offset + 4 > bytes.length) throw adbError('a value outside its block');
  return bytes.readUInt32LE(offset);
}

/** Text of a field, one character per byte; '' when absent. */
export function adbText(object: AdbObject, name: string): string {
  const value = object.get(name);
  return Buffer.isBuffer(value) ? value.toString('latin1') : '';
}

/** Number of a field; 0 when absent. */
export function adbNumber(object: AdbObject, name: string): number {
  const value = object.get(name);
  return typeof value === 'number' ? value : 0;
}

/** Objects of a list field; none when absent. */
export function adbObjects(object: AdbObject, name: string): readonly AdbObject[] {
  const value = object.get(name);
  return Array.isArray(value) ? (value as readonly AdbObject[]) : [];
}

/** A nested object; an empty one when absent. */
export function adbObject(object: AdbObject, name: string): AdbObject {
  const value = object.get(name);
  return value instanceof Map ? value : new Map();
}

/** Texts of a list field; none when absent. */
export function adbTexts(object: AdbObject, name: string): readonly string[] {
  const value = object.get(name);
  return Array.isArray(value)
    ? (value as readonly AdbValue[]).filter((item) => Buffer.isBuffer(item)).map((item) => item.toString('latin1'))
    : [];
}
