/**
 * Wildcards of COPY and ADD: Go's filepath.Match over whole relative paths, `/` never matched by a wildcard.
 *
 * @see Go 1.23 `path/filepath/match.go`
 */

/** Whether any of `*`, `?`, `[` occurs unescaped. */
export const hasWildcard = (pattern: string): boolean => /(?:^|[^\\])(?:\\\\)*[*?[]/.test(pattern);

/** A pattern without wildcards as the plain name it stands for. */
export const unescapePattern = (pattern: string): string => pattern.replace(/\\(.)/gs, '$1');

/**
 * A regular expression that accepts what Go's Match accepts; undefined for a malformed pattern.
 *
 * @param anyDepth let `**` cross directories, as `--parents` and `--exclude` have it
 */
export function compileMatchPattern(pattern: string, { anyDepth = false }: { anyDepth?: boolean } = {}): RegExp | undefined {
  let source = '';
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at);
    if (anyDepth && pattern.startsWith('**', at)) {
      const slash = pattern.charAt(at + 2) === '/';
      const piece = slash ? '(?:.*/)?' : '.*';
      // `**/**/` is `**/`: repeated, it would only cost time.
      if (!source.endsWith(piece)) source += piece;
      at += slash ? 2 : 1;
    } else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '\\') {
      if (++at >= pattern.length) return undefined;
      source += literal(pattern.charAt(at));
    } else if (char === '[') {
      const set = readClass(pattern, at);
      if (set === undefined) return undefined;
      source += set.source;
      at = set.end;
    } else source += literal(char);
  }
  try {
    return new RegExp(`^${source}$`, 's');
  } catch {
    return undefined;
  }
}

const literal = (char: string): string => char.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');

function readClass(pattern: string, start: number): { source: string; end: number } | undefined {
  let at = start + 1;
  const negated = pattern.charAt(at) === '^';
  if (negated) at++;
  let source = '';
  for (let first = true; ; first = false) {
    let char = pattern.charAt(at++);
    if (char === '') return undefined;
    if (char === ']' && !first) return { source: `(?!/)[${negated ? '^' : ''}${source}]`, end: at - 1 };
    if (char === '-' || char === ']') return undefined;
    if (char === '\\') char = pattern.charAt(at++);
    source += literal(char);
    if (pattern.charAt(at) === '-') {
      let last = pattern.charAt(++at);
      if (last === '\\') last = pattern.charAt(++at);
      if (last === '' || last === ']' || last === '-') return undefined;
      source += `-${literal(last)}`;
      at++;
    }
  }
}
