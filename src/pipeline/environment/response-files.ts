/**
 * Arguments that stand in files: `@FILE` is replaced by the words of FILE, as gcc and binutils do it.
 *
 * @see libiberty's `expandargv` and `buildargv`, gcc 12
 */
import { resolve } from 'node:path';
import { limits } from '../../core/limits.ts';
import { hostPath } from '../../core/paths.ts';
import { readFileCapped } from '../../system/files/files.ts';
import { isFile } from '../../system/files/host-paths.ts';

const MAX_FILES = 200;

/**
 * @param directory absolute; relative names are meant from there
 * @returns all words; an `@FILE` that cannot be read stays as it is
 */
export function expandResponseFiles(args: readonly string[], directory: string): string[] {
  let left = MAX_FILES;
  const expand = (words: readonly string[]): string[] =>
    words.flatMap((word) => {
      const path = resolve(directory, word.slice(1));
      if (!word.startsWith('@') || word.length === 1 || left === 0 || !isFile(path)) return [word];
      left--;
      const text = readFileCapped(hostPath(path), limits.metadata)?.toString('utf8');
      return text === undefined ? [word] : expand(splitWords(text));
    });
  return expand(args);
}

/**
 * Words are separated by white space; a backslash protects the next character, quotes of either kind all up to their
 * like.
 */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? '';
    if (character === '\\') word = (word ?? '') + (text[++at] ?? '');
    else if (character === quote) quote = '';
    else if (quote === '' && /['"]/.test(character)) [quote, word] = [character, word ?? ''];
    else if (quote !== '' || !/\s/.test(character)) word = (word ?? '') + character;
    else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  return word === undefined ? words : [...words, word];
}
