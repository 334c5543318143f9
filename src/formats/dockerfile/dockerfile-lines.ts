/**
 * A Dockerfile cut into logical lines: parser directives read, comments and continuations joined, heredoc bodies
 * taken out. Nothing here knows an instruction by more than its name.
 *
 * The lines are cut here and not by `dockerfile-ast`, which is made for editors and forgives: it joins a line that
 * ends in two escapes, opens a heredoc inside quotes and in CMD, misses `3<<EOF` and quoted names with blanks, and
 * accepts a body that never ends. Each of these silently swallows instructions
 * (test/formats/dockerfile/dockerfile-lines.test.ts shows them).
 *
 * @see BuildKit 0.20 `frontend/dockerfile/parser/parser.go` for the rules followed
 */
import { AlprootError } from '../../core/errors.ts';
import { quoteName } from '../../core/redact.ts';
import { splitDockerfileWords } from './dockerfile-words.ts';

export interface Heredoc {
  /** The terminator, unquoted. */
  readonly name: string;
  /** False when any part of the name was quoted: the body is taken as it is. */
  readonly expand: boolean;
  /** `<<-`: leading tabs go from the body and the terminator. */
  readonly chomp: boolean;
  /** As written, line ends included, before tabs are dropped. */
  readonly body: string;
}

export interface LogicalLine {
  /** Continuations joined, neither edge trimmed on the right; no comment lines. */
  readonly text: string;
  /** 1-based, first and last line of the file that belong to it. */
  readonly line: number;
  readonly endLine: number;
  readonly heredocs: readonly Heredoc[];
}

export interface Directives {
  readonly escape: '\\' | '`';
  readonly syntax?: string;
  readonly check?: string;
}

const HEREDOC_INSTRUCTIONS = /^(?:onbuild[ \t\v\f\r]+)?(?:run|copy|add)[ \t\v\f\r]/i;
const DIRECTIVE = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;

/** A syntax error at a line. @returns never */
export function syntaxError(line: number, message: string, hint?: string): never {
  throw new AlprootError('ALP_FORMAT_DOCKERFILE', message, { hint, facts: { line } });
}

/**
 * The directives at the head of the file: each known name once, none after a comment, blank line or instruction.
 *
 * @throws ALP_FORMAT_DOCKERFILE for a repeated directive or another escape than backslash and backquote
 */
export function parseDirectives(text: string): Directives {
  const found = new Map<string, string>();
  const lines = text.replace(/^\ufeff/, '').split('\n');
  for (const [index, raw] of lines.entries()) {
    const match = DIRECTIVE.exec(raw.trim());
    const key = match?.[1]?.toLowerCase() ?? '';
    if (!['escape', 'syntax', 'check'].includes(key)) break;
    if (found.has(key)) syntaxError(index + 1, `only one ${key} parser directive can be used`);
    const value = match?.[2] ?? '';
    if (key === 'escape' && value !== '\\' && value !== '`') {
      syntaxError(index + 1, `invalid escape directive: expected \\ or \`, got ${quoteName(value)}`);
    }
    found.set(key, value);
  }
  const syntax = found.get('syntax');
  const check = found.get('check');
  return {
    escape: found.get('escape') === '`' ? '`' : '\\',
    ...(syntax === undefined ? {} : { syntax }),
    ...(check === undefined ? {} : { check }),
  };
}

/**
 * @param text whole file, LF or CRLF, with or without a byte order mark and a final newline
 * @throws ALP_FORMAT_DOCKERFILE for a heredoc without its terminator
 */
export function parseLogicalLines(text: string, escape: Directives['escape']): LogicalLine[] {
  const source = splitLines(text.replace(/^\ufeff/, ''));
  const result: LogicalLine[] = [];
  for (let at = 0; at < source.length;) {
    const line = at + 1;
    const joined = joinContinuations(source, at, escape);
    at = joined.next;
    if (joined.text === '') continue;
    const bodies = HEREDOC_INSTRUCTIONS.test(joined.text)
      ? takeHeredocs(source, at, { text: joined.text, escape, line })
      : { heredocs: [], next: at };
    at = bodies.next;
    result.push({ text: joined.text, line, endLine: at, heredocs: bodies.heredocs });
  }
  return result;
}

/** Each line with its own line end. */
const splitLines = (text: string): string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];

const withoutLineEnd = (line: string): string => line.replace(/\r?\n$/, '').replace(/\r$/, '');

function joinContinuations(source: readonly string[], start: number, escape: string): { text: string; next: number } {
  const first = withoutLineEnd(source[start] ?? '').trimStart();
  if (first.startsWith('#')) return { text: '', next: start + 1 };
  let { text, more } = trimContinuation(first, escape);
  let next = start + 1;
  while (more && next < source.length) {
    const line = withoutLineEnd(source[next++] ?? '');
    const bare = line.trimStart();
    if (bare === '' || bare.startsWith('#')) continue;
    const part = trimContinuation(line, escape);
    text += part.text;
    more = part.more;
  }
  return { text: text.trim() === '' ? '' : text, next };
}

/** An escape at the end, blanks after it allowed, continues the line; an escaped escape does not. */
function trimContinuation(line: string, escape: string): { text: string; more: boolean } {
  const bare = line.replace(/[ \t]+$/, '');
  if (!bare.endsWith(escape) || bare.endsWith(escape + escape)) return { text: line, more: false };
  return { text: bare.slice(0, -1), more: true };
}

function takeHeredocs(
  source: readonly string[],
  start: number,
  { text, escape, line }: { text: string; escape: string; line: number },
): { heredocs: Heredoc[]; next: number } {
  let next = start;
  const heredocs = openersOf(text, escape).map((opener) => {
    let body = '';
    for (;;) {
      const raw = source[next];
      if (raw === undefined) syntaxError(line, `unterminated heredoc: no line ${quoteName(opener.name)} follows`);
      next++;
      const bare = withoutLineEnd(raw);
      if ((opener.chomp ? bare.replace(/^\t+/, '') : bare) === opener.name) break;
      body += raw;
    }
    return { ...opener, body };
  });
  return { heredocs, next };
}

/** Words of the form `N<<NAME`, `<<-NAME`, `<<"NAME"`, outside quotes. */
function openersOf(text: string, escape: string): Omit<Heredoc, 'body'>[] {
  if (!text.includes('<<')) return [];
  return splitDockerfileWords(text, escape).flatMap((word) => parseOpener(word, escape) ?? []);
}

/** The heredoc that a word opens, if it does. */
export function parseOpener(word: string, escape: string): Omit<Heredoc, 'body'> | undefined {
  const match = /^\d*<<(-?)([^<]+)$/.exec(word);
  const raw = match?.[2] ?? '';
  if (raw === '') return undefined;
  const quoted = /['"]/.test(raw) || raw.includes(escape);
  const name = raw.replace(/(['"])(.*?)\1/g, '$2').replaceAll(escape, '');
  if (name === '' || /['"]/.test(name)) return undefined;
  return { name, expand: !quoted, chomp: match?.[1] === '-' };
}

/** The body as the reader of the heredoc gets it: tabs dropped for `<<-`, CRLF made LF. */
export function heredocText(heredoc: Heredoc): string {
  const body = heredoc.body.replaceAll('\r\n', '\n');
  return heredoc.chomp ? body.replace(/^\t+/gm, '') : body;
}
