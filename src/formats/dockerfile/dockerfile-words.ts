/**
 * How the arguments of an instruction fall into words, flags, name-value pairs and JSON lists. Quotes and escapes
 * stay in the words: `substitution.ts` removes them when it expands.
 *
 * @see BuildKit 0.20 `frontend/dockerfile/parser/{line_parsers,split_command}.go`
 */

const BLANK = /[\t\v\f\r ]+/;

/** Words separated by blanks outside quotes; an escape keeps the next character. Quotes and escapes are kept. */
export function splitDockerfileWords(text: string, escape: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === escape && quote !== "'") {
      if (at + 1 < text.length) word += char + text.charAt(++at);
    } else if (quote === '' && /\s/.test(char)) {
      if (word !== '') words.push(word);
      word = '';
    } else {
      if (quote === '' && (char === '"' || char === "'")) quote = char;
      else if (char === quote) quote = '';
      word += char;
    }
  }
  if (word !== '') words.push(word);
  return words;
}

/** Words separated by blanks, quotes meaning nothing: COPY, ADD, EXPOSE, FROM, VOLUME. */
export const splitBlanks = (text: string): string[] => text.split(BLANK).filter((word) => word !== '');

/** The keyword, upper case, and what follows it. */
export function splitKeyword(text: string): { keyword: string; rest: string } {
  const trimmed = text.trim();
  const match = BLANK.exec(trimmed);
  if (match === null) return { keyword: trimmed.toUpperCase(), rest: '' };
  return { keyword: trimmed.slice(0, match.index).toUpperCase(), rest: trimmed.slice(match.index + match[0].length) };
}

export interface Flag {
  readonly name: string;
  /** undefined for a bare `--name`. */
  readonly value: string | undefined;
}

/** The leading `--name[=value]` words, quotes removed from them; a lone `--` ends them. */
export function splitFlags(text: string): { flags: Flag[]; rest: string } {
  const flags: Flag[] = [];
  let at = 0;
  for (;;) {
    while (/\s/.test(text.charAt(at))) at++;
    if (!text.startsWith('--', at)) return { flags, rest: text.slice(at).trim() };
    const word = readFlagWord(text, at);
    at = word.end;
    if (word.text === '--') return { flags, rest: text.slice(at).trim() };
    const cut = word.text.indexOf('=');
    flags.push(
      cut < 0
        ? { name: word.text.slice(2), value: undefined }
        : { name: word.text.slice(2, cut), value: word.text.slice(cut + 1) },
    );
  }
}

function readFlagWord(text: string, start: number): { text: string; end: number } {
  let word = '';
  let quote = '';
  let at = start;
  for (; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '\\') {
      if (at + 1 < text.length) word += text.charAt(++at);
    } else if (quote !== '') {
      if (char === quote) quote = '';
      else word += char;
    } else if (/\s/.test(char)) break;
    else if (char === '"' || char === "'") quote = char;
    else word += char;
  }
  return { text: word, end: at };
}

/**
 * A JSON list of strings, or undefined when the text is anything else, which docker then takes as the shell form.
 *
 * @returns 'not-strings' for a list that holds something else, which docker refuses
 */
export function parseJsonList(text: string): string[] | 'not-strings' | undefined {
  if (!text.trimStart().startsWith('[')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  return value.every((item): item is string => typeof item === 'string') ? value : 'not-strings';
}

export interface NameValue {
  readonly name: string;
  readonly value: string;
}

/**
 * ENV and LABEL: `a=b c="d e"`, or the legacy `name rest of the line` when the first word has no `=`.
 *
 * @returns the offending text instead when it is neither
 */
export function parsePairs(text: string, escape: string): { pairs: NameValue[]; legacy: boolean } | { wrong: string } {
  const words = splitDockerfileWords(text, escape);
  const first = words[0] ?? '';
  if (!first.includes('=')) {
    const match = BLANK.exec(text);
    if (match === null) return { wrong: text };
    return {
      pairs: [{ name: text.slice(0, match.index), value: text.slice(match.index + match[0].length) }],
      legacy: true,
    };
  }
  const pairs: NameValue[] = [];
  for (const word of words) {
    const cut = word.indexOf('=');
    if (cut < 1) return { wrong: word };
    pairs.push({ name: word.slice(0, cut), value: word.slice(cut + 1) });
  }
  return { pairs, legacy: false };
}
