/**
 * The tree of a stage, kept when the build has ended, so that the next one goes on in it instead of copying the base
 * and unpacking the layers again. What steps have added since the point where the next build goes on is removed; where
 * they have changed or removed something that was there before, the tree is of no use. It is used only when every
 * entry is still as it was seen last, by inode, size and times, in the same start of the machine. What no layer holds
 * either (times, access lists and user attributes of directories) may be that of the later steps.
 */
import { AlprootError } from '../core/errors.ts';
import { joinHost, parentOf, type HostPath, type TreePath } from '../core/paths.ts';
import type { FileOwner } from '../core/run-description.ts';
import type { TreeStat } from '../system/tree/tree-stat.ts';
import { openWorkTree, type WorkTree } from '../system/tree/work-tree.ts';
import type { BuildHost } from './host.ts';
import type { OwnerTable } from './owners.ts';
import type { OpenTree } from './stage.ts';
import { isHidden, stateOf, surveyTree, type TreeChanges, type TreeState } from './tree-scan.ts';

/** What the steps did to a tree since it was made: oldest first. */
export interface TreeHistory {
  readonly steps: HistoryStep[];
  /** Below the sandbox's mounts, when the tree was made: path and signature. */
  readonly hidden: ReadonlyMap<TreePath, string>;
}

interface HistoryStep {
  /** Of all up to here. */
  readonly key: string;
  readonly added: readonly TreePath[];
  /** Changed or removed, and there before. */
  readonly touched: readonly TreePath[];
}

/** As it lies in the store. */
export interface CachedTreeRecord {
  readonly real: boolean;
  readonly steps: readonly HistoryStep[];
  readonly hidden: readonly (readonly [TreePath, string])[];
  /** Of the last finished step: path, signature, owner beside the disk. */
  readonly entries: readonly (readonly [path: TreePath, signature: string, owner?: FileOwner])[];
}

/** Where a tree lies in the directory that is kept. */
export const treeIn = (directory: HostPath): HostPath => joinHost(directory, 'tree');

/** The beginning of a tree that was just made. @param found of surveyTree */
export const beginHistory = (key: string, found: ReadonlyMap<TreePath, TreeStat>): TreeHistory => ({
  steps: [{ key, added: [], touched: [] }],
  hidden: new Map([...found].flatMap(([path, { signature }]) => (isHidden(path) ? [[path, signature] as const] : []))),
});

/** A step is finished: what it made of `before`. */
export function recordChanges(
  { steps }: TreeHistory,
  { key, before, changes }: { readonly key: string; readonly before: TreeState; readonly changes: TreeChanges },
): void {
  const paths = changes.changed.map(({ path }) => path);
  steps.push({
    key,
    added: paths.filter((path) => !before.has(path)),
    touched: [...paths.filter((path) => before.has(path)), ...changes.removed],
  });
}

/** More entries than this are copied sooner than compared. */
const MOST_ENTRIES = 200_000;

/** Hands the tree in `directory` over to the store, unless it is too large. */
export function keepStageTree(
  { tree, state, history, real }: OpenTree,
  { host, name, directory }: { readonly host: BuildHost; readonly name: string; readonly directory: HostPath },
): void {
  tree.close();
  if (history === undefined || state.size > MOST_ENTRIES) return;
  const entries = [...state].map(
    ([path, { stat, owner }]) =>
      [
        path,
        stat.signature,
        ...(owner === undefined ? [] : [owner]),
      ] as unknown as CachedTreeRecord['entries'][number],
  );
  host.trees.put(name, directory, {
    real,
    steps: history.steps,
    hidden: [...history.hidden],
    entries,
  } satisfies CachedTreeRecord);
}

export interface Wanted {
  readonly host: BuildHost;
  readonly name: string;
  /** Of the stage's start and of all that is finished in it, one after another. */
  readonly keys: readonly string[];
  /** Of the workspace; does not exist yet. */
  readonly directory: HostPath;
}

/** A kept tree, with `done` of the wanted keys behind it. */
export interface TakenTree {
  readonly tree: OpenTree;
  readonly done: number;
}

/**
 * Takes the kept tree as it was at the last of `keys` that it has been at; undefined when there is none, or none that
 * can be brought back there.
 */
export function takeCachedStageTree({ host, name, keys, directory }: Wanted): TakenTree | undefined {
  const record = host.trees.take(name, directory) as CachedTreeRecord | undefined;
  const last = keys.findLastIndex((key) => record?.steps.some((step) => step.key === key));
  if (record === undefined || last < 0 || record.real !== host.realOwners) return undefined;
  const at = record.steps.findIndex(({ key }) => key === keys[last]);
  const tree = reopenTree(record, at, directory);
  return tree === undefined ? undefined : { tree, done: last + 1 };
}

function reopenTree(record: CachedTreeRecord, at: number, directory: HostPath): OpenTree | undefined {
  const added = addedSince(record.steps.slice(at + 1));
  if (added === undefined) return undefined;
  const tree = openWorkTree(treeIn(directory));
  try {
    const kept = removeAdditions(tree, record, added);
    if (kept === undefined) return void tree.close();
    tree.takeChanges();
    const owners: OwnerTable = new Map(
      record.entries.flatMap(([path, , owner]) =>
        owner === undefined || added.has(path) ? [] : [[path, owner] as const],
      ),
    );
    const state = stateOf(kept, owners);
    return {
      tree,
      owners,
      real: record.real,
      state,
      history: { steps: record.steps.slice(0, at + 1), hidden: new Map(record.hidden) },
    };
  } catch (error) {
    tree.close();
    // A tree that cannot be walked or cleared is made anew.
    if (error instanceof AlprootError) return undefined;
    throw error;
  }
}

/** What these steps have added; undefined when one of them did more than that. */
function addedSince(steps: readonly HistoryStep[]): Set<TreePath> | undefined {
  const added = new Set<TreePath>();
  for (const step of steps) {
    if (step.touched.some((path) => !added.has(path))) return undefined;
    for (const path of step.added) added.add(path);
  }
  return added;
}

/** Removes them, and what an unfinished step has left; undefined when anything else is not as it was. */
function removeAdditions(
  tree: WorkTree,
  { entries, hidden }: CachedTreeRecord,
  added: ReadonlySet<TreePath>,
): (readonly [TreePath, TreeStat])[] | undefined {
  const wanted = new Map([
    ...entries.flatMap(([path, signature]) => (added.has(path) ? [] : [[path, signature] as const])),
    ...hidden,
  ]);
  const found = surveyTree(tree);
  for (const [path, signature] of wanted) if (found.get(path)?.signature !== signature) return undefined;
  for (const path of found.keys()) if (!wanted.has(path) && wanted.has(parentOf(path))) tree.remove(path);
  return [...found].filter(([path]) => wanted.has(path));
}
