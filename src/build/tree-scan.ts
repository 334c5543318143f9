/** A tree's state by metadata, and what changed between two states: how a step's layer is found without reading files. */
import { joinTree, TREE_ROOT, type TreePath } from '../core/paths.ts';
import type { TreeStat } from '../system/tree-stat.ts';
import type { WorkTree } from '../system/work-tree.ts';
import type { OwnerRecord, OwnerTable } from './owners.ts';

interface Seen {
  readonly stat: TreeStat;
  readonly owner: OwnerRecord | undefined;
}

/** Parents before children, names sorted by bytes. */
export type TreeState = ReadonlyMap<TreePath, Seen>;

export interface TreeChanges {
  /** New or different, parents first. */
  readonly changed: readonly { readonly path: TreePath; readonly stat: TreeStat }[];
  /** Gone, and not below something that is gone. */
  readonly removed: readonly TreePath[];
}

/** Never part of an image: the sandbox's own mounts. */
const MOUNT_POINTS = new Set(['proc', 'sys', 'dev']);

/** Whether no image shows it: the root itself, and what is below those mounts. */
export const isHidden = (path: TreePath): boolean => path === TREE_ROOT || (path.includes('/') && MOUNT_POINTS.has(path.slice(0, path.indexOf('/'))));

/** Really everything, in the order of a state. */
export function surveyTree(tree: WorkTree): ReadonlyMap<TreePath, TreeStat> {
  const root = tree.stat(TREE_ROOT);
  const found = new Map<TreePath, TreeStat>(root === undefined ? [] : [[TREE_ROOT, root]]);
  const walk = (directory: TreePath): void => {
    for (const name of tree.list(directory)) {
      const path = joinTree(directory, name);
      const stat = tree.stat(path);
      if (stat === undefined) continue;
      found.set(path, stat);
      if (stat.kind === 'directory') walk(path);
    }
  };
  walk(TREE_ROOT);
  return found;
}

/** Walks the whole tree; sockets, devices and pipes are passed over. */
export function scanTree(tree: WorkTree, owners: OwnerTable): TreeState {
  const state = new Map<TreePath, Seen>();
  const walk = (directory: TreePath): void => {
    for (const name of tree.list(directory)) {
      const path = joinTree(directory, name);
      const stat = tree.stat(path);
      if (stat === undefined || stat.kind === 'other') continue;
      state.set(path, { stat, owner: owners.get(path) });
      if (stat.kind === 'directory' && !(directory === TREE_ROOT && MOUNT_POINTS.has(name))) walk(path);
    }
  };
  walk(TREE_ROOT);
  return state;
}

/** The state with these entries as they are now: they were changed and put back. */
export function seenAgain(state: TreeState, { tree, paths }: { readonly tree: WorkTree; readonly paths: readonly TreePath[] }): TreeState {
  if (paths.length === 0) return state;
  const again = new Map(state);
  for (const path of paths) {
    const stat = tree.stat(path);
    const before = state.get(path);
    if (stat !== undefined && before !== undefined) again.set(path, { ...before, stat });
  }
  return again;
}

/** What made `after` out of `before`. */
export function compareStates(before: TreeState, after: TreeState): TreeChanges {
  const changed = [...after].flatMap(([path, seen]) => (isSame(before.get(path), seen) ? [] : [{ path, stat: seen.stat }]));
  const removed: TreePath[] = [];
  for (const [path, seen] of before) {
    const now = after.get(path);
    if (now === undefined && !removed.some((gone) => path.startsWith(`${gone}/`))) removed.push(path);
    // A directory that became something else takes its old content along by itself.
    else if (now !== undefined && seen.stat.kind === 'directory' && now.stat.kind !== 'directory') removed.push(path);
  }
  return { changed, removed };
}

function isSame(before: Seen | undefined, after: Seen): boolean {
  return before !== undefined && before.stat.signature === after.stat.signature && ownerText(before.owner) === ownerText(after.owner);
}

const ownerText = (owner: OwnerRecord | undefined): string =>
  owner === undefined ? '' : `${owner.uid}:${owner.gid}:${owner.mode ?? ''}:${JSON.stringify(owner.xattrs ?? {})}`;
