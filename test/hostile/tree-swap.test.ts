/** A process in the tree that swaps a directory for a link while we write, change and remove: nothing outside is touched. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAlprootError } from '../../src/core/errors.ts';
import { hostPath, type TreePath } from '../../src/core/paths.ts';
import { openWorkTree, type WorkTree } from '../../src/system/work-tree.ts';
import { swapDoor } from '../helpers/swapper.ts';

const ROUNDS = 1000;
let place: string;
let adversary: Worker;

beforeEach(async () => {
  place = mkdtempSync(join(tmpdir(), 'alproot-swap-'));
  for (const name of ['tree', 'outside']) mkdirSync(join(place, name));
  writeFileSync(join(place, 'outside/victim'), 'untouched', { mode: 0o600 });
  adversary = await swapDoor(join(place, 'tree'), join(place, 'outside'));
});
afterEach(async () => {
  await adversary.terminate();
  rmSync(place, { recursive: true, force: true });
});

const attempts: Readonly<Record<string, (tree: WorkTree, round: number) => void>> = {
  'writing a file': (tree, round) => tree.writeFile(`door/new${round}` as TreePath, Buffer.from('x'), 0o644),
  'creating and finishing a file': (tree, round) => {
    const file = tree.createFile(`door/made${round}` as TreePath);
    file.write(Buffer.from('x'));
    file.finish(0o4755, 1);
  },
  'changing a mode': (tree) => tree.setMode('door/victim' as TreePath, 0o777),
  'changing a time': (tree) => tree.setTime('door/victim' as TreePath, 1),
  'making a directory': (tree, round) => tree.makeDirectory(`door/d${round}` as TreePath, 0o777),
  'making a link': (tree, round) => tree.makeSymlink(`door/l${round}` as TreePath, 'x'),
  'renaming onto': (tree, round) => {
    tree.writeFile(`file${round}` as TreePath, Buffer.from('x'), 0o644);
    tree.rename(`file${round}` as TreePath, 'door/victim' as TreePath);
  },
  'writing where a path leads': (tree, round) => tree.writeFile(tree.resolve(`door/r${round}` as TreePath), Buffer.from('x'), 0o644),
  'removing a file': (tree) => tree.remove('door/victim' as TreePath),
  'removing everything in the directory': (tree) => { for (const name of tree.list('door' as TreePath)) tree.remove(`door/${name}` as TreePath); },
};

describe('while a directory is swapped for a link out of the tree', () => {
  it.each(Object.entries(attempts))('%s touches nothing outside', (_what, attempt) => {
    const victim = join(place, 'outside/victim');
    const before = statSync(victim, { bigint: true });
    const tree = openWorkTree(hostPath(join(place, 'tree')));
    try {
      for (let round = 0; round < ROUNDS; round++) {
        try {
          attempt(tree, round);
        } catch (error) {
          const known = isAlprootError(error) || (error instanceof Error && 'code' in error);
          if (!known) throw error;
        }
      }
    } finally {
      tree.close();
    }
    const after = statSync(victim, { bigint: true });
    expect(readdirSync(join(place, 'outside'))).toEqual(['victim']);
    expect(readFileSync(victim, 'latin1')).toBe('untouched');
    expect([after.mode, after.ino, after.mtimeNs, after.ctimeNs, after.nlink]).toEqual([before.mode, before.ino, before.mtimeNs, before.ctimeNs, before.nlink]);
  });
});
