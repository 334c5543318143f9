/**
 * One entry of an index as text: whether its lines are as they have to be, and what they say. Positions are in
 * characters of the whole text.
 */
import { AlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Dependency, PackageRecord, Provide } from '../../core/package.ts';
import { quoteName } from '../../core/redact.ts';
import { isChecksumText, parseChecksum } from './package-checksum.ts';
import { createWords, isPackageName, readIdentity, type PackageFields, type Words } from './package-fields.ts';

const LETTERS = 'CPVASITULomtckDpirq';
const COLON = 0x3a;
const LF = 0x0a;

export interface EntryText {
  readonly text: string;
  readonly words: Words;
  /** USUAL, at work. */
  readonly usual: RegExp;
}

export const openEntries = (text: string): EntryText => ({
  text,
  words: createWords(),
  usual: new RegExp(USUAL, 'y'),
});

/** What every package is asked for. */
export interface EarlyFields {
  /** Position after its last line. */
  readonly end: number;
  readonly name: string;
  readonly checksum: string;
  readonly buildTime: number;
  /**
   * Words parted by one blank, each a name with what is asked of its version after an operator; or lists that were
   * read.
   */
  readonly provides: string | readonly Provide[];
  readonly installIf: string | readonly Dependency[];
}

/** What tells packages of one name apart, too. */
interface CheckedFields extends EarlyFields {
  readonly version: string;
  readonly arch: string;
}

/**
 * An entry as apk itself writes it: known fields in their order, names and versions as they should be, provides and
 * install_if made of plain words. One search of a compiled expression checks it, where a walk over its lines would
 * take six times as long; whatever is written otherwise goes that way. No two ways lead through it, so that a failed
 * search ends within a few times the length of the entry.
 */
const USUAL = ((): string => {
  const word = (operator: string): string => `[^ \\n<>=~!@]+(?:${operator}[^ \\n<>=~!@]+)?`;
  const list = (one: string): string => `(${one}(?: ${one})*)`;
  const skip = (letters: string): string => letters.replace(/./g, (letter) => `(?:${letter}:[^\\n]*\\n)?`);
  return [
    'C:(Q1[A-Za-z0-9+/]{26}[AEIMQUYcgkosw048]=)\\n',
    'P:([A-Za-z0-9_][A-Za-z0-9+._-]{0,127})\\nV:[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}\\n',
    skip('ASITULom'),
    '(?:t:(\\d{1,16})\\n)?',
    skip('ckD'),
    `(?:p:${list(word('='))}\\n)?(?:i:${list(`!?${word('[<>=~]+')}`)}\\n)?`,
    skip('q'),
    '\\n',
  ].join('');
})();

/** undefined for an entry that is not of the usual form, which may be right all the same. */
export function usualFields({ text, usual }: EntryText, at: number): EarlyFields | undefined {
  usual.lastIndex = at;
  const found = usual.exec(text);
  const end = usual.lastIndex - 1;
  if (found === null || end - at > limits.line) return undefined;
  // By number: taking an array apart costs as much as the search.
  return {
    end,
    checksum: found[1] ?? '',
    name: found[2] ?? '',
    buildTime: Number(found[3] ?? 0),
    provides: found[4] ?? '',
    installIf: found[5] ?? '',
  };
}

/**
 * Checks all lines of an entry, one by one, and reads some.
 *
 * @throws ALP_FORMAT_INDEX, ALP_UNPACK_PATH, ALP_LIMIT_SIZE
 */
export function checkedFields({ text, words }: EntryText, at: number): CheckedFields {
  let [P, V, C, A, t, p, i]: (string | undefined)[] = [];
  let [low, high] = [0, 0];
  let start = at;
  for (let code = text.charCodeAt(start); start < text.length && code !== LF; code = text.charCodeAt(start)) {
    const stop = lineStop(text, start);
    const bit = 1 << (code & 31);
    if ((code < 0x60 ? low : high) & bit) throw lineError(text, start, `field ${text.charAt(start)} twice`);
    if (code < 0x60) low |= bit;
    else high |= bit;
    switch (code) {
      case 0x50:
        P = text.slice(start + 2, stop);
        break;
      case 0x56:
        V = text.slice(start + 2, stop);
        break;
      case 0x43:
        C = text.slice(start + 2, stop);
        break;
      case 0x41:
        A = text.slice(start + 2, stop);
        break;
      case 0x74:
        t = text.slice(start + 2, stop);
        break;
      case 0x70:
        p = text.slice(start + 2, stop);
        break;
      case 0x69:
        i = text.slice(start + 2, stop);
        break;
      default:
        if ((code < 0x61 || code > 0x7a) && !LETTERS.includes(text.charAt(start)))
          throw lineError(text, start, `unknown field ${quoteName(text.charAt(start))}`);
    }
    start = stop + 1;
  }
  const identity = readIdentity({ P, V }, { where: 'index', line: () => lineOf(text, start), isName: isPackageName });
  if (C === undefined || !isChecksumText(C)) throw lineError(text, at, `C: of ${identity.name} is not a checksum`);
  if (t !== undefined && !/^\d{1,16}$/.test(t)) throw lineError(text, at, `t: of ${identity.name} is not a number`);
  return {
    end: start,
    name: identity.name,
    version: identity.version,
    arch: A ?? 'noarch',
    checksum: C,
    buildTime: t === undefined ? 0 : Number(t),
    provides: words.provides(p),
    installIf: words.dependencies(i),
  };
}

/** The end of the line that begins at `start`. @throws ALP_FORMAT_INDEX, ALP_LIMIT_SIZE */
function lineStop(text: string, start: number): number {
  const found = text.indexOf('\n', start);
  const stop = found < 0 ? text.length : found;
  if (stop - start < 2 || text.charCodeAt(start + 1) !== COLON)
    throw lineError(text, start, 'no field letter and colon');
  if (stop - start > limits.line)
    throw new AlprootError(
      'ALP_LIMIT_SIZE',
      `index line ${lineOf(text, start)} is longer than ${limits.line} bytes (limit line)`,
    );
  return stop;
}

/** All fields of an entry whose lines were checked before. @throws ALP_FORMAT_INDEX for a control character */
export function allFields(text: string, at: number, end: number): PackageFields {
  const entry = text.slice(at, end);
  const control = /[\x00-\x09\x0b-\x1f\x7f]/.exec(entry);
  if (control !== null) throw lineError(text, at + control.index, 'a control character');
  return Object.fromEntries(
    entry
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => [line.charAt(0), line.slice(2)]),
  );
}

export const lineOf = (text: string, at: number): number => text.slice(0, at).split('\n').length;

const lineError = (text: string, at: number, why: string): AlprootError =>
  new AlprootError('ALP_FORMAT_INDEX', `line ${lineOf(text, at)}: ${why}`, { facts: { line: lineOf(text, at) } });

/** The name in an entry that was checked before. */
export function nameAt(text: string, at: number): string {
  const line = text.startsWith('P:', at) ? at : text.indexOf('\nP:', at) + 1;
  const stop = text.indexOf('\n', line);
  return text.slice(line + 2, stop < 0 ? text.length : stop);
}

/** The checksum of an entry that begins with it, as apk writes them, and was read before. */
export const checksumAt = (text: string, at: number): PackageRecord['checksum'] =>
  text.startsWith('C:', at) ? parseChecksum(text.slice(at + 2, text.indexOf('\n', at))) : undefined;
