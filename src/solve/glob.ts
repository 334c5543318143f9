/** Shell patterns over names, as apk matches them: without regard to case, `*` and `?` take any character. */

/** A character class from `[` at `from`; undefined when it is not closed. */
function readClass(pattern: string, from: number): { readonly source: string; readonly end: number } | undefined {
  const negated = pattern[from + 1] === '!' || pattern[from + 1] === '^';
  const start = from + (negated ? 2 : 1);
  const end = pattern.indexOf(']', start + 1);
  if (end < 0) return undefined;
  const body = pattern.slice(start, end).replace(/[\\\]^[]/g, '\\$&');
  return { source: `[${negated ? '^' : ''}${body}]`, end };
}

/** A test for names; a pattern without wildcards matches the name itself. */
export function compileNameGlob(pattern: string): (name: string) => boolean {
  let source = '';
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] ?? '';
    const group = char === '[' ? readClass(pattern, at) : undefined;
    if (char === '*') source += source.endsWith('[^]*') ? '' : '[^]*';
    else if (char === '?') source += '[^]';
    else if (group !== undefined) {
      source += group.source;
      at = group.end;
    } else {
      const literal = char === '\\' ? (pattern[++at] ?? '\\') : char;
      source += literal.replace(/[$()*+./?[\\\]^{|}-]/g, '\\$&');
    }
  }
  const expression = new RegExp(`^${source}$`, 'i');
  return (name) => expression.test(name);
}

export const isNameGlob = (pattern: string): boolean => pattern.includes('*');
