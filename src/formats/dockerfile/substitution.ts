/**
 * `$NAME` and `${NAME…}` in the arguments of Dockerfile instructions: quotes and escapes are removed as a shell
 * would, a lone `$` and `$(…)` stay. Never used on what a shell gets to see (RUN, CMD, ENTRYPOINT).
 *
 * @see docker's Dockerfile reference, "Environment replacement"; BuildKit 0.20 `frontend/dockerfile/shell/lex.go`
 */
import { AlprootError } from '../../core/errors.ts';
import { quoteName } from '../../core/redact.ts';
import { replacePattern, trimPattern } from './substitution-pattern.ts';

export type Variables = ReadonlyMap<string, string>;

export interface Expansion {
  readonly text: string;
  /** The text cut at blanks that came unquoted or out of a variable: `EXPOSE $PORTS`. */
  readonly words: readonly string[];
  /** Names that were looked up, set or not: what a step's cache key depends on. */
  readonly used: ReadonlySet<string>;
}

export interface ExpandOptions {
  readonly escape: string;
  /** Heredoc bodies: quotes and the escapes of other characters stay as they are. */
  readonly keepQuotes?: boolean;
}

interface Cursor {
  readonly text: string;
  at: number;
  readonly variables: Variables;
  readonly escape: string;
  readonly keepQuotes: boolean;
  readonly used: Set<string>;
  depth: number;
}

/** Modifiers within modifiers. */
const MAX_DEPTH = 100;

interface Part {
  readonly text: string;
  /** Whether blanks in it separate words. */
  readonly splits: boolean;
}

/**
 * @throws ALP_FORMAT_DOCKERFILE for an unclosed quote or brace, an unknown modifier, and `${x:?message}` on an unset x
 */
export function expand(text: string, variables: Variables, { escape, keepQuotes = false }: ExpandOptions): Expansion {
  const cursor: Cursor = { text, at: 0, variables, escape, keepQuotes, used: new Set(), depth: 0 };
  const parts = readUntil(cursor, '', false);
  return { text: parts.map((part) => part.text).join(''), words: wordsOf(parts), used: cursor.used };
}

function fail(cursor: Cursor, why: string): never {
  throw new AlprootError('ALP_FORMAT_DOCKERFILE', `cannot expand ${quoteName(cursor.text)}: ${why}`);
}

function readUntil(cursor: Cursor, stop: string, rawEscapes: boolean): Part[] {
  if (++cursor.depth > MAX_DEPTH) fail(cursor, `more than ${MAX_DEPTH} levels of nesting`);
  const parts: Part[] = [];
  while (cursor.at < cursor.text.length) {
    const char = cursor.text.charAt(cursor.at);
    if (stop !== '' && char === stop) {
      cursor.at++;
      cursor.depth--;
      return parts;
    }
    if (char === '$') parts.push({ text: readDollar(cursor), splits: true });
    else if (char === "'" && !cursor.keepQuotes) parts.push({ text: readSingle(cursor), splits: false });
    else if (char === '"' && !cursor.keepQuotes) parts.push({ text: readDouble(cursor), splits: false });
    else if (char === cursor.escape) parts.push(readEscape(cursor, rawEscapes));
    else {
      parts.push({ text: char, splits: true });
      cursor.at++;
    }
  }
  if (stop !== '') fail(cursor, `missing ${quoteName(stop)}`);
  return parts;
}

function readEscape(cursor: Cursor, rawEscapes: boolean): Part {
  const next = cursor.text.charAt(cursor.at + 1);
  cursor.at += 2;
  const keep = rawEscapes || (cursor.keepQuotes && next !== '$' && next !== cursor.escape);
  return { text: `${keep ? cursor.escape : ''}${next}`, splits: false };
}

function readSingle(cursor: Cursor): string {
  const end = cursor.text.indexOf("'", cursor.at + 1);
  if (end < 0) fail(cursor, 'missing closing single quote');
  const text = cursor.text.slice(cursor.at + 1, end);
  cursor.at = end + 1;
  return text;
}

