/**
 * A stage on its way: the chain of keys and layers so far and, once a step really has to run, its tree. A stage whose
 * steps are all in the cache never has a tree; a tree is made once, from the nearest tree or base below.
 */
import { keyOf } from '../core/digest.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import { makeDirectory } from '../system/directories.ts';
import { writeChunks } from '../system/chunk-file.ts';
import { cloneTree } from '../system/tree-clone.ts';
import { openWorkTree } from '../system/work-tree.ts';
import type { BaseTree, BuildHost, StoredLayer } from './host.ts';
import { applyLayer, formatLayer, type OwnedTree, readLayer } from './layer.ts';
import type { OwnerTable } from './owners.ts';
import type { PlannedStage } from './plan.ts';
import { compareStates, scanTree, type TreeState } from './tree-scan.ts';

/** One finished step, for layers and history. */
export interface FinishedStep {
  readonly key: string;
  /** undefined: nothing changed but the configuration. */
  readonly layer: StoredLayer | undefined;
  /** As written, for the image's history. */
  readonly source: string;
}

export interface OpenTree extends OwnedTree {
  /** As of the last finished step. */
  state: TreeState;
}

export interface StageBuild {
  readonly stage: PlannedStage;
  /** undefined: scratch, or another stage. */
  readonly base: BaseTree | undefined;
  readonly parent: StageBuild | undefined;
  /** Key of all so far. */
  key: string;
  readonly finished: FinishedStep[];
  /** Made when the first step misses the cache. */
  tree: OpenTree | undefined;
}

/** All finished steps from the base up. */
export const chainOf = (build: StageBuild): FinishedStep[] => [...(build.parent === undefined ? [] : chainOf(build.parent)), ...build.finished];

/** The base tree that the chain stands on. */
export const baseOf = (build: StageBuild): BaseTree | undefined => build.base ?? (build.parent === undefined ? undefined : baseOf(build.parent));

export interface TreeContext {
  readonly host: BuildHost;
  readonly workspace: HostPath;
}

/** The stage's tree as of its last finished step. */
export function materialise(build: StageBuild, { host, workspace }: TreeContext): OpenTree {
  if (build.tree !== undefined) return build.tree;
  const place = joinHost(workspace, `stage-${build.stage.index}`);
  const real = host.realOwners;
  const below = build.parent?.tree;
  const base = baseOf(build);
  if (below !== undefined) cloneTree(below.tree.root, place, { owners: real });
  else if (base !== undefined) cloneTree(base.tree, place, { owners: real });
  else makeDirectory(place, 0o755);
  const owners: OwnerTable = new Map(below?.owners ?? base?.owners ?? []);
  const target = { tree: openWorkTree(place), owners, real };
  for (const { layer } of below === undefined ? chainOf(build) : build.finished) if (layer !== undefined) applyLayer(target, readLayer(layer));
  build.tree = { ...target, state: scanTree(target.tree, owners) };
  return build.tree;
}

/** Stores what a step has changed as its layer. */
export async function finishStep(build: StageBuild, { key, source }: { key: string; source: string }, { host, workspace }: TreeContext): Promise<void> {
  const { tree } = build;
  if (tree === undefined) throw new Error('a step cannot have run without a tree');
  const after = scanTree(tree.tree, tree.owners);
  const changes = compareStates(tree.state, after);
  const file = joinHost(workspace, `layer-${key}`);
  const written = writeChunks(file, formatLayer(tree, changes, { directoryTimes: false }));
  tree.state = after;
  recordStep(build, { key, layer: await host.layers.put(key, file, { ...written, tree: tree.tree.root }), source });
}

/** Goes on from a layer of the cache; a tree that is there already must not fall behind. */
export function takeLayer(build: StageBuild, step: FinishedStep & { readonly layer: StoredLayer }): void {
  if (build.tree !== undefined) {
    applyLayer(build.tree, readLayer(step.layer));
    build.tree.state = scanTree(build.tree.tree, build.tree.owners);
  }
  recordStep(build, step);
}

/** The next key depends on what the step made, so a step that is made anew with another result renews what follows. */
function recordStep(build: StageBuild, step: FinishedStep & { readonly layer: StoredLayer }): void {
  build.finished.push(step);
  build.key = keyOf(step.key, step.layer.sha256);
}
