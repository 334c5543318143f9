/**
 * `RUN --mount=type=bind` of the context: a copy of what `.dockerignore` lets through, so that writes are dropped and
 * nothing else shows.
 */
import { keyOf } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { hostPath, joinTree, TREE_ROOT, treePathFromUser, type HostPath, type TreePath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { makeDirectory } from '../system/files/host-directories.ts';
import { contentDigest } from './copy-sources.ts';
import { openWorkTree } from '../system/tree/work-tree.ts';
import { type CopyRoot, listVisible } from './context.ts';
import type { MountSource } from './run-context.ts';

/** Over names, modes and contents of what the mount would show. */
export function contextDigest(root: CopyRoot, source: string): string {
  const { tree } = root;
  return keyOf(
    ...listVisible(root, mountedPath(root, source)).flatMap((path) => {
      const stat = tree.stat(path);
      return [path, stat?.kind ?? '', String(stat?.mode ?? 0), contentDigest(tree, path, stat?.kind)];
    }),
  );
}

function mountedPath({ tree }: CopyRoot, source: string): TreePath {
  return tree.resolve(treePathFromUser(source));
}

/** @param copy a path that does not exist yet */
export function copyContext(root: CopyRoot, source: string, copy: HostPath): MountSource {
  const from = mountedPath(root, source);
  const kind = root.tree.stat(from)?.kind;
  if (kind !== 'file' && kind !== 'directory')
    throw new AlprootError('ALP_BUILD_CONTEXT', `RUN --mount: ${quoteName(source)} is not in ${root.label}`);
  const holder = hostPath(copy.slice(0, copy.lastIndexOf('/')));
  makeDirectory(holder, 0o700);
  const target = openWorkTree(holder);
  try {
    const top = treePathFromUser(copy.slice(holder.length + 1));
    for (const path of listVisible(root, from)) {
      const inner = path === from ? TREE_ROOT : path.slice(from === TREE_ROOT ? 0 : from.length + 1);
      copyEntry(root, path, { target, place: inner === TREE_ROOT ? top : joinTree(top, inner) });
    }
  } finally {
    target.close();
  }
  return { path: copy, kind };
}

function copyEntry(
  { tree }: CopyRoot,
  path: TreePath,
  { target, place }: { target: CopyRoot['tree']; place: TreePath },
): void {
  const stat = tree.stat(path);
  if (stat === undefined || target.stat(place) !== undefined) return;
  if (stat.kind === 'directory') target.makeDirectory(place, stat.mode | 0o700);
  else if (stat.kind === 'symlink') target.makeSymlink(place, tree.readLink(path));
  else target.copyFile(place, { tree, path, mode: stat.mode });
  if (stat.kind !== 'directory') target.setTime(place, stat.mtime);
}
