import { describe, expect, it } from 'vitest';
import { compilePattern } from '../../../src/formats/apk/shell-pattern.ts';

describe('patterns of triggers and protected paths', () => {
  it.each([
    ['/usr/share/*', '/usr/share/fonts', true],
    ['/usr/share/*', '/usr/share/fonts/ttf', false],
    ['/usr/share/*', '/usr/share/', true],
    ['/usr/*/x', '/usr/a/b/x', false],
    ['/opt/a?c', '/opt/abc', true],
    ['/opt/a?c', '/opt/a/c', false],
    ['*', '', true],
    ['?', '', false],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[^a-c]x', 'dx', true],
    ['a[/]b', 'a/b', false],
    ['a[!x]b', 'a/b', false],
    ['[]]', ']', true],
    ['a.b', 'axb', false],
    ['a+b', 'a+b', true],
    ['(a|b)', 'a', false],
    ['\\*', '*', true],
    ['\\*', 'x', false],
    ['a\\', 'a\\', true],
    ['[', '[', true],
    ['[a', '[a', true],
    ['[z-a]', '[z-a]', true],
    ['*', 'a\nb', true],
    ['\xff*', '\xff\xfe', true],
    ['A', 'a', false],
  ])('%j on %j: %s', (pattern, text, fits) => {
    expect(compilePattern(pattern)(text)).toBe(fits);
  });
});
