/**
 * Shell patterns of `${x#p}`, `${x%p}` and `${x/p/r}`: `*`, `?` and escapes; no bracket expressions, as BuildKit has
 * them. Matched by hand, since a regular expression with many stars can take for ever.
 */

/** One character, any character, or any number of characters. */
type Token = { readonly char: string } | 'one' | 'many';

/** Longer values are not taken apart: the work grows with the square. */
const MAX_VALUE = 2048;

/** undefined when an escape means nothing. */
function parsePattern(pattern: string): Token[] | undefined {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at);
    if (char === '*') {
      if (tokens.at(-1) !== 'many') tokens.push('many');
    } else if (char === '?') tokens.push('one');
    else if (char !== '\\') tokens.push({ char });
    else {
      const next = pattern.charAt(++at);
      if (next === '' || !'}/*?\\'.includes(next)) return undefined;
      tokens.push({ char: next });
    }
  }
  return tokens;
}

/** Whether the tokens match the whole text. The last star is the only one that ever needs to be tried again. */
function matches(tokens: readonly Token[], text: string): boolean {
  let token = 0;
  let at = 0;
  let star = -1;
  let resume = 0;
  while (at < text.length) {
    const current = tokens[token];
    if (current === 'many') {
      star = token++;
      resume = at;
    } else if (current !== undefined && (current === 'one' || current.char === text.charAt(at))) {
      token++;
      at++;
    } else if (star >= 0) {
      token = star + 1;
      at = ++resume;
    } else return false;
  }
  return tokens.slice(token).every((rest) => rest === 'many');
}

/**
 * Removes a prefix (`#`) or suffix (`%`), the shortest match or with `greedy` the longest.
 *
 * @returns undefined for an invalid pattern, or a value of more than 2,048 characters
 */
export function trimPattern(
  value: string,
  pattern: string,
  { end, greedy }: { end: 'prefix' | 'suffix'; greedy: boolean },
): string | undefined {
  const tokens = parsePattern(pattern);
  if (tokens === undefined || value.length > MAX_VALUE) return undefined;
  const lengths = Array.from({ length: value.length + 1 }, (_, length) => length);
  for (const length of greedy ? lengths.reverse() : lengths) {
    const part = end === 'prefix' ? value.slice(0, length) : value.slice(value.length - length);
    if (matches(tokens, part)) return end === 'prefix' ? value.slice(length) : value.slice(0, value.length - length);
  }
  return value;
}

/**
 * Replaces the first match, the longest at its place, or all of them.
 *
 * @returns undefined for an invalid pattern, or a value of more than 2,048 characters
 */
export function replacePattern(
  value: string,
  pattern: string,
  { replacement, all }: { replacement: string; all: boolean },
): string | undefined {
  const tokens = parsePattern(pattern);
  if (tokens === undefined || value.length > MAX_VALUE) return undefined;
  const plain = replacement.replace(/\\([}/])/g, '$1');
  let out = '';
  let at = 0;
  while (at < value.length) {
    const length = longestAt(tokens, value, at);
    if (length > 0) {
      out += plain;
      at += length;
      if (!all) return out + value.slice(at);
    } else out += value.charAt(at++);
  }
  return out;
}

/** Length of the longest match that begins at `at`; 0 for none. */
function longestAt(tokens: readonly Token[], value: string, at: number): number {
  const stars = tokens.includes('many');
  if (!stars) return matches(tokens, value.slice(at, at + tokens.length)) ? tokens.length : 0;
  for (let end = value.length; end > at; end--) if (matches(tokens, value.slice(at, end))) return end - at;
  return 0;
}
