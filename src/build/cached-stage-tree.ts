/**
 * The tree of a stage in the store, where the next build takes it up instead of copying the base and unpacking the
 * layers again. What steps have added since the step that the next build continues from is removed; where they have
 * changed or removed something that was there before, the tree is of no use. It is used only when every entry is still
 * as it was scanned last, by inode, size and times, in the same boot. What no layer holds either (times, access lists
 * and user attributes of directories) may be that of the later steps.
 */
import { AlprootError } from '../core/errors.ts';
import { joinHost, parentOf, type HostPath, type TreePath } from '../core/paths.ts';
import type { FileOwner } from '../core/run-description.ts';
import type { TreeStat } from '../system/tree/tree-stat.ts';
import { openWorkTree, type WorkTree } from '../system/tree/work-tree.ts';
import type { BuildHost } from './host.ts';
import type { OwnerTable } from './owners.ts';
import type { OpenTree } from './stage-tree.ts';
import { addedBy, type HistoryStep } from './tree-history.ts';
import { stateOf, surveyTree } from './tree-scan.ts';

type CachedEntry = readonly [path: TreePath, signature: string, owner?: FileOwner];

/** As it lies in the store. */
export interface CachedTreeRecord {
  readonly real: boolean;
  readonly steps: readonly HistoryStep[];
  readonly hidden: readonly (readonly [TreePath, string])[];
  /** Of the last finished step: path, signature, owner beside the disk. */
  readonly entries: readonly CachedEntry[];
}

/** Where the tree lies in the directory that is cached. */
export const treeIn = (directory: HostPath): HostPath => joinHost(directory, 'tree');

/** More entries than this are copied sooner than compared. */
const MOST_ENTRIES = 200_000;

/** Hands the tree in `directory` over to the store; false when it is too large. */
export function cacheStageTree(
  { tree, state, history, real }: OpenTree,
  { host, name, directory }: { readonly host: BuildHost; readonly name: string; readonly directory: HostPath },
): boolean {
  tree.close();
  if (history === undefined || state.size > MOST_ENTRIES) return false;
  const entries = [...state].map(([path, { stat, owner }]): CachedEntry =>
    owner === undefined ? [path, stat.signature] : [path, stat.signature, owner],
  );
  host.trees.put(name, directory, {
    real,
    steps: history.steps,
    hidden: [...history.hidden],
    entries,
  } satisfies CachedTreeRecord);
  return true;
}

export interface CachedTreeRequest {
  readonly host: BuildHost;
  readonly name: string;
  /** Of the stage's start and of all that is finished in it, one after another. */
  readonly keys: readonly string[];
  /** Of the workspace; does not exist yet. */
  readonly directory: HostPath;
}

/** A cached tree, at the last of `done` of the requested keys. */
export interface ReopenedTree {
  readonly tree: OpenTree;
  readonly done: number;
}

/**
 * Resets the cached tree to the last of `keys` that it has been at; undefined when there is none, or none that can be
 * reset so far.
 */
export function takeCachedStageTree({ host, name, keys, directory }: CachedTreeRequest): ReopenedTree | undefined {
  const record = host.trees.take(name, directory) as CachedTreeRecord | undefined;
  if (record === undefined || record.real !== host.realOwners) return undefined;
  const plan = planReuse(record, keys);
  const tree = plan === undefined ? undefined : reopenTree(record, plan, directory);
  return plan === undefined || tree === undefined ? undefined : { tree, done: plan.done };
}

/** What has to be done for the tree to be as it was at one of the keys. */
interface ReusePlan {
  /** How many of the keys are behind it then. */
  readonly done: number;
  /** The steps up to there. */
  readonly steps: readonly HistoryStep[];
  /** What the steps after it have added, and has to be removed. */
  readonly added: ReadonlySet<TreePath>;
}

/** By the record alone; the disk is compared when the plan is applied. */
function planReuse({ steps }: CachedTreeRecord, keys: readonly string[]): ReusePlan | undefined {
  const last = keys.findLastIndex((key) => steps.some((step) => step.key === key));
  if (last < 0) return undefined;
  const next = steps.findIndex(({ key }) => key === keys[last]) + 1;
  const added = addedBy(steps.slice(next));
  return added === undefined ? undefined : { done: last + 1, steps: steps.slice(0, next), added };
}

function reopenTree(record: CachedTreeRecord, plan: ReusePlan, directory: HostPath): OpenTree | undefined {
  const tree = openWorkTree(treeIn(directory));
  try {
    const found = removeAdditions(tree, record, plan.added);
    if (found === undefined) return void tree.close();
    tree.takeChanges();
    const owners = ownersIn(record, plan.added);
    const history = { steps: [...plan.steps], hidden: new Map(record.hidden) };
    return { tree, owners, real: record.real, state: stateOf(found, owners), history };
  } catch (error) {
    tree.close();
    // A tree that cannot be walked or cleared is made anew.
    if (error instanceof AlprootError) return undefined;
    throw error;
  }
}

const ownersIn = ({ entries }: CachedTreeRecord, added: ReadonlySet<TreePath>): OwnerTable =>
  new Map(
    entries.flatMap(([path, , owner]) => (owner === undefined || added.has(path) ? [] : [[path, owner] as const])),
  );

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
