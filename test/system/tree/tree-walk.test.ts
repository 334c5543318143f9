import { mkdirSync, mkdtempSync, rmdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hostPath } from '../../../src/core/paths.ts';
import { openWorkTree } from '../../../src/system/tree/work-tree.ts';

it('a walk that cannot go on names the directory', () => {
  const root = mkdtempSync(join(tmpdir(), 'alproot-walk-'));
  for (const name of ['a/b', 'c']) mkdirSync(join(root, name), { recursive: true });
  const tree = openWorkTree(hostPath(root));
  const swap = (path: string): boolean => {
    if (path === 'a/b') {
      rmdirSync(join(root, path));
      symlinkSync('/', join(root, path));
    }
    return true;
  };
  try {
    expect(() => tree.walk(swap)).toThrow(
      expect.objectContaining({
        code: 'ALP_UNPACK_WRITE',
        message: expect.stringMatching(/cannot walk `a\/b` in the tree: E(?:LOOP|NOTDIR)/) as string,
      }),
    );
  } finally {
    tree.close();
    rmSync(root, { recursive: true });
  }
});
