/**
 * The states of a stage's tree, from the first step that needs one to the build's end and into the next build.
 *
 * | state    | event    | next     | what is done, and where                                                        |
 * | -------- | -------- | -------- | ------------------------------------------------------------------------------ |
 * | none     | hit      | none     | a step is in the cache: its key and layer are noted (stage.ts)                 |
 * | none     | require  | opening  | a step is not, or an output or another stage needs the files                   |
 * | opening  | reopen   | open     | the last build's tree, reset to a finished step (cached-stage-tree.ts)         |
 * | opening  | make     | open     | a clone of the parent's tree or of the base, and the layers above (stage.ts)   |
 * | opening  | fail     | none     |                                                                                |
 * | open     | hit      | open     | the layer is put onto the tree; what it touched is scanned (tree-scan.ts)      |
 * | open     | start    | stepping | a step runs: the tree is ahead of its scan                                     |
 * | stepping | finish   | open     | scanned: all of it after a program, else what was touched; a layer is written  |
 * | stepping | fail     | open     | the scan stays that of the last finished step; reopening removes the leftovers |
 * | open     | keep     | cached   | handed to the store with its history, for the next build                       |
 * | any      | drop     | dropped  | removed with the workspace                                                     |
 */
import type { OwnedTree } from './layer.ts';
import type { TreeHistory } from './tree-history.ts';
import type { TreeState } from './tree-scan.ts';

export interface OpenTree extends OwnedTree {
  /** As of the last finished step. */
  state: TreeState;
  /** undefined for a tree that is not cached. */
  readonly history?: TreeHistory;
}

export type StageTree =
  | { readonly state: 'none' | 'cached' | 'dropped' }
  /** Whoever else requires it waits for the same. */
  | { readonly state: 'opening'; readonly opened: Promise<OpenTree> }
  | { readonly state: 'open' | 'stepping'; readonly tree: OpenTree };

export type StageTreeEvent = 'hit' | 'require' | 'reopen' | 'make' | 'fail' | 'start' | 'finish' | 'keep' | 'drop';

export const STAGE_TREE_STATES: Readonly<
  Record<StageTree['state'], Readonly<Partial<Record<StageTreeEvent, StageTree['state']>>>>
> = {
  none: { hit: 'none', require: 'opening', drop: 'dropped' },
  opening: { reopen: 'open', make: 'open', fail: 'none', drop: 'dropped' },
  open: { hit: 'open', start: 'stepping', keep: 'cached', drop: 'dropped' },
  stepping: { finish: 'open', fail: 'open', drop: 'dropped' },
  cached: {},
  dropped: {},
};

/** Takes a tree to its next state. @throws Error, a bug of ours, for one that the table does not have */
export function moveTree(from: StageTree, event: StageTreeEvent, to: StageTree): StageTree {
  if (STAGE_TREE_STATES[from.state][event] !== to.state)
    throw new Error(`the tree of a stage cannot go from ${from.state} to ${to.state} by ${event}`);
  return to;
}

/** undefined where there is none that can be used now. */
export const openTreeOf = (tree: StageTree): OpenTree | undefined => ('tree' in tree ? tree.tree : undefined);
