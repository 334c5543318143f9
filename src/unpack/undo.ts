/**
 * Rolls a half-done change of a tree back. What was there is moved to a staging directory before it is replaced or
 * removed, and moved back, last first, when something fails; scripts' own doings are the one thing that stays.
 */
import { AlprootError } from '../core/errors.ts';
import { joinTree, nameOf, parentOf, type TreePath } from '../core/paths.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';
import { ensureDirectory } from './database.ts';

const STAGING = 'lib/apk/.alproot-undo' as TreePath;

export interface Undo {
  /** Something new is at `path`. */
  readonly made: (path: TreePath) => void;
  /** Moves what is at `path` to the staging directory. */
  readonly moveToStaging: (path: TreePath) => void;
  /** Renames over whatever has the new name. */
  readonly replace: (from: TreePath, to: TreePath) => void;
  /** Notes mode and owner before they are changed. */
  readonly keepAcl: (path: TreePath) => void;
  /** Removes an empty directory. */
  readonly removeDirectory: (path: TreePath) => void;
  readonly rollBack: () => void;
  /** Forgets everything: the change stands. */
  readonly forget: () => void;
}

/** What a killed change moved away is not there a second time. @throws ALP_UNPACK_TREE */
function refuseLeftovers(tree: WorkTree, keep: TreePath): void {
  if (tree.stat(keep)?.kind !== 'directory' || tree.list(keep).length === 0) return;
  throw new AlprootError(
    'ALP_UNPACK_TREE',
    `an earlier change of this tree was interrupted: what it replaced still lies in \`${keep}\``,
    { hint: 'make the tree anew' },
  );
}

/** @param owners whether owners can be restored, which only root can */
export function createUndo(tree: WorkTree, owners: boolean): Undo {
  const steps: (() => void)[] = [];
  let count = 0;
  let keep = STAGING;

  function setAcl(
    path: TreePath,
    { mode, uid, gid }: { readonly mode: number; readonly uid: number; readonly gid: number },
  ): void {
    if (owners) tree.setOwner(path, { uid, gid });
    tree.setMode(path, mode);
  }

  function moveToStaging(path: TreePath): void {
    if (count === 0) {
      keep = joinTree(ensureDirectory(tree, parentOf(STAGING)), nameOf(STAGING));
      refuseLeftovers(tree, keep);
      tree.remove(keep);
      tree.makeDirectory(keep, 0o700);
    }
    const staged = joinTree(keep, String(count++));
    tree.rename(path, staged);
    steps.push(() => tree.rename(staged, path));
  }

  const made = (path: TreePath): void => void steps.push(() => tree.remove(path));

  return {
    made,
    moveToStaging,
    replace: (from, to) => {
      if (tree.stat(to) !== undefined) moveToStaging(to);
      tree.rename(from, to);
      made(to);
    },
    keepAcl: (path) => {
      const before = tree.stat(path);
      if (before !== undefined) steps.push(() => setAcl(path, before));
    },
    removeDirectory: (path) => {
      const before = tree.stat(path);
      if (before?.kind !== 'directory') return;
      tree.remove(path);
      steps.push(() => {
        tree.makeDirectory(path, before.mode);
        setAcl(path, before);
      });
    },
    rollBack: () => {
      for (const step of steps.reverse()) step();
      if (count > 0) tree.remove(keep);
    },
    forget: () => {
      if (count > 0) tree.remove(keep);
    },
  };
}
