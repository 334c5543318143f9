import { describe, expect, it } from 'vitest';
import { compileMatchPattern, hasWildcard } from '../../../src/formats/dockerfile/dockerfile-glob.ts';
import { parseDockerignore } from '../../../src/formats/dockerfile/dockerignore.ts';

describe('.dockerignore', () => {
  it.each([
    ['*.md', 'README.md', true],
    ['*.md', 'docs/a.md', false],
    ['**/*.md', 'docs/a.md', true],
    ['**/*.md', 'a.md', true],
    ['*/temp*', 'a/temporary.txt', true],
    ['*/temp*', 'a/b/temp', false],
    ['*/*/temp*', 'a/b/temp', true],
    ['temp?', 'tempa', true],
    ['temp?', 'temp', false],
    ['/build', 'build', true],
    ['build/', 'build/x/y', true],
    ['build', 'src/build', false],
    ['**/build', 'src/build/x', true],
    ['# comment', '# comment', false],
    ['  dist  ', 'dist/x', true],
    ['a/../b', 'b', true],
    ['./c', 'c', true],
    ['node_modules', 'node_modules/a/b', true],
    ['[a-c].c', 'b.c', true],
    ['[^a].c', 'a.c', false],
    ['\\!x', '!x', true],
    ['*\n!README.md', 'README.md', false],
    ['*\n!README.md', 'x', true],
    ['*\n!d/e/', 'd/e/f', false],
    ['*\n!d/e/', 'd/x', true],
    ['!a\n*', 'a', true],
    ['**', 'a/b', true],
    ['a/**', 'a', false],
    ['a/**', 'a/b/c', true],
    ['a/**/c', 'a/c', true],
    ['', 'x', false],
    ['.', 'x', false],
    ['*.log\r\n', 'a.log', true],
  ])('%j on %s: %s', (rules, path, ignored) => {
    expect(parseDockerignore(rules).isIgnored(path)).toBe(ignored);
  });

  it('descends into an ignored directory only where an exception may hold', () => {
    const rules = parseDockerignore('*\n!d/e/\n!x*/y');
    expect(['d', 'd/e', 'd/f', 'xa', 'node_modules'].map(rules.mayHoldExceptions)).toEqual([
      true,
      true,
      false,
      true,
      false,
    ]);
  });

  it('refuses a malformed pattern by its line', () => {
    expect(() => parseDockerignore('a\n[')).toThrow(
      expect.objectContaining({ code: 'ALP_FORMAT_TEXT', message: expect.stringContaining('.dockerignore:2') }),
    );
  });
});

describe('wildcards of COPY', () => {
  it.each([
    ['*.c', 'a.c', true],
    ['*.c', 'd/a.c', false],
    ['d/*', 'd/a', true],
    ['d/*', 'd/a/b', false],
    ['h?m', 'hom', true],
    ['[[]a', '[a', true],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['[a-z]*', 'q', true],
    ['arr[0]', 'arr0', true],
  ])('%s on %s: %s', (pattern, path, matched) => {
    expect(compileMatchPattern(pattern)?.test(path)).toBe(matched);
  });

  it.each(['[', 'a\\', '[]', '[a-]', '[-a]'])('%s is malformed', (pattern) => {
    expect(compileMatchPattern(pattern)).toBeUndefined();
  });

  it('knows an escaped wildcard for a plain name', () => {
    expect(['a*', 'a\\*', 'a\\\\*', '[x]'].map(hasWildcard)).toEqual([true, false, true, true]);
  });
});
