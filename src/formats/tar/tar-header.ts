/** One 512-byte tar header, read strictly: whatever two readers could read differently is an error. */
import { isZero } from '../../core/bytes.ts';
import { AlprootError } from '../../core/errors.ts';
import type { TarProfile } from './tar-entry.ts';

export const BLOCK_BYTES = 512;
const SIZE_LIMIT = 8 ** 11 * 8;

export interface TarHeader {
  readonly name: string;
  readonly linkName: string;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
  readonly sizeBytes: number;
  readonly mtime: number;
  readonly devMajor: number;
  readonly devMinor: number;
}

/** An error at a position of the archive. */
export const tarError = (offset: number, why: string): AlprootError =>
  new AlprootError('ALP_FORMAT_TAR', `ambiguous or damaged tar: ${why} at byte ${offset}`, { facts: { offset } });

export const isZeroBlock = (block: Uint8Array): boolean => block[0] === 0 && isZero(block, 0, BLOCK_BYTES);

/** @throws ALP_FORMAT_TAR */
export function parseTarHeader(block: Buffer, offset: number, profile: TarProfile): TarHeader {
  checkSum(block, offset);
  // Once for all fields: a call for each costs more than the text.
  const text = block.toString('latin1', 0, BLOCK_BYTES);
  const gnu = text.startsWith('ustar  \0', 257);
  if (!gnu && !text.startsWith('ustar\x0000', 257)) throw tarError(offset, 'not a ustar header');
  const type = text.charAt(156);
  if (type === '\0' && profile !== 'rootfs') throw tarError(offset, 'an old-style type flag');
  const prefix = gnu ? '' : field(text, 345, 155);
  const base = field(text, 0, 100);
  const number = (at: number, length: number, what: string): number => octal(block, { at, length, offset, what });
  return {
    name: prefix === '' ? base : `${prefix}/${base}`,
    linkName: field(text, 157, 100),
    type: type === '\0' ? '0' : type,
    mode: number(100, 8, 'mode') & 0o7777,
    uid: number(108, 8, 'uid'),
    gid: number(116, 8, 'gid'),
    uname: field(text, 265, 32),
    gname: field(text, 297, 32),
    sizeBytes: LARGE_FILES.has(profile) && block[124] === 0x80 ? base256(block, offset) : number(124, 12, 'size'),
    mtime: number(136, 12, 'mtime'),
    devMajor: number(329, 8, 'major'),
    devMinor: number(337, 8, 'minor'),
  };
}

/** Where files of 8 GiB and more may be: not in packages of the v2 format. */
const LARGE_FILES: ReadonlySet<TarProfile> = new Set(['rootfs', 'layer']);

/** A length that octal digits do not hold, and no other: one number has one form. */
function base256(block: Buffer, offset: number): number {
  const value = block.readUIntBE(130, 6);
  if (block.readUIntBE(125, 5) !== 0 || value < SIZE_LIMIT / 8)
    throw tarError(offset, 'size is not a number of its form');
  return value;
}

/** Up to the first NUL; a full field has none. */
function field(text: string, at: number, length: number): string {
  const zero = text.indexOf('\0', at);
  return text.slice(at, zero < 0 || zero > at + length ? at + length : zero);
}

interface NumberField {
  readonly at: number;
  readonly length: number;
  readonly offset: number;
  readonly what: string;
}

const [BLANK, ZERO, SEVEN] = [0x20, 0x30, 0x37];

/** Blanks, then octal digits, all of the field or ended by NULs and blanks; an empty field is 0. */
function octal(block: Buffer, { at, length, offset, what }: NumberField): number {
  const end = at + length;
  let next = at;
  while (next < end && block[next] === BLANK) next++;
  let value = 0;
  for (let byte = block[next] ?? 0; next < end && byte >= ZERO && byte <= SEVEN; byte = block[++next] ?? 0)
    value = 8 * value + byte - ZERO;
  while (next < end && (block[next] === BLANK || block[next] === 0)) next++;
  if (next < end) throw tarError(offset, `${what} is not an octal number`);
  if (value >= SIZE_LIMIT) throw tarError(offset, `${what} is too large`);
  return value;
}

function checkSum(block: Buffer, offset: number): void {
  let sum = 8 * BLANK;
  for (let at = 0; at < 148; at++) sum += block[at] ?? 0;
  for (let at = 156; at < BLOCK_BYTES; at++) sum += block[at] ?? 0;
  const stored = /^ *([0-7]{1,7})[ \0]*$/.exec(block.toString('latin1', 148, 156));
  if (stored === null || Number.parseInt(stored[1] ?? '', 8) !== sum) throw tarError(offset, 'wrong header checksum');
}
