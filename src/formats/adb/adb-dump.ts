/** A v3 file as text, as `apk adbdump` prints it: for people who compare, and to hold our reader against apk's. */
import type { ByteSource } from '../../core/bytes.ts';
import { limits } from '../../core/limits.ts';
import { formatDependency } from '../apk/dependency.ts';
import { readAdbBlocks } from './adb-blocks.ts';
import { adbDependency } from './adb-record.ts';
import { ADB_KINDS, type AdbKind } from './adb-schema.ts';
import { parseAdbRoot, type AdbObject, type AdbValue } from './adb-values.ts';

const SIGNATURE_HEADER = 18;
/** Hex digits that apk shows of a signature's key id and bytes. */
const SHOWN_DIGITS = 108;

/**
 * @param isTrusted whether the signature is right under a key that the caller trusts
 * @throws ALP_FORMAT_ADB, ALP_LIMIT_SIZE
 */
export function formatAdbDump(source: ByteSource, isTrusted: (signature: Buffer) => boolean = () => false): string {
  const lines: string[] = [];
  readAdbBlocks(
    source,
    {
      adb: (schema, bytes) => {
        lines.push(
          `#%SCHEMA: ${schema === 'index' ? '78646E69' : '676B6370'}`,
          `# ADB block, size: ${bytes.length}, compat: ${bytes[0] ?? 0}, ver: ${bytes[1] ?? 0}`,
        );
        lines.push(...objectLines(parseAdbRoot(bytes, ADB_KINDS[schema]), ADB_KINDS[schema]));
      },
      signature: (bytes) => {
        const [version = 0, hash = 0] = bytes;
        const digits = bytes.subarray(2).toString('hex').slice(0, SHOWN_DIGITS);
        const verdict = bytes.length > SIGNATURE_HEADER && isTrusted(bytes) ? 'OK' : 'UNTRUSTED signature';
        lines.push(`# sig v${twoDigits(version)} h${twoDigits(hash)} ${digits}..: ${verdict}`);
      },
      data: (_path, _file, sizeBytes) => {
        lines.push(`# data block, size: ${sizeBytes + 8}`);
        return { write: () => undefined, close: () => undefined };
      },
    },
    limits.unpacked,
  );
  return lines.map((line) => `${line}\n`).join('');
}

const twoDigits = (value: number): string => value.toString(16).padStart(2, '0');

function objectLines(object: AdbObject, kind: AdbKind): string[] {
  if (kind.kind !== 'object') return [];
  return kind.fields.flatMap(({ name, type }) => {
    const value = object.get(name);
    return value === undefined ? [] : fieldLines(name, value, type);
  });
}

function fieldLines(name: string, value: AdbValue, type: AdbKind): string[] {
  const deeper = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);
  if (type.kind === 'object' && value instanceof Map)
    return [`${name}:`, ...deeper(objectLines(value as AdbObject, type))];
  if (type.kind === 'array' && Array.isArray(value)) {
    const items = value as readonly AdbValue[];
    return [`${name}: # ${items.length} items`, ...deeper(items.flatMap((item) => itemLines(item, type.item)))];
  }
  if (type.kind === 'blob' && type.as === 'lines' && Buffer.isBuffer(value)) {
    const text = value.toString('latin1');
    return [`${name}: |`, ...deeper((text.endsWith('\n') ? text.slice(0, -1) : text).split('\n'))];
  }
  return [`${name}: ${scalarText(value, type)}`];
}

function itemLines(item: AdbValue, type: AdbKind): string[] {
  if (type.kind === 'object' && item instanceof Map) {
    if (type.dependency === true) return [`- ${formatDependency(adbDependency(item as AdbObject))}`];
    return objectLines(item as AdbObject, type).map((line, index) => `${index === 0 ? '-' : ' '} ${line}`);
  }
  return [`- ${scalarText(item, type)}`];
}

function scalarText(value: AdbValue, type: AdbKind): string {
  if (typeof value === 'number')
    return type.kind === 'number' && type.octal === true ? `0${value.toString(8)}` : String(value);
  if (!Buffer.isBuffer(value) || type.kind !== 'blob') return '';
  if (type.as === 'hex') return value.toString('hex');
  if (type.as === 'text' || type.as === 'lines') return value.toString('latin1');
  const zero = value.indexOf(0);
  return `${value.toString('latin1', 0, zero)}=${value.toString('hex', zero + 1)}`;
}
