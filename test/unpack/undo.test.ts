import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostPath, type TreePath } from '../../src/core/paths.ts';
import { openWorkTree, type WorkTree } from '../../src/system/tree/work-tree.ts';
import { createUndo } from '../../src/unpack/undo.ts';

const at = (path: string): TreePath => path as TreePath;
let root: string;
let tree: WorkTree;

/** Every entry with mode and content. */
const picture = (directory = root): readonly string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const stat = lstatSync(join(directory, name));
      const content = stat.isFile() ? readFileSync(join(directory, name), 'utf8') : '';
      return `${name} ${(stat.mode & 0o7777).toString(8)} ${content}`;
    });

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'alproot-undo-'));
  mkdirSync(join(root, 'lib/apk'), { recursive: true });
  mkdirSync(join(root, 'opt/empty'), { recursive: true });
  writeFileSync(join(root, 'opt/a'), 'a');
  writeFileSync(join(root, 'opt/b'), 'b');
  chmodSync(join(root, 'opt/b'), 0o640);
  chmodSync(join(root, 'opt/empty'), 0o750);
  tree = openWorkTree(hostPath(root));
});
afterEach(() => {
  tree.close();
  rmSync(root, { recursive: true, force: true });
});

/** One of each kind of change. */
function changeAll(): ReturnType<typeof createUndo> {
  const undo = createUndo(tree, false);
  tree.writeFile(at('opt/new'), Buffer.from('new'), 0o644);
  undo.made(at('opt/new'));
  tree.writeFile(at('opt/.tmp'), Buffer.from('second a'), 0o600);
  undo.made(at('opt/.tmp'));
  undo.replace(at('opt/.tmp'), at('opt/a'));
  undo.moveToStaging(at('opt/b'));
  undo.keepAcl(at('opt'));
  tree.setMode(at('opt'), 0o700);
  undo.removeDirectory(at('opt/empty'));
  return undo;
}

describe('a change that is taken back', () => {
  it('leaves the tree as it was: contents, modes, directories', () => {
    const before = picture();
    const undo = changeAll();
    expect(readFileSync(join(root, 'opt/a'), 'utf8')).toBe('second a');
    expect([existsSync(join(root, 'opt/b')), existsSync(join(root, 'opt/empty'))]).toEqual([false, false]);
    undo.rollBack();
    expect(picture()).toEqual(before);
  });

  it('stands when it is forgotten, and nothing of what was put aside stays', () => {
    const undo = changeAll();
    undo.forget();
    expect(readdirSync(join(root, 'opt')).sort()).toEqual(['a', 'new']);
    expect(readdirSync(join(root, 'lib/apk'))).toEqual([]);
    expect(statSync(join(root, 'opt')).mode & 0o777).toBe(0o700);
  });

  it('puts things aside behind a link of the tree too, and where lib is missing', () => {
    rmSync(join(root, 'lib'), { recursive: true });
    mkdirSync(join(root, 'usr/lib'), { recursive: true });
    symlinkSync('usr/lib', join(root, 'lib'));
    const before = picture(join(root, 'opt'));
    changeAll().rollBack();
    expect(picture(join(root, 'opt'))).toEqual(before);
    expect(readdirSync(join(root, 'usr/lib/apk'))).toEqual([]);
    rmSync(join(root, 'lib'));
    changeAll().rollBack();
    expect(picture(join(root, 'opt'))).toEqual(before);
  });

  it('refuses a tree whose last change was killed, and leaves what that moved away', () => {
    createUndo(tree, false).moveToStaging(at('opt/a'));
    expect(() => createUndo(tree, false).moveToStaging(at('opt/b'))).toThrow(
      expect.objectContaining({ code: 'ALP_UNPACK_TREE' }),
    );
    expect(readFileSync(join(root, 'lib/apk/.alproot-undo/0'), 'utf8')).toBe('a');
    expect(existsSync(join(root, 'opt/b'))).toBe(true);
  });
});
