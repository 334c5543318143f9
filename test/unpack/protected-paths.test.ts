import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hostPath, type TreePath } from '../../src/core/paths.ts';
import { openWorkTree } from '../../src/system/tree/work-tree.ts';
import { createProtection, isProtecting, protectionLines, readProtection } from '../../src/unpack/protected-paths.ts';

const protection = (lines: readonly string[], path: string): string => createProtection(lines)(path as TreePath);

describe('protected paths', () => {
  it.each([
    [['+etc'], 'etc', 'changed'],
    [['+etc'], 'etc/deep/er', 'changed'],
    [['+etc'], 'usr/etc', 'none'],
    [['etc'], 'etc/a', 'changed'],
    [['+etc', '-etc/free'], 'etc/free/x', 'ignored'],
    [['-etc/free', '+etc'], 'etc/free/x', 'ignored'],
    [['+etc', '@etc/init.d'], 'etc/init.d', 'symlinks'],
    [['+opt/*/conf'], 'opt/a/conf/x', 'changed'],
    [['+opt/*/conf'], 'opt/conf', 'none'],
    [['+a', '-a'], 'a', 'ignored'],
    [['-a', '!a'], 'a', 'all'],
    [['/opt/x/'], 'opt/x', 'changed'],
    [['# +opt', ''], 'opt', 'none'],
  ])('%j: %s is %s', (lines, path, expected) => {
    expect(protection(lines, path)).toBe(expected);
  });

  it('only what is kept when it was edited counts as protected', () => {
    expect((['none', 'ignored', 'changed', 'symlinks', 'all'] as const).map(isProtecting)).toEqual([
      false,
      false,
      true,
      true,
      true,
    ]);
  });

  it("the tree's own lists come after apk's rules; hidden ones and other names are not read", () => {
    const root = mkdtempSync(join(tmpdir(), 'alproot-protected-'));
    const tree = openWorkTree(hostPath(root));
    try {
      mkdirSync(join(root, 'etc/apk/protected_paths.d'), { recursive: true });
      writeFileSync(join(root, 'etc/apk/protected_paths.d/mine.list'), '-etc/free\n+opt/conf\n');
      writeFileSync(join(root, 'etc/apk/protected_paths.d/.hidden.list'), '+hidden\n');
      writeFileSync(join(root, 'etc/apk/protected_paths.d/notes.txt'), '+notes\n');
      expect(protectionLines(tree)).toEqual(['+etc', '@etc/init.d', '!etc/apk', '-etc/free', '+opt/conf', '']);
      const isProtected = readProtection(tree);
      expect(
        ['etc', 'etc/free', 'opt/conf/x', 'hidden', 'notes', 'etc/apk/keys'].filter((path) =>
          isProtected(path as TreePath),
        ),
      ).toEqual(['etc', 'opt/conf/x', 'etc/apk/keys']);
    } finally {
      tree.close();
      rmSync(root, { recursive: true, force: true });
    }
  });
});
