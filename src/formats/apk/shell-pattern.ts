/**
 * `fnmatch(3)` with FNM_PATHNAME, as apk uses it for triggers and protected paths: `*`, `?` and `[…]` stand for no
 * slash.
 */

const quote = (char: string): string => char.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/** @returns a test for whole strings; a pattern that is broken matches only itself */
export function compilePattern(pattern: string): (text: string) => boolean {
  let source = '';
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at);
    const set = char === '[' ? /^\[([!^]?)(\]?[^\]/]*)\]/.exec(pattern.slice(at)) : null;
    if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '\\' && at + 1 < pattern.length) source += quote(pattern.charAt(++at));
    else if (set !== null) {
      source += `(?!/)[${set[1] === '' ? '' : '^'}${(set[2] ?? '').replace(/[\\[\]^]/g, '\\$&')}]`;
      at += set[0].length - 1;
    } else source += quote(char);
  }
  try {
    const compiled = new RegExp(`^${source}$`, 's');
    return (text) => compiled.test(text);
  } catch {
    return (text) => text === pattern;
  }
}
