/** Taking a package's files away: what nobody else owns, files first, then directories that are empty. */
import { createHash } from 'node:crypto';
import { limits } from '../core/limits.ts';
import { joinTree, nameOf, parentOf, type TreePath } from '../core/paths.ts';
import type { InstalledEntry } from '../formats/installed-db.ts';
import type { WorkTree } from '../system/work-tree.ts';
import type { Protection } from './protected-paths.ts';

export interface RemovalOptions {
  readonly tree: WorkTree;
  /** Whether somebody else owns a path, or will. */
  readonly isOwned: (path: TreePath) => boolean;
  readonly protection: (path: TreePath) => Protection;
  /** Remove edited files too (`apk del --purge`). */
  readonly purge: boolean;
}

export function removeFiles(entry: InstalledEntry, { tree, isOwned, protection, purge }: RemovalOptions): void {
  for (const { path: directory, files } of entry.directories) {
    for (const { name, checksum } of files) {
      const path = joinTree(directory, name);
      const actual = actualPath(tree, path);
      if (isOwned(path) || actual === undefined) continue;
      const found = tree.stat(actual);
      if (found === undefined || found.kind === 'directory') continue;
      if (!purge && protection(path) !== 'none' && found.kind === 'file' && isEdited(tree, actual, checksum)) continue;
      tree.remove(actual);
    }
  }
  for (const { path } of [...entry.directories].sort((a, b) => b.path.length - a.path.length)) {
    const actual = actualPath(tree, path);
    if (path === '' || actual === undefined || isOwned(path)) continue;
    if (tree.stat(actual)?.kind === 'directory' && tree.list(actual).length === 0) tree.remove(actual);
  }
}

const isEdited = (tree: WorkTree, path: TreePath, checksum: string): boolean =>
  `Q1${createHash('sha1').update(tree.readFile(path, limits.unpacked)).digest('base64')}` !== checksum;

/** The path with links of directories above it resolved; undefined when it leads nowhere. */
function actualPath(tree: WorkTree, path: TreePath): TreePath | undefined {
  const parent = tree.resolve(parentOf(path));
  return tree.stat(parent)?.kind === 'directory' || parent === '' ? joinTree(parent, nameOf(path)) : undefined;
}
