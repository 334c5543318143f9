/**
 * A stage while it is built: keys and layers of its finished steps and, once a step really has to run, its tree. A
 * stage whose steps are all in the cache never has a tree; see stage-tree.ts for the states of one.
 */
import { hostPath, joinHost, type HostPath } from '../core/paths.ts';
import type { RedactedText } from '../core/redact.ts';
import { writeChunks } from '../system/files/chunk-file.ts';
import { makeDirectory, moveDirectory } from '../system/files/host-directories.ts';
import { isTaken } from '../system/files/host-paths.ts';
import { cloneTree } from '../system/tree/tree-clone.ts';
import { openWorkTree } from '../system/tree/work-tree.ts';
import { cacheStageTree, takeCachedStageTree, type ReopenedTree, treeIn } from './cached-stage-tree.ts';
import type { BuildHost } from './host.ts';
import { applyLayer, formatLayer, readLayer } from './layer.ts';
import type { OwnerTable } from './owners.ts';
import { baseOf, chainKeys, chainOf, layersOf, type LayerStep, recordStep, type StageBuild } from './stage-chain.ts';
import { moveTree, type OpenTree, openTreeOf } from './stage-tree.ts';
import { beginHistory, recordChanges } from './tree-history.ts';
import { rescanTree, stateOf, surveyTree, type TreeScan } from './tree-scan.ts';

export interface TreeContext {
  readonly host: BuildHost;
  readonly workspace: HostPath;
}

const directoryOf = ({ stage }: StageBuild, workspace: HostPath): HostPath =>
  joinHost(workspace, `stage-${stage.index}`);

/** The stage's tree as of its last finished step: the one of the last build where that can be, else a new one. */
export async function materialise(build: StageBuild, context: TreeContext): Promise<OpenTree> {
  const { tree } = build;
  if (tree.state === 'opening') return tree.opened;
  const open = openTreeOf(tree);
  if (open !== undefined) return open;
  const opened = openStageTree(build, context);
  build.tree = moveTree(tree, 'require', { state: 'opening', opened });
  return opened;
}

async function openStageTree(build: StageBuild, { host, workspace }: TreeContext): Promise<OpenTree> {
  const directory = directoryOf(build, workspace);
  // The caller notes the state `opening` first.
  await Promise.resolve();
  try {
    const cached = takeCachedStageTree({ host, name: build.cachedAs, keys: chainKeys(build), directory });
    if (cached !== undefined) resume(build, cached);
    const tree = cached?.tree ?? (await makeStageTree(build, { host, directory }));
    build.tree = moveTree(build.tree, cached === undefined ? 'make' : 'reopen', { state: 'open', tree });
    return tree;
  } catch (error) {
    build.tree = moveTree(build.tree, 'fail', { state: 'none' });
    throw error;
  }
}

/** Puts the layers onto a tree that it has not been at. */
function resume(build: StageBuild, { tree, done }: ReopenedTree): void {
  const missing = layersOf(chainOf(build)).slice(done - 1);
  if (missing.length === 0) return;
  for (const layer of missing) applyLayer(tree, readLayer(layer));
  advance(build, tree, rescanTree(tree, { byPrograms: false }));
}

async function makeStageTree(
  build: StageBuild,
  { host, directory }: { readonly host: BuildHost; readonly directory: HostPath },
): Promise<OpenTree> {
  // It goes with the workspace; inodes that were just freed are slow to be given out again.
  if (isTaken(directory)) moveDirectory(directory, hostPath(`${directory}-stray`));
  makeDirectory(directory, 0o700);
  const place = treeIn(directory);
  const real = host.realOwners;
  const below = build.parent === undefined ? undefined : openTreeOf(build.parent.tree);
  const base = baseOf(build);
  const source = below?.tree.root ?? base?.tree;
  if (source === undefined) makeDirectory(place, 0o755);
  else await cloneTree(source, place, { owners: real });
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
  const tree = openTreeOf(build.tree);
  const isCached =
    tree !== undefined &&
    cacheStageTree(tree, { host, name: build.cachedAs, directory: directoryOf(build, workspace) });
  build.tree = isCached
    ? moveTree(build.tree, 'keep', { state: 'cached' })
    : moveTree(build.tree, 'drop', { state: 'dropped' });
}

/** A step that is to be run. */
export interface StepRun {
  readonly key: string;
  readonly source: RedactedText;
  /** Programs of the tree have a part in it, and may change it behind our back. */
  readonly byPrograms: boolean;
}

/** Runs a step on the stage's tree, and stores what it has changed as its layer. */
export async function runOnTree(
  build: StageBuild,
  { work, ...step }: StepRun & { readonly work: (tree: OpenTree) => Promise<void> },
  context: TreeContext,
): Promise<void> {
  const tree = await materialise(build, context);
  build.tree = moveTree(build.tree, 'start', { state: 'stepping', tree });
  try {
    await work(tree);
    await finishStep(build, { ...step, tree }, context);
    build.tree = moveTree(build.tree, 'finish', { state: 'open', tree });
  } catch (error) {
    build.tree = moveTree(build.tree, 'fail', { state: 'open', tree });
    throw error;
  }
}

async function finishStep(
  build: StageBuild,
  { tree, key, source, byPrograms }: StepRun & { readonly tree: OpenTree },
  { host, workspace }: TreeContext,
): Promise<void> {
  const scan = rescanTree(tree, { byPrograms });
  const file = joinHost(workspace, `layer-${key}`);
  const written = writeChunks(file, formatLayer(tree, scan.changes, { directoryTimes: false }));
  recordStep(build, { key, layer: await host.layers.put(key, file, { ...written, tree: tree.tree.root }), source });
  advance(build, tree, scan);
}

/** Goes on from a layer of the cache; a tree that is open already must not fall behind. */
export function takeLayer(build: StageBuild, step: LayerStep): void {
  const tree = openTreeOf(build.tree);
  if (tree !== undefined) applyLayer(tree, readLayer(step.layer));
  recordStep(build, step);
  if (tree !== undefined) advance(build, tree, rescanTree(tree, { byPrograms: false }));
  build.tree = moveTree(build.tree, 'hit', build.tree);
}

/** A step is recorded, and this is what it made. */
function advance({ key }: StageBuild, tree: OpenTree, { after, changes }: TreeScan): void {
  if (tree.history !== undefined) recordChanges(tree.history, { key, before: tree.state, changes });
  tree.state = after;
}
