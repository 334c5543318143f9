/**
 * apk's version numbers: `1.2.3b_rc1_p2~0a1b2c-r4`. A version is a row of tokens, each of one kind, and two
 * versions are compared token by token; what apk calls invalid still compares, up to the first bad token.
 */
import type { VersionOp } from '../../core/package.ts';

/** Kinds of token, in the order that decides which of two unlike tokens makes a version older. */
const FIRST = 0;
const DIGIT = 1;
const LETTER = 2;
const SUFFIX = 3;
const SUFFIX_NUMBER = 4;
const HASH = 5;
const REVISION = 6;
const END = 7;
const INVALID = 8;

/** Suffixes from oldest to newest; those before the gap come before the plain version. */
const SUFFIXES: readonly string[] = ['alpha', 'beta', 'pre', 'rc', '', 'cvs', 'svn', 'git', 'hg', 'p'];
const PLAIN_RANK = 4;

/** A reader that stands on one token of `text`. */
interface Cursor {
  readonly text: string;
  /** Where the next token starts. */
  at: number;
  kind: number;
  /** The token's own text lies in `text` from `from` to `at`. */
  from: number;
  /** Numeric value, letter code or suffix rank. */
  value: number | bigint;
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isLower = (code: number): boolean => code >= 0x61 && code <= 0x7a;
const isHex = (code: number): boolean => isDigit(code) || (code >= 0x61 && code <= 0x66);

function skip(cursor: Cursor, accept: (code: number) => boolean): void {
  cursor.from = cursor.at;
  while (cursor.at < cursor.text.length && accept(cursor.text.charCodeAt(cursor.at))) cursor.at++;
}

function readNumber(cursor: Cursor, kind: number): void {
  skip(cursor, isDigit);
  const digits = cursor.text.slice(cursor.from, cursor.at);
  cursor.kind = digits === '' ? INVALID : kind;
  // apk counts in 64 bits and wraps.
  cursor.value = digits.length <= 15 ? Number(digits) : BigInt.asUintN(64, BigInt(digits));
}

function readSuffix(cursor: Cursor): void {
  cursor.at++;
  skip(cursor, isLower);
  const name = cursor.text.slice(cursor.from, cursor.at);
  const rank = name === '' ? -1 : SUFFIXES.indexOf(name);
  cursor.kind = rank < 0 ? INVALID : SUFFIX;
  cursor.value = rank;
}

function readHash(cursor: Cursor): void {
  cursor.at++;
  skip(cursor, isHex);
  cursor.kind = cursor.at === cursor.from ? INVALID : HASH;
}

function readDigits(cursor: Cursor): void {
  if (cursor.kind <= DIGIT) readNumber(cursor, DIGIT);
  else if (cursor.kind === SUFFIX) readNumber(cursor, SUFFIX_NUMBER);
  else cursor.kind = INVALID;
}

/** Steps to the next token; a token that may not follow the present one is invalid. */
function advance(cursor: Cursor): void {
  if (cursor.at >= cursor.text.length) {
    cursor.kind = END;
    return;
  }
  const code = cursor.text.charCodeAt(cursor.at);
  const before = cursor.kind;
  if (isDigit(code)) readDigits(cursor);
  else if (code === 0x2e && before <= DIGIT) {
    cursor.at++;
    readDigits(cursor);
  } else if (isLower(code) && before <= DIGIT) {
    cursor.kind = LETTER;
    cursor.value = code;
    cursor.from = cursor.at++;
  } else if (code === 0x5f && before <= SUFFIX_NUMBER) readSuffix(cursor);
  else if (code === 0x7e && before < HASH) readHash(cursor);
  else if (code === 0x2d && before < REVISION && cursor.text.charCodeAt(cursor.at + 1) === 0x72) {
    cursor.at += 2;
    readNumber(cursor, REVISION);
  } else cursor.kind = INVALID;
}

function start(text: string): Cursor {
  const cursor: Cursor = { text, at: 0, kind: FIRST, from: 0, value: 0 };
  readNumber(cursor, FIRST);
  return cursor;
}

function order(a: number | bigint | string, b: number | bigint | string): number {
  if (a < b) return -1;
  return a > b ? 1 : 0;
}

/** Two tokens of one kind. A later component with a leading zero is compared as text, as Gentoo does. */
function compareTokens(a: Cursor, b: Cursor): number {
  const asText =
    a.kind === HASH ||
    (a.kind === DIGIT && (a.text.charCodeAt(a.from) === 0x30 || b.text.charCodeAt(b.from) === 0x30));
  return asText ? order(a.text.slice(a.from, a.at), b.text.slice(b.from, b.at)) : order(a.value, b.value);
}

const isPreRelease = (cursor: Cursor): boolean => cursor.kind === SUFFIX && cursor.value < PLAIN_RANK;

function compare(left: string, right: string, fuzzy: boolean): number {
  if (left === right) return 0;
  const a = start(left);
  const b = start(right);
  for (; a.kind === b.kind && a.kind < END; advance(a), advance(b)) {
    const result = compareTokens(a, b);
    if (result !== 0) return result;
  }
  if (a.kind === b.kind || (fuzzy && b.kind === END)) return 0;
  if (isPreRelease(a)) return -1;
  if (isPreRelease(b)) return 1;
  return a.kind > b.kind ? -1 : 1;
}

/**
 * Which of two versions is newer.
 *
 * @returns -1 when `left` is older, 1 when it is newer, 0 when neither is
 * @see apk-tools 3.0 src/version.c
 */
export const compareVersions = (left: string, right: string): number => compare(left, right, false);

/** Whether `text` follows the grammar from its first to its last character. */
export function isValidVersion(text: string): boolean {
  const cursor = start(text);
  while (cursor.kind < END) advance(cursor);
  return cursor.kind === END;
}

const LESS = 1;
const EQUAL = 2;
const GREATER = 4;

const ACCEPTED: Readonly<Record<Exclude<VersionOp, 'any' | '><'>, number>> = {
  '<': LESS,
  '<=': LESS | EQUAL,
  '<~': LESS | EQUAL,
  '=': EQUAL,
  '~': EQUAL,
  '>=': EQUAL | GREATER,
  '>~': EQUAL | GREATER,
  '>': GREATER,
};

/**
 * Whether `version` meets `op wanted`. A fuzzy operator (`~`, `<~`, `>~`) takes every version that begins with
 * the components of `wanted` as equal. An empty `version`, that of a provide without one, meets any demand.
 *
 * @param op not '><', which names a checksum and no version
 */
export function versionMatches(version: string, op: VersionOp, wanted: string): boolean {
  if (op === 'any' || op === '><' || version === '' || wanted === '') return true;
  const result = compare(version, wanted, op.endsWith('~'));
  const unequal = result < 0 ? LESS : GREATER;
  return (ACCEPTED[op] & (result === 0 ? EQUAL : unequal)) !== 0;
}
