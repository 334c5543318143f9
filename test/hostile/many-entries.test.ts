/** A hundred thousand names where one is usual: work and stack grow no faster than they do. */
import { expect, it } from 'vitest';
import { compareStates, type TreeState } from '../../src/build/tree-scan.ts';
import type { TreePath } from '../../src/core/paths.ts';
import { parseWorld } from '../../src/formats/apk/world-file.ts';
import { solve } from '../../src/solve/solve.ts';
import type { TreeStat } from '../../src/system/tree/tree-stat.ts';
import { pkg, repo } from '../helpers/packages.ts';

it('a circle of a hundred thousand packages is solved', () => {
  const count = 100_000;
  const packages = Array.from({ length: count }, (_, i) => pkg(`p${i}-1`, { depends: `p${(i + 1) % count}` }));
  expect(
    solve({ arch: 'x86_64', world: parseWorld('p0'), repositories: [repo(packages)], installed: [] }).changes,
  ).toHaveLength(count);
});

it('the loss of 400,000 names of one directory is seen in one pass', () => {
  const entry = (kind: 'file' | 'directory'): { readonly stat: TreeStat; readonly owner: undefined } => ({
    owner: undefined,
    stat: {
      kind,
      signature: '1',
      mode: 0o644,
      uid: 0,
      gid: 0,
      ino: 1,
      linkCount: 1,
      sizeBytes: 0,
      mtime: 0,
    } as unknown as TreeStat,
  });
  const after: TreeState = new Map([['d' as TreePath, entry('directory')]]);
  const before: TreeState = new Map([
    ...after,
    ...Array.from({ length: 400_000 }, (_, n) => [`d/${n}` as TreePath, entry('file')] as const),
  ]);
  expect(compareStates(before, after).removed).toHaveLength(400_000);
});
