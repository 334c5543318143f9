/**
 * A stage on its way: the chain of keys and layers so far and, once a step really has to run, its tree. A stage whose
 * steps are all in the cache never has a tree; a tree is made once, from the nearest tree or base below.
 */
import { keyOf } from '../core/digest.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import { makeDirectory, moveDirectory } from '../system/files/host-directories.ts';
import { isTaken } from '../system/files/host-paths.ts';
import { writeChunks } from '../system/files/chunk-file.ts';
import { cloneTree } from '../system/tree/tree-clone.ts';
import { openWorkTree } from '../system/tree/work-tree.ts';
import type { BaseTree, BuildHost, StoredLayer } from './host.ts';
import { applyLayer, formatLayer, type OwnedTree, readLayer } from './layer.ts';
import {
  beginHistory,
  keepStageTree,
  recordChanges,
  takeCachedStageTree,
  type TakenTree,
  treeIn,
  type TreeHistory,
} from './cached-stage-tree.ts';
import type { RedactedText } from '../core/redact.ts';
import type { OwnerTable } from './owners.ts';
import type { PlannedStage } from './build-plan.ts';
import { baseKey, SCRATCH_KEY } from './step-key.ts';
import {
  compareStates,
  scanTouched,
  scanTree,
  stateOf,
  surveyTree,
  type TreeChanges,
  type TreeState,
} from './tree-scan.ts';

/** One finished step, for layers and history. */
export interface FinishedStep {
  readonly key: string;
  /** undefined: nothing changed but the configuration. */
  readonly layer: StoredLayer | undefined;
  /** As written, for the image's history. */
  readonly source: RedactedText;
}

export interface OpenTree extends OwnedTree {
  /** As of the last finished step. */
  state: TreeState;
  /** undefined for a tree that is not kept. */
  readonly history?: TreeHistory;
}

export interface StageBuild {
  readonly stage: PlannedStage;
  /** undefined: scratch, or another stage. */
  readonly base: BaseTree | undefined;
  readonly parent: StageBuild | undefined;
  /** Key of all so far. */
  key: string;
  /** Under which its tree outlives the build. */
  readonly keptAs: string;
  readonly finished: FinishedStep[];
  /** Made when the first step misses the cache. */
  tree: OpenTree | undefined;
  /** While it is being made, so that whoever else asks gets the same. */
  making?: Promise<OpenTree> | undefined;
}

/** All finished steps from the base up. */
export const chainOf = (build: StageBuild): FinishedStep[] => [
  ...(build.parent === undefined ? [] : chainOf(build.parent)),
  ...build.finished,
];

/** The base tree that the chain stands on. */
export const baseOf = (build: StageBuild): BaseTree | undefined =>
  build.base ?? (build.parent === undefined ? undefined : baseOf(build.parent));

export interface TreeContext {
  readonly host: BuildHost;
  readonly workspace: HostPath;
}

const directoryOf = ({ stage }: StageBuild, workspace: HostPath): HostPath =>
  joinHost(workspace, `stage-${stage.index}`);

/** The stage's tree as of its last finished step: the one of the last build where that can be, else a new one. */
export async function materialise(build: StageBuild, context: TreeContext): Promise<OpenTree> {
  if (build.tree !== undefined) return build.tree;
  build.making ??= takeOrMakeTree(build, context).finally(() => (build.making = undefined));
  return (build.tree = await build.making);
}

async function takeOrMakeTree(build: StageBuild, { host, workspace }: TreeContext): Promise<OpenTree> {
  const directory = directoryOf(build, workspace);
  const kept = takeCachedStageTree({ host, name: build.keptAs, keys: keysOf(build), directory });
  if (kept !== undefined) {
    resume(build, kept);
    return kept.tree;
  }
  // It goes with the workspace; inodes that were just freed are slow to be given out again.
  if (isTaken(directory)) moveDirectory(directory, joinHost(workspace, `astray-${build.stage.index}`));
  return makeTree(build, { host, directory });
}

const layersOf = (steps: readonly FinishedStep[]): StoredLayer[] => steps.flatMap(({ layer }) => layer ?? []);

/** Of the start, and of all steps with a layer. */
const keysOf = (build: StageBuild): string[] => [
  startOf(build),
  ...chainOf(build).flatMap(({ key, layer }) => (layer === undefined ? [] : [keyAfter(key, layer)])),
];

