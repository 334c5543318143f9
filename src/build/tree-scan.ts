/**
 * A tree's state by metadata, and what changed between two states: how a step's layer is found without reading files.
 */
import { parentOf, TREE_ROOT, type TreePath } from '../core/paths.ts';
import type { TreeStat } from '../system/tree/tree-stat.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';
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
export const isHidden = (path: TreePath): boolean =>
  path === TREE_ROOT || (path.includes('/') && MOUNT_POINTS.has(path.slice(0, path.indexOf('/'))));

/** Really everything, in the order of a state. */
export function surveyTree(tree: WorkTree): ReadonlyMap<TreePath, TreeStat> {
  const root = tree.stat(TREE_ROOT);
  const found = new Map<TreePath, TreeStat>(root === undefined ? [] : [[TREE_ROOT, root]]);
  tree.walk((path, stat) => found.set(path, stat) === found);
  return found;
}

/** What an image shows of what was found; sockets, devices and pipes are passed over. */
export const stateOf = (found: Iterable<readonly [TreePath, TreeStat]>, owners: OwnerTable): TreeState =>
  new Map(
    [...found].flatMap(([path, stat]) =>
      isHidden(path) || stat.kind === 'other' ? [] : [[path, { stat, owner: owners.get(path) }] as const],
    ),
  );

/** Walks the whole tree; sockets, devices and pipes are passed over. */
export function scanTree(tree: WorkTree, owners: OwnerTable): TreeState {
  const state = new Map<TreePath, Seen>();
  tree.walk((path, stat) => {
    if (stat.kind !== 'other') state.set(path, { stat, owner: owners.get(path) });
    return !MOUNT_POINTS.has(path);
  });
  return state;
}

/** A tree as it is now, and what made it so since its last scan. */
export interface TreeScan {
  readonly after: TreeState;
  readonly changes: TreeChanges;
}

interface ScannedTree {
  readonly tree: WorkTree;
  readonly owners: OwnerTable;
  /** Of the last scan. */
  readonly state: TreeState;
}

/**
 * Scans a tree after a step: what was touched through the work tree, where that is all that can have changed, else
 * everything.
 *
 * @param options.byPrograms programs of the tree have changed it as well
 */
export function rescanTree(
  { tree, owners, state: before }: ScannedTree,
  { byPrograms }: { readonly byPrograms: boolean },
): TreeScan {
  const touched = tree.takeChanges();
  if (touched !== undefined && !byPrograms) return scanTouched(tree, owners, { before, touched });
  const after = scanTree(tree, owners);
  return { after, changes: compareStates(before, after) };
}

/**
 * What a step of ours, which no program of the tree had a part in, has made of `before`: only what was changed through
 * the work tree is looked at.
 *
 * @param touched see WorkTree.takeChanges
 */
export function scanTouched(
  tree: WorkTree,
  owners: OwnerTable,
  { before, touched }: { readonly before: TreeState; readonly touched: ReadonlySet<TreePath> },
): TreeScan {
  const now = new Map<TreePath, Seen>();
  const old = new Map<TreePath, Seen>();
  for (const path of [...touched].filter((changed) => !isHidden(changed)).sort(inTreeOrder)) {
    const [stat, seen] = [tree.stat(path), before.get(path)];
    if (stat !== undefined && stat.kind !== 'other') now.set(path, { stat, owner: owners.get(path) });
    if (seen !== undefined) old.set(path, seen);
  }
  const after = new Map(before);
  for (const path of old.keys()) after.delete(path);
  for (const [path, seen] of now) after.set(path, seen);
  return { after, changes: compareStates(old, now) };
}

/** As the walk comes upon them. */
function inTreeOrder(a: TreePath, b: TreePath): number {
  const [first, second] = [a.replaceAll('/', '\0'), b.replaceAll('/', '\0')];
  if (first === second) return 0;
  return first < second ? -1 : 1;
}

/** The state with these entries as they are now: they were changed and put back. */
export function scanAgain(
  state: TreeState,
  { tree, paths }: { readonly tree: WorkTree; readonly paths: readonly TreePath[] },
): TreeState {
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
  const changed: { path: TreePath; stat: TreeStat }[] = [];
  for (const [path, seen] of after) if (!isSame(before.get(path), seen)) changed.push({ path, stat: seen.stat });
  const removed: TreePath[] = [];
  const gone = new Set<TreePath>();
  for (const [path, seen] of before) {
    const now = after.get(path);
    const isGone = now === undefined;
    // A directory that became something else takes its old content along by itself.
    const isOther = !isGone && seen.stat.kind === 'directory' && now.stat.kind !== 'directory';
    if (!isGone && !isOther) continue;
    gone.add(path);
    if (isOther || !gone.has(parentOf(path))) removed.push(path);
  }
  return { changed, removed: removed.sort(inTreeOrder) };
}

function isSame(before: Seen | undefined, after: Seen): boolean {
  if (before === after) return true;
  return (
    before !== undefined &&
    before.stat.signature === after.stat.signature &&
    (before.owner === after.owner || ownerText(before.owner) === ownerText(after.owner))
  );
}

const ownerText = (owner: OwnerRecord | undefined): string =>
  owner === undefined ? '' : `${owner.uid}:${owner.gid}:${owner.mode ?? ''}:${JSON.stringify(owner.xattrs ?? {})}`;
