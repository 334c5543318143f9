import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareStates, scanTouched, scanTree, type TreeState } from '../../src/build/tree-scan.ts';
import type { OwnerTable } from '../../src/build/owners.ts';
import { hostPath, type TreePath } from '../../src/core/paths.ts';
import type { TreeStat } from '../../src/system/tree/tree-stat.ts';
import { openWorkTree, type WorkTree } from '../../src/system/tree/work-tree.ts';

let root: string;
let tree: WorkTree;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'alproot-scan-'));
  for (const name of ['a', 'a/b', 'a-b', 'dev', 'dev/shm', 'z']) mkdirSync(join(root, name));
  for (const name of ['a/b/1', 'a/b/2', 'a-b/3', 'a.c', 'dev/null', 'z/\u00e9']) writeFileSync(join(root, name), name);
  tree = openWorkTree(hostPath(root));
});
afterEach(() => {
  tree.close();
  rmSync(root, { recursive: true, force: true });
});

const shown = (state: TreeState): [string, unknown][] =>
  [...state].map(([path, { stat, owner }]) => [path, [stat.kind, stat.signature, owner]]);
const p = (path: string): TreePath => path as TreePath;

describe('what was touched', () => {
  const owners: OwnerTable = new Map();
  const cases: Record<string, () => void> = {
    nothing: () => undefined,
    'a new file, and its directories': () => {
      tree.makeDirectory(p('n'), 0o755);
      tree.makeDirectory(p('n/m'), 0o700);
      tree.writeFile(p('n/m/f'), Buffer.from('x'), 0o644);
      tree.setTime(p('n/m/f'), 5);
    },
    'a directory that goes with all that is in it': () => tree.remove(p('a')),
    'a file in the place of a directory': () => {
      tree.remove(p('a'));
      tree.writeFile(p('a'), Buffer.from('x'), 0o644);
    },
    'a directory in the place of a file': () => {
      tree.remove(p('a.c'));
      tree.makeDirectory(p('a.c'), 0o755);
      tree.makeSymlink(p('a.c/l'), '../z');
    },
    'modes and owners': () => {
      tree.setMode(p('a/b'), 0o700);
      tree.setMode(p('z/\u00c3\u00a9'), 0o600);
      owners.set(p('z/\u00c3\u00a9'), { uid: 3, gid: 4 });
    },
    'what comes and goes': () => {
      tree.writeFile(p('t'), Buffer.from('x'), 0o644);
      tree.remove(p('t'));
    },
    'what no image shows': () => {
      tree.remove(p('dev/null'));
      tree.writeFile(p('dev/shm/x'), Buffer.from('x'), 0o644);
    },
    'names that sort otherwise than paths': () => {
      for (const name of ['a/0', 'a b', 'a+', 'a/b/0', 'a-b/0']) tree.writeFile(p(name), Buffer.from(name), 0o644);
      for (const name of ['a/b/2', 'a-b/3']) tree.remove(p(name));
    },
  };
  it.each(Object.keys(cases))('is all there is to see: %s', (name) => {
    owners.clear();
    const before = scanTree(tree, owners);
    tree.takeChanges();
    cases[name]?.();
    const touched = tree.takeChanges();
    if (touched === undefined) throw new Error('more has changed than was touched');
    const whole = scanTree(tree, owners);
    const { after, changes } = scanTouched(tree, owners, { before, touched });
    expect(changes).toEqual(compareStates(before, whole));
    // Of directories, size and times follow their entries and count for nothing.
    expect(new Map(shown(after))).toEqual(new Map(shown(whole)));
  });

  it('is not all when a file has another name, or entries were moved', () => {
    tree.takeChanges();
    tree.makeHardLink(p('a/hard'), p('a/b/1'));
    expect(tree.takeChanges()).toBeUndefined();
    tree.remove(p('a/hard'));
    expect(tree.takeChanges()).toBeUndefined();
    tree.rename(p('a/b'), p('a/c'));
    expect(tree.takeChanges()).toBeUndefined();
    expect(tree.takeChanges()).toEqual(new Set());
  });
});

it('walks parents before children, names by bytes, into no link', () => {
  tree.makeSymlink(p('a/b/up'), '../..');
  chmodSync(join(root, 'z'), 0o555);
  expect([...scanTree(tree, new Map()).keys()]).toEqual([
    'a',
    'a/b',
    'a/b/1',
    'a/b/2',
    'a/b/up',
    'a-b',
    'a-b/3',
    'a.c',
    'dev',
    'z',
    'z/\u00c3\u00a9',
  ]);
});

const entry = (
  kind: 'file' | 'directory',
  signature = '1',
): { readonly stat: TreeStat; readonly owner: undefined } => ({
  owner: undefined,
  stat: {
    kind,
    signature,
    mode: 0o644,
    uid: 0,
    gid: 0,
    ino: 1,
    linkCount: 1,
    sizeBytes: 0,
    mtime: 0,
  } as unknown as TreeStat,
});
const state = (...paths: readonly string[]): TreeState =>
  new Map(
    paths.map((path) => [path.replace(/\/$/, '') as TreePath, entry(path.endsWith('/') ? 'directory' : 'file')]),
  );

describe('what is gone', () => {
  it('is named without what lay in it', () => {
    expect(
      compareStates(state('a/', 'a/b/', 'a/b/c', 'a.x', 'd/', 'd/e', 'd/f'), state('a.x', 'd/', 'd/f')).removed,
    ).toEqual(['a', 'd/e']);
  });

  it('with a directory that became a file is that directory alone', () => {
    const after = new Map([['a' as TreePath, entry('file', '2')]]);
    expect(compareStates(state('a/', 'a/b/', 'a/b/c'), after).removed).toEqual(['a']);
  });
});
