/**
 * Values inside an ADB block: tagged 32-bit words, offsets into the block. Every offset is checked against the
 * block, nesting follows the schema only, and the total of values is capped, so no cycle can hold a reader up.
 *
 * @see apk-tools 3.0 `adb.h`
 */
import { limits } from '../../core/limits.ts';
import { adbError } from './adb-blocks.ts';
import type { AdbKind } from './adb-schema.ts';

/** A value as the schema shapes it: text and hex as latin1 bytes, numbers, lists, objects by field name in order. */
export type AdbValue = number | Buffer | readonly AdbValue[] | AdbObject;
export type AdbObject = ReadonlyMap<string, AdbValue>;

const HEADER_BYTES = 8;
const MASK = 0x0fffffff;

/** @throws ALP_FORMAT_ADB for anything outside the block or against the schema */
export function parseAdbRoot(block: Buffer, kind: AdbKind): AdbObject {
  if (block.length < HEADER_BYTES) throw adbError('an ADB block without header');
  if (block[0] !== 0) throw adbError(`an ADB block of a later, incompatible version (${block[0] ?? 0})`);
  let budget = 16 * limits.entryCount;
  const root = valueOf(block.readUInt32LE(4), kind);
  if (!(root instanceof Map)) throw adbError('an ADB block without root object');
  return root;

  function valueOf(word: number, expected: AdbKind): AdbValue | undefined {
    if (--budget < 0) throw adbError('an ADB block of too many values');
    if (word === 0) return undefined;
    const type = word >>> 28;
    const value = word & MASK;
    if (expected.kind === 'number') return numberOf(type, value);
    if (expected.kind === 'blob') return blobOf(type, value);
    if (expected.kind === 'array') {
      // apk's writer tags a list as an object in some places, and its reader takes either.
      if (type !== 0xd && type !== 0xe) throw adbError('no list where the schema has one');
      return slotsOf(value).map((slot) => valueOf(slot, expected.item) ?? fail('an empty item in a list'));
    }
    if (type !== 0xe) throw adbError('no object where the schema has one');
    const object = new Map<string, AdbValue>();
    for (const [index, slot] of slotsOf(value).entries()) {
      const field = expected.fields[index];
      if (field === undefined) {
        if (slot === 0) continue;
        throw adbError(`field ${index + 1} of an object is unknown`);
      }
      const parsed = valueOf(slot, field.type);
      if (parsed !== undefined) object.set(field.name, parsed);
    }
    return object;
  }

  /** The words after the count, which counts itself. */
  function slotsOf(offset: number): number[] {
    const count = wordAt(offset);
    if (offset % 4 !== 0 || count === 0 || count > (block.length - offset) / 4)
      throw adbError('a list or object that leaves its block');
    return Array.from({ length: count - 1 }, (_, index) => wordAt(offset + 4 * (index + 1)));
  }

  function numberOf(type: number, value: number): number {
    if (type === 1) return value;
    if (type === 2) return wordAt(value);
    if (type !== 3 || value + 8 > block.length) throw adbError('no number where the schema has one');
    const wide = block.readBigUInt64LE(value);
    if (wide > BigInt(Number.MAX_SAFE_INTEGER)) throw adbError('a number that is too large');
    return Number(wide);
  }

  function blobOf(type: number, offset: number): Buffer {
    const width = { 8: 1, 9: 2, 10: 4 }[type];
    if (width === undefined || offset + width > block.length) throw adbError('no text where the schema has one');
    const start = offset + width;
    const end = start + block.readUIntLE(offset, width);
    if (end > block.length) throw adbError('a text that leaves its block');
    return block.subarray(start, end);
  }

  function wordAt(offset: number): number {
    return offset + 4 <= block.length ? block.readUInt32LE(offset) : fail('a value outside its block');
  }

  function fail(why: string): never {
    throw adbError(why);
  }
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
