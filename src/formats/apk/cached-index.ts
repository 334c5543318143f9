/**
 * A parsed index in the form in which it is kept: its text, where each package begins in it, and tables of hashes that
 * are searched where they lie. Loading it costs reading it: no package and no name is made until it is asked for. It
 * is for the machine that wrote it, and proves nothing: whoever reads it verifies the index's own signature again.
 */
import { isSha256Hex, type Sha256Hex } from '../../core/digest.ts';
import type { NameTables, PackageRecord, PositionTable } from '../../core/package.ts';
import type { ParsedIndex } from './apkindex.ts';
import { lateRecords } from './late-record.ts';

/** What of the index file is not in its text. */
export interface IndexFacts {
  /** Of the whole index file. */
  readonly sha256: Sha256Hex;
  readonly description: string;
  /** Where its signed member begins, after the signatures. */
  readonly memberStart: number;
}

export interface IndexForm extends IndexFacts {
  readonly packages: readonly PackageRecord[];
  readonly tables: NameTables;
}

interface Head extends IndexFacts {
  readonly form: typeof FORM;
  readonly littleEndian: boolean;
  readonly packages: number;
  readonly names: number;
  readonly triggers: number;
}

const FORM = 'alproot-index-1';
const NONE: readonly number[] = Object.freeze([]);
const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
/** Hash and place in the list share the 53 bits of a number. */
const PLACES = 2 ** 21;

/** undefined for what is too large for it. */
export function formatIndexForm(
  text: string,
  { packages, tables, starts }: ParsedIndex,
  facts: IndexFacts,
): Buffer | undefined {
  const [names, triggers] = [sortedByHash(tables.eachName), sortedByHash(tables.eachTrigger)];
  if (names === undefined || triggers === undefined) return undefined;
  const head: Head = {
    ...facts,
    form: FORM,
    littleEndian,
    packages: packages.length,
    names: names.hashes.length,
    triggers: triggers.hashes.length,
  };
  const line = JSON.stringify(head);
  const arrays = [
    Float64Array.from(packages, ({ buildTime }) => buildTime),
    Uint32Array.from(starts),
    names.hashes,
    names.positions,
    triggers.hashes,
    triggers.positions,
  ];
  // The numbers after it begin at a multiple of eight.
  const padding = ' '.repeat(7 - (Buffer.byteLength(line) % 8));
  return Buffer.concat([
    Buffer.from(`${line}${padding}\n`),
    ...arrays.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
    Buffer.from(text, 'latin1'),
  ]);
}

/** undefined for what is not such a form, or was written by another kind of machine. */
export function parseIndexForm(bytes: Buffer): IndexForm | undefined {
  const headBytes = bytes.indexOf(0x0a) + 1;
  const head = readHead(bytes.subarray(0, headBytes));
  if (head === undefined || headBytes % 8 !== 0 || bytes.byteOffset % 8 !== 0) return undefined;
  let at = bytes.byteOffset + headBytes;
  const textAt = headBytes + 12 * head.packages + 8 * (head.names + head.triggers);
  if (textAt > bytes.length) return undefined;
  const numbers = (count: number): Uint32Array => {
    const made = new Uint32Array(bytes.buffer, at, count);
    at += made.byteLength;
    return made;
  };
  const times = new Float64Array(bytes.buffer, at, head.packages);
  at += times.byteLength;
  const packages = lateRecords(bytes.toString('latin1', textAt), numbers(head.packages), times);
  const byName = tableOf(numbers(head.names), {
    positions: numbers(head.names),
    goesBy: (position, name) =>
      packages[position]?.name === name ||
      packages[position]?.provides.some((provided) => provided.name === name) === true,
  });
  const byTrigger = tableOf(numbers(head.triggers), {
    positions: numbers(head.triggers),
    goesBy: (position, name) => packages[position]?.installIf.some((trigger) => trigger.name === name) === true,
  });
  const { sha256, description, memberStart } = head;
  return { sha256, description, memberStart, packages, tables: { byName, byTrigger } };
}

function readHead(line: Buffer): Head | undefined {
  try {
    const head = JSON.parse(line.toString()) as Head;
    const counts = [head.packages, head.names, head.triggers, head.memberStart];
    return head.form === FORM &&
      head.littleEndian === littleEndian &&
      isSha256Hex(head.sha256) &&
      typeof head.description === 'string' &&
      counts.every((count) => Number.isSafeInteger(count) && count >= 0)
      ? head
      : undefined;
  } catch {
    return undefined;
  }
}

/** FNV-1a, 32 bits, of a text of bytes. */
function nameHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

function sortedByHash(
  each: (use: (name: string, position: number) => void) => void,
): { readonly hashes: Uint32Array; readonly positions: Uint32Array } | undefined {
  const keys: number[] = [];
  const found: number[] = [];
  each((name, position) => {
    keys.push(nameHash(name) * PLACES + found.length);
    found.push(position);
  });
  if (found.length >= PLACES) return undefined;
  const sorted = Float64Array.from(keys).sort();
  return {
    hashes: Uint32Array.from(sorted, (key) => Math.floor(key / PLACES)),
    positions: Uint32Array.from(sorted, (key) => found[key % PLACES] ?? 0),
  };
}

interface Hashed {
  readonly positions: Uint32Array;
  /** Two names may have one hash. */
  readonly goesBy: (position: number, name: string) => boolean;
}

function tableOf(hashes: Uint32Array, { positions, goesBy }: Hashed): PositionTable {
  const find = (name: string): readonly number[] => {
    const hash = nameHash(name);
    const found: number[] = [];
    for (let at = firstNotBelow(hashes, hash); hashes[at] === hash; at++) {
      const position = positions[at];
      if (position !== undefined && goesBy(position, name)) found.push(position);
    }
    return found.length === 0 ? NONE : found;
  };
  return { of: find, has: (name) => find(name).length > 0 };
}

function firstNotBelow(sorted: Uint32Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
