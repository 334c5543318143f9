import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { listVisible, openContext } from '../../src/build/context.ts';
import { hostPath, TREE_ROOT } from '../../src/core/paths.ts';

const work = mkdtempSync(join(tmpdir(), 'alproot-context-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

function listWith(name: string, ignore: string): string[] {
  const directory = join(work, name);
  for (const file of ['README.md', 'a/R.md', 'a/x', 'b/x', 'b/c/x', 'd/e/R.md']) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), '');
  }
  mkdirSync(join(directory, 'empty'));
  writeFileSync(join(directory, '.dockerignore'), ignore);
  const context = openContext(hostPath(directory), undefined);
  try {
    return listVisible(context, TREE_ROOT).filter((path) => path !== TREE_ROOT);
  } finally {
    context.tree.close();
  }
}

describe('the context under .dockerignore', () => {
  it.each([
    [
      'a wildcard exception brings no directory that is ignored and holds none',
      '*\n!**/R.md\n',
      ['a', 'a/R.md', 'd', 'd/e', 'd/e/R.md'],
    ],
    ['an exception of a directory brings all of it', '*\n!b\n', ['b', 'b/c', 'b/c/x', 'b/x']],
    [
      'an empty directory that is not ignored is brought',
      '*.md\n**/x\n.dockerignore\n',
      ['a', 'a/R.md', 'b', 'b/c', 'd', 'd/e', 'd/e/R.md', 'empty'],
    ],
  ])('%s', (name, ignore, expected) => {
    expect(listWith(name, ignore).sort()).toEqual(expected);
  });
});
