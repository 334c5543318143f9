/**
 * A directory tree that programs of a sandbox write to and that we read and change between them. Every operation
 * walks from the root's descriptor, one component at a time, without following links: whatever the tree holds, and
 * whatever a process left in it does meanwhile, nothing outside is touched. Links are resolved by us, inside.
 *
 * @see runc `libcontainer/utils`, and Linux `openat2(2)` RESOLVE_IN_ROOT, which Node cannot call
 */
import { closeSync, constants, openSync } from 'node:fs';
import { joinHost, TREE_ROOT, type HostPath, type TreePath } from '../../core/paths.ts';
import { openDirectories } from '../files/tree-directories.ts';
import { treeContents, type TreeContents } from './file-contents.ts';
import { treeEntries, type TreeEntries } from './tree-entries.ts';
import type { TreeRoot } from './tree-root.ts';

export interface WorkTree extends TreeEntries, TreeContents {
  readonly root: HostPath;
  /**
   * What was made, changed or removed through this since the last call; undefined when that is not all that has
   * changed, as with a second name of a file.
   */
  readonly takeChanges: () => ReadonlySet<TreePath> | undefined;
  /** A path of the host that names the entry now; for mounts, whose targets the backend checks again. */
  readonly hostPathOf: (path: TreePath) => HostPath;
  /** Gives the descriptors back. */
  readonly close: () => void;
}

/** @param root an existing directory; the caller keeps it alive until `close` */
export function openWorkTree(root: HostPath): WorkTree {
  const fd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  const tree: TreeRoot = { path: root, fd, directories: openDirectories(fd), changes: new Set() };
  return {
    root,
    ...treeEntries(tree),
    ...treeContents(tree),
    takeChanges: () => {
      const taken = tree.changes;
      tree.changes = new Set();
      return taken;
    },
    hostPathOf: (path) => joinHost(root, Buffer.from(path, 'latin1').toString('utf8')),
    close: () => {
      tree.directories.forget(TREE_ROOT);
      closeSync(fd);
    },
  };
}
