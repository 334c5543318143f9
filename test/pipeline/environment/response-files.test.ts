import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expandResponseFiles, splitWords } from '../../../src/pipeline/environment/response-files.ts';

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'alproot-response-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('response files', () => {
  it.each([
    ['a  b\n\tc', ['a', 'b', 'c']],
    ['', []],
    [' \n ', []],
    ['"a b" \'c d\'', ['a b', 'c d']],
    ['-DX="a b"c', ['-DX=a bc']],
    ['a\\ b \\" \\\\', ['a b', '"', '\\']],
    ['"a\\"b" \'a\\\'b\' "it\'s" \'a"b\'', ['a"b', "a'b", "it's", 'a"b']],
    ['"" x \'\'', ['', 'x', '']],
    ['"open', ['open']],
  ] as [string, string[]][])('%j is read as gcc reads it', (text, words) => {
    expect(splitWords(text)).toEqual(words);
  });

  it('stand for their words, and so do those that they name', () => {
    writeFileSync(join(root, 'a'), '-I/x @b "-L/y z"');
    writeFileSync(join(root, 'b'), 'b.c\n');
    expect(expandResponseFiles(['-c', '@a', 'z.c'], root)).toEqual(['-c', '-I/x', 'b.c', '-L/y z', 'z.c']);
    expect(expandResponseFiles([`@${root}/b`], '/')).toEqual(['b.c']);
  });

  it('that cannot be read stay words', () => {
    mkdirSync(join(root, 'd'));
    expect(expandResponseFiles(['@missing', '@d', '@'], root)).toEqual(['@missing', '@d', '@']);
  });

  it('that name themselves come to an end', () => {
    writeFileSync(join(root, 'a'), 'x @a');
    expect(expandResponseFiles(['@a'], root).at(-1)).toBe('@a');
  });
});
