/**
 * Taking a package's files away: those that were edited in protected directories stay, and so do directories that
 * hold something of others.
 *
 * @see apk-tools 2.14 `apk_db_purge_pkg`
 */
import { createHash } from 'node:crypto';
import { joinTree, type TreePath } from '../core/paths.ts';
import { digestOfFile } from '../system/tree/tree-digest.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';
import { leaveDirectory, type DirectoryContext } from './owned-directories.ts';
import { sharedDirectory, type LivePackage } from './tree-state.ts';

export interface RemovalOptions extends DirectoryContext {
  readonly isProtected: (directory: TreePath) => boolean;
  /** Remove edited files too (`apk del --purge`). */
  readonly purge: boolean;
}

export function removeFiles(owner: LivePackage, options: RemovalOptions): void {
  const { tree, state, undo, isProtected, purge } = options;
  for (const directory of owner.directories.values()) {
    sharedDirectory(state, directory.path).modified = true;
    const place = directory.files.size === 0 ? undefined : actualDirectory(tree, directory.path);
    for (const { name, checksum } of directory.files.values()) {
      const actual = place === undefined ? undefined : joinTree(place, name);
      const kind = actual === undefined ? undefined : tree.stat(actual)?.kind;
      if (actual !== undefined && kind !== undefined && kind !== 'directory') {
        if (purge || !isProtected(directory.path) || contentChecksum(tree, actual, packageDigest(owner)) === checksum)
          undo.moveToStaging(actual);
      }
      state.files.delete(joinTree(directory.path, name));
    }
    leaveDirectory(directory, options);
  }
}

/** Hash of a package's files: v3 packages are marked `S` in the database. @param broken its marks */
export const digestMarked = (broken: Iterable<string> = ''): 'sha1' | 'sha256' =>
  [...broken].includes('S') ? 'sha256' : 'sha1';

export const packageDigest = ({ broken }: LivePackage): 'sha1' | 'sha256' => digestMarked(broken);

/** `Q1…`, of a SHA-256 the first 20 bytes. @see apk-tools 3.0 `apk_db_install_file` */
export const fileChecksum = (digest: Buffer): string => `Q1${digest.subarray(0, 20).toString('base64')}`;

/** `Q1…` of a file's content or of a link's target; undefined for anything else. */
export function contentChecksum(
  tree: WorkTree,
  path: TreePath,
  algorithm: 'sha1' | 'sha256' = 'sha1',
): string | undefined {
  const found = tree.stat(path);
  if (found?.kind !== 'file' && found?.kind !== 'symlink') return undefined;
  return fileChecksum(
    found.kind === 'symlink'
      ? createHash(algorithm)
          .update(Buffer.from(tree.readLink(path), 'latin1'))
          .digest()
      : digestOfFile(tree, path, algorithm),
  );
}

/** The directory with links on the way resolved inside the tree; undefined when it leads nowhere. */
function actualDirectory(tree: WorkTree, path: TreePath): TreePath | undefined {
  const actual = tree.resolve(path);
  return actual === '' || tree.stat(actual)?.kind === 'directory' ? actual : undefined;
}