function readDouble(cursor: Cursor): string {
  let text = '';
  cursor.at++;
  while (cursor.at < cursor.text.length) {
    const char = cursor.text.charAt(cursor.at);
    if (char === '"') {
      cursor.at++;
      return text;
    }
    if (char === '$') {
      text += readDollar(cursor);
      continue;
    }
    const next = cursor.text.charAt(cursor.at + 1);
    const escaped = char === cursor.escape && (next === '"' || next === '$' || next === cursor.escape);
    text += escaped ? next : char;
    cursor.at += escaped ? 2 : 1;
  }
  return fail(cursor, 'missing closing double quote');
}

function readName(cursor: Cursor): string {
  const pattern = /\d+|[@*#?\-$!]|[\p{L}_][\p{L}\p{Nd}_]*/uy;
  pattern.lastIndex = cursor.at;
  const name = pattern.exec(cursor.text)?.[0] ?? '';
  cursor.at += name.length;
  return name;
}

function lookUp(cursor: Cursor, name: string): string | undefined {
  cursor.used.add(name);
  return cursor.variables.get(name);
}

function readDollar(cursor: Cursor): string {
  cursor.at++;
  if (cursor.text.charAt(cursor.at) !== '{') {
    const name = readName(cursor);
    return name === '' ? '$' : (lookUp(cursor, name) ?? '');
  }
  cursor.at++;
  const name = readName(cursor);
  if (name === '') fail(cursor, 'bad substitution');
  return applyModifier(cursor, name);
}

function applyModifier(cursor: Cursor, name: string): string {
  let modifier = cursor.text.charAt(cursor.at++);
  const value = lookUp(cursor, name);
  if (modifier === '}') return value ?? '';
  if (modifier === '') fail(cursor, 'missing `}`');
  if (modifier === '/') return readReplacement(cursor, value);
  const nullIsUnset = modifier === ':';
  if (nullIsUnset) modifier = cursor.text.charAt(cursor.at++);
  if (modifier === '' || !'-+?#%'.includes(modifier))
    fail(cursor, `unsupported modifier ${quoteName(nullIsUnset ? `:${modifier}` : modifier)}`);
  const word = textOf(readUntil(cursor, '}', modifier === '#' || modifier === '%'));
  const missing = value === undefined || (nullIsUnset && value === '');
  switch (modifier) {
    case '-':
      return missing ? word : value;
    case '+':
      return missing ? '' : word;
    case '?':
      return missing
        ? fail(
            cursor,
            `${name}: ${word === '' ? `is not allowed to be ${value === undefined ? 'unset' : 'empty'}` : word}`,
          )
        : value;
    default:
      return trim(cursor, value ?? '', modifier, word);
  }
}

function trim(cursor: Cursor, value: string, modifier: string, word: string): string {
  const greedy = word.startsWith(modifier);
  const trimmed = trimPattern(value, greedy ? word.slice(1) : word, {
    end: modifier === '%' ? 'suffix' : 'prefix',
    greedy,
  });
  return trimmed ?? fail(cursor, `invalid pattern ${quoteName(word)}`);
}

function readReplacement(cursor: Cursor, value: string | undefined): string {
  const all = cursor.text.charAt(cursor.at) === '/';
  if (all) cursor.at++;
  const pattern = textOf(readUntil(cursor, '/', true));
  const replacement = textOf(readUntil(cursor, '}', true));
  return (
    replacePattern(value ?? '', pattern, { replacement, all }) ?? fail(cursor, `invalid pattern ${quoteName(pattern)}`)
  );
}

const textOf = (parts: readonly Part[]): string => parts.map((part) => part.text).join('');

function wordsOf(parts: readonly Part[]): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (const part of parts) {
    if (!part.splits) word = (word ?? '') + part.text;
    else {
      for (const char of part.text) {
        if (!/\s/.test(char)) word = (word ?? '') + char;
        else {
          if (word !== undefined && word !== '') words.push(word);
          word = undefined;
        }
      }
    }
  }
  if (word !== undefined && word !== '') words.push(word);
  return words;
}
