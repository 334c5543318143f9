/** Shell patterns of `${x#p}`, `${x%p}` and `${x/p/r}`: `*`, `?` and escapes; no bracket expressions, as BuildKit has them. */

const ESCAPED = new Set(['*', '?', '\\']);

/** A regular expression's source; undefined when an escape means nothing. */
function regexSource(pattern: string, greedy: boolean): string | undefined {
  let source = '';
  const chars = [...pattern];
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at] ?? '';
    if (char === '*') source += greedy ? '.*' : '.*?';
    else if (char === '?') source += '.';
    else if (char === '\\') {
      const next = chars[++at] ?? '';
      if (next !== '}' && next !== '/' && !ESCAPED.has(next)) return undefined;
      source += escapeRegex(next);
    } else source += escapeRegex(char);
  }
  return source;
}

const escapeRegex = (char: string): string => char.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');

/**
 * Removes a prefix (`#`) or suffix (`%`), the shortest match or with `greedy` the longest.
 *
 * @returns undefined for an invalid pattern
 */
export function trimPattern(value: string, pattern: string, { end, greedy }: { end: 'prefix' | 'suffix'; greedy: boolean }): string | undefined {
  const source = regexSource(pattern, true);
  if (source === undefined) return undefined;
  const whole = new RegExp(`^(?:${source})$`, 's');
  const lengths = Array.from({ length: value.length + 1 }, (_, length) => length);
  for (const length of greedy ? lengths.reverse() : lengths) {
    const part = end === 'prefix' ? value.slice(0, length) : value.slice(value.length - length);
    if (whole.test(part)) return end === 'prefix' ? value.slice(length) : value.slice(0, value.length - length);
  }
  return value;
}

/**
 * Replaces the first match, or all of them.
 *
 * @returns undefined for an invalid pattern
 */
export function replacePattern(value: string, pattern: string, { replacement, all }: { replacement: string; all: boolean }): string | undefined {
  const source = regexSource(pattern, true);
  if (source === undefined) return undefined;
  const plain = replacement.replace(/\\([}/])/g, '$1');
  return value.replace(new RegExp(source, all ? 'gs' : 's'), () => plain);
}