const startOf = ({ base, parent }: StageBuild): string =>
  parent !== undefined ? startOf(parent) : base === undefined ? SCRATCH_KEY : baseKey(base.key);

/** Puts the layers onto a tree that it has not been at. */
function resume(build: StageBuild, { tree, done }: TakenTree): void {
  const missing = layersOf(chainOf(build)).slice(done - 1);
  if (missing.length === 0) return;
  for (const layer of missing) applyLayer(tree, readLayer(layer));
  advance(build, tree, rescan(tree));
}

async function makeTree(
  build: StageBuild,
  { host, directory }: { readonly host: BuildHost; readonly directory: HostPath },
): Promise<OpenTree> {
  makeDirectory(directory, 0o700);
  const place = treeIn(directory);
  const real = host.realOwners;
  const below = build.parent?.tree;
  const base = baseOf(build);
  if (below !== undefined) await cloneTree(below.tree.root, place, { owners: real });
  else if (base !== undefined) await cloneTree(base.tree, place, { owners: real });
  else makeDirectory(place, 0o755);
  const owners: OwnerTable = new Map(below?.owners ?? base?.owners ?? []);
  const target = { tree: openWorkTree(place), owners, real };
  for (const layer of layersOf(below === undefined ? chainOf(build) : build.finished))
    applyLayer(target, readLayer(layer));
  target.tree.takeChanges();
  const found = surveyTree(target.tree);
  return { ...target, state: stateOf(found, owners), history: beginHistory(build.key, found) };
}

/** The build has ended: its tree may serve the next one. */
export function closeStage(build: StageBuild, { host, workspace }: TreeContext): void {
  if (build.tree !== undefined)
    keepStageTree(build.tree, { host, name: build.keptAs, directory: directoryOf(build, workspace) });
  build.tree = undefined;
}

/** A step that has been carried out. */
export interface DoneStep {
  readonly key: string;
  readonly source: RedactedText;
  /** No program of the tree has had a part in it. */
  readonly isOurs: boolean;
}

/** Stores what a step has changed as its layer. */
export async function finishStep(
  build: StageBuild,
  { key, source, isOurs }: DoneStep,
  { host, workspace }: TreeContext,
): Promise<void> {
  const { tree } = build;
  if (tree === undefined) throw new Error('a step cannot have run without a tree');
  const { after, changes } = isOurs ? rescan(tree) : scanAll(tree);
  const file = joinHost(workspace, `layer-${key}`);
  const written = writeChunks(file, formatLayer(tree, changes, { directoryTimes: false }));
  recordStep(build, { key, layer: await host.layers.put(key, file, { ...written, tree: tree.tree.root }), source });
  advance(build, tree, { after, changes });
}

/** Goes on from a layer of the cache; a tree that is there already must not fall behind. */
export function takeLayer(build: StageBuild, step: FinishedStep & { readonly layer: StoredLayer }): void {
  const { tree } = build;
  if (tree !== undefined) applyLayer(tree, readLayer(step.layer));
  recordStep(build, step);
  if (tree === undefined) return;
  advance(build, tree, rescan(tree));
}

interface Look {
  readonly after: TreeState;
  readonly changes: TreeChanges;
}

/** After work of ours alone. */
function rescan(tree: OpenTree): Look {
  const touched = tree.tree.takeChanges();
  return touched === undefined ? scanAll(tree) : scanTouched(tree.tree, tree.owners, { before: tree.state, touched });
}

/** After programs of the tree have run. */
function scanAll({ tree, owners, state }: OpenTree): Look {
  tree.takeChanges();
  const after = scanTree(tree, owners);
  return { after, changes: compareStates(state, after) };
}

/** A step is recorded, and this is what it made. */
function advance({ key }: StageBuild, tree: OpenTree, { after, changes }: Look): void {
  if (tree.history !== undefined) recordChanges(tree.history, { key, before: tree.state, changes });
  tree.state = after;
}

/** The next key depends on what the step made, so a step that is made anew with another result renews what follows. */
function recordStep(build: StageBuild, step: FinishedStep & { readonly layer: StoredLayer }): void {
  build.finished.push(step);
  build.key = keyAfter(step.key, step.layer);
}

const keyAfter = (step: string, { sha256 }: StoredLayer): string => keyOf(step, sha256);
