/**
 * Carries out a plan: stages side by side as far as they don't wait for each other, steps in order, each taken from
 * the cache when its key is there. Everything is made in a workspace that is gone afterwards; what is finished is in
 * the cache even when a later step fails.
 */
import { steadyMs } from '../core/clock.ts';
import { keyOf } from '../core/digest.ts';
import { AlprootError, isAlprootError } from '../core/errors.ts';
import { joinHost, treePathFromUser, type HostPath, type TreePath } from '../core/paths.ts';
import { redactText, type RedactedText } from '../core/redact.ts';
import { cloneTree } from '../system/tree/tree-clone.ts';
import { openWorkTree } from '../system/tree/work-tree.ts';
import { findPasswdEntry } from './passwd-entry.ts';
import { type CopyRoot, openContext, openNamedContext } from './context.ts';
import { makeParents } from './copy-apply.ts';
import { type CopyOrigin, copyStep, gatherSources, type Gathering } from './copy-step.ts';
import { decompressInside } from './decompress.ts';
import type { BaseTree, BuildHost } from './host.ts';
import { contextDigest, copyContext } from './context-copy.ts';
import type { BuildPlan, CopyStep, NamedContext, PlannedBase, PlannedStage, PlannedStep } from './build-plan.ts';
import { runStep } from './run-step.ts';
import { closeStage, finishStep, materialise, type OpenTree, type StageBuild, takeLayer } from './stage.ts';
import { baseKey, SCRATCH_KEY, stepKey } from './step-key.ts';
import type { MountSource, Secrets } from './step-mounts.ts';
import { seenAgain } from './tree-scan.ts';

export interface ExecuteOptions {
  readonly host: BuildHost;
  /** Directory of the context; undefined: an empty one. */
  readonly context: HostPath | undefined;
  /** The Dockerfile's path, for its own ignore file. */
  readonly dockerfile: HostPath | undefined;
  readonly secrets: Secrets;
  /** Take no step from the cache: of any stage, or of the stages named. Results are stored all the same. */
  readonly noCache: boolean;
  readonly noCacheFilter: readonly string[];
}

/** The target stage, with its tree at hand while `use` runs. */
export interface BuiltImage {
  readonly build: StageBuild;
  /** Makes the tree when it was not needed so far. */
  readonly tree: () => Promise<OpenTree>;
  readonly host: Pick<BuildHost, 'layers' | 'realOwners'>;
  /** For unfinished work; gone with the build. */
  readonly workspace: HostPath;
}

interface Execution extends ExecuteOptions {
  readonly plan: BuildPlan;
  readonly workspace: HostPath;
  readonly stages: Map<number, Promise<StageBuild>>;
  readonly builds: StageBuild[];
  readonly images: Map<string, Promise<BaseTree>>;
  readonly imageTrees: Map<string, OpenTree>;
  /** The context, or one that was named. */
  readonly root: (named?: NamedContext) => CopyRoot;
  readonly stop: AbortController;
}

/**
 * Builds the target of `plan` and hands it to `use`; the workspace is removed when that has ended.
 *
 * @throws ALP_BUILD_RUN and others, with `Dockerfile:line` in front
 */
export async function executePlan<T>(
  plan: BuildPlan,
  options: ExecuteOptions,
  use: (image: BuiltImage) => Promise<T>,
): Promise<T> {
  const { host } = options;
  const workspace = host.makeWorkspace();
  const stop = new AbortController();
  const abort = (): void => stop.abort(host.signal?.reason);
  host.signal?.addEventListener('abort', abort, { once: true });
  if (host.signal?.aborted === true) abort();
  const roots = new Map<string | undefined, CopyRoot>();
  const root = (named?: NamedContext): CopyRoot => {
    const known =
      roots.get(named?.name) ??
      (named === undefined
        ? openContext(options.context ?? emptyDirectory(workspace), options.dockerfile)
        : openNamedContext(named));
    roots.set(named?.name, known);
    return known;
  };
  const execution: Execution = {
    ...options,
    plan,
    workspace,
    stages: new Map(),
    builds: [],
    images: new Map(),
    imageTrees: new Map(),
    root,
    stop,
  };
  try {
    const build = await buildStage(execution, plan.target);
    return await use({ build, host, workspace, tree: () => materialise(build, { host, workspace }) });
  } catch (error) {
    stop.abort(error);
    // The other stages end before their trees are taken away.
    await Promise.allSettled(execution.stages.values());
    throw error;
  } finally {
    host.signal?.removeEventListener('abort', abort);
    await closeTrees(execution);
    for (const { tree } of roots.values()) tree.close();
    host.removeWorkspace(workspace);
  }
}

const emptyDirectory = (workspace: HostPath): HostPath => {
  const path = joinHost(workspace, 'empty');
  openWorkTree(workspace).makeDirectory(treePathFromUser('empty'), 0o755);
  return path;
};

/** Also of stages that have failed: what was finished in their trees need not be made again. */
async function closeTrees({ builds, stages, imageTrees, host, workspace }: Execution): Promise<void> {
  await Promise.allSettled(stages.values());
  for (const build of builds) closeStage(build, { host, workspace });
  for (const tree of imageTrees.values()) tree.tree.close();
}

function buildStage(execution: Execution, index: number): Promise<StageBuild> {
  const known = execution.stages.get(index);
  if (known !== undefined) return known;
  const stage = execution.plan.stages.find((candidate) => candidate.index === index);
  if (stage === undefined) throw new Error(`stage ${index} is not in the plan`);
  const started = startStage(execution, stage);
  execution.stages.set(index, started);
  return started;
}

async function startStage(execution: Execution, stage: PlannedStage): Promise<StageBuild> {
  // The stages it needs run side by side; the base is waited for, the others when a step asks for them.
  const needed = stage.needs.map((index) => buildStage(execution, index));
  for (const promise of needed) promise.catch(() => undefined);
  const parent = stage.base.kind === 'stage' ? await buildStage(execution, stage.base.index) : undefined;
  const { base: from, line } = stage;
  const base =
    from.kind === 'alpine'
      ? await locate(execution, { line, endLine: line }, () => openBaseStep(execution, stage, from))
      : undefined;
  const build: StageBuild = {
    stage,
    base,
    parent,
    key: parent?.key ?? (base === undefined ? SCRATCH_KEY : baseKey(base.key)),
    keptAs: nameOfTree(execution, stage),
    finished: [],
    tree: undefined,
  };
  execution.builds.push(build);
  for (const [at, step] of stage.steps.entries()) {
    execution.stop.signal.throwIfAborted();
    await locate(execution, step, () => buildStep(execution, build, { step, at }));
  }
  return build;
}

/** One tree for each stage of a Dockerfile, however often it changes. */
const nameOfTree = ({ dockerfile, context, plan }: Execution, stage: PlannedStage): string =>
  keyOf('kept-tree', dockerfile ?? '', context ?? '', plan.file, stageName(stage), stage.arch);

/** The FROM of a stage, shown as its first step. */
async function openBaseStep(
  execution: Execution,
  stage: PlannedStage,
  base: Extract<PlannedBase, { kind: 'alpine' }>,
): Promise<BaseTree> {
  const { host } = execution;
  const [id, label] = [
    `${stage.index}.0`,
    redactText(`[${stageName(stage)}] FROM alpine:${base.release} (${base.arch})`),
  ];
  const started = steadyMs();
  host.emit({ kind: 'step', id, label, state: 'started' });
  try {
    const tree = await openImage(execution, base);
    host.emit({ kind: 'step', id, label, state: 'done', durationMs: steadyMs() - started });
    return tree;
  } catch (error) {
    host.emit({ kind: 'step', id, label, state: 'failed', durationMs: steadyMs() - started, reason: reasonOf(error) });
    throw error;
  }
}

const reasonOf = (error: unknown): RedactedText => {
  if (isAlprootError(error) && typeof error.facts['status'] === 'number')
    return redactText(`ended with status ${error.facts['status']}`);
  return redactText(error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error));
};

const stageName = ({ name, index }: PlannedStage): string => name ?? `stage-${index}`;

/** Puts `Dockerfile:line` in front of what goes wrong. */
async function locate<T>(
  execution: Execution,
  step: Pick<PlannedStep, 'line' | 'endLine'>,
  work: () => Promise<T>,
): Promise<T> {
  const { file } = execution.plan;
  const at = `${file}:${step.line}: `;
  try {
    return await work();
  } catch (error) {
    // A stage that this step waited for has said its own line.
    const located =
      isAlprootError(error) &&
      error.message.startsWith(`${file}:`) &&
      /^\d+: /.test(error.message.slice(file.length + 1));
    if (!isAlprootError(error) || located) throw error;
    throw new AlprootError(error.code, at + error.message, {
      hint: error.hint,
      cause: error,
      facts: { ...error.facts, line: step.line, endLine: step.endLine },
    });
  }
}

async function buildStep(
  execution: Execution,
  build: StageBuild,
  { step, at }: { step: PlannedStep; at: number },
): Promise<void> {
  if (step.kind === 'metadata') {
    build.finished.push({ key: build.key, layer: undefined, source: step.source });
    return;
  }
  const { host, workspace } = execution;
  const id = `${build.stage.index}.${at + 1}`;
  const label = labelOf(build.stage, { at, source: step.source });
  const scratch = joinHost(workspace, `step-${id}`);
  const gathering = step.kind === 'copy' || step.kind === 'add' ? await gather(execution, step, scratch) : undefined;
  const key = stepKey(step, { parent: build.key, content: gathering?.digest ?? (await mountDigest(execution, step)) });
  const layer = usesCache(execution, build.stage) ? await host.layers.get(key) : undefined;
  if (layer !== undefined) {
    takeLayer(build, { key, layer, source: step.source });
    host.emit({ kind: 'step', id, label, state: 'cached' });
    return;
  }
  const started = steadyMs();
  host.emit({ kind: 'step', id, label, state: 'started' });
  try {
    const target = await materialise(build, { host, workspace });
    await perform(execution, { step, target, gathering, id, scratch });
    await finishStep(
      build,
      { key, source: step.source, isOurs: step.kind === 'copy' || step.kind === 'workdir' },
      { host, workspace },
    );
    host.emit({ kind: 'step', id, label, state: 'done', durationMs: steadyMs() - started });
  } catch (error) {
    host.emit({ kind: 'step', id, label, state: 'failed', durationMs: steadyMs() - started, reason: reasonOf(error) });
    throw error;
  }
}

const labelOf = (stage: PlannedStage, { at, source }: { at: number; source: RedactedText }): RedactedText =>
  redactText(`[${stageName(stage)} ${at + 1}/${stage.steps.length}] ${source.trim().replace(/\s+/g, ' ')}`);

const usesCache = ({ noCache, noCacheFilter }: Execution, stage: PlannedStage): boolean =>
  !noCache && !noCacheFilter.some((name) => name.toLowerCase() === stage.name || name === String(stage.index));

interface Performance {
  readonly step: Exclude<PlannedStep, { kind: 'metadata' }>;
  readonly target: OpenTree;
  readonly gathering: Gathering | undefined;
  readonly id: string;
  readonly scratch: HostPath;
}

async function perform(execution: Execution, { step, target, gathering, id, scratch }: Performance): Promise<void> {
  const { host, secrets, stop } = execution;
  if (step.kind === 'workdir') {
    makeParents(target, treePathFromUser(step.path), findPasswdEntry(target.tree, step.user, 'USER'));
  } else if (step.kind === 'run') {
    const openMountSource = (base: Origin, options: { path: string; writable: boolean }): Promise<MountSource> =>
      openMount(execution, base, { ...options, scratch });
    const onPutBack = (paths: readonly TreePath[]): void =>
      void (target.state = seenAgain(target.state, { tree: target.tree, paths }));
    await runStep(step, { host, target, scratch, secrets, id, signal: stop.signal, openMountSource, onPutBack });
  } else if (gathering !== undefined) {
    await copyStep(step, gathering, {
      target,
      decompress: (kind, bytes) => decompressInside(kind, bytes, { host, target, signal: stop.signal }),
    });
  }
}

async function gather(execution: Execution, step: CopyStep, scratch: HostPath): Promise<Gathering> {
  const { host } = execution;
  if (isContext(step.from)) {
    const root = execution.root(step.from);
    return gatherSources(step, {
      host,
      scratch,
      origin: { root, owned: { tree: root.tree, owners: new Map(), real: false }, isStage: false },
    });
  }
  const from = step.from;
  const stageKey = await keyOfBase(execution, from);
  // The key of a stage says what is in it: its tree is opened only when the copy has to be made.
  let gathered: Promise<Gathering> | undefined;
  const open = (): Promise<Gathering> =>
    (gathered ??= openOrigin(execution, from).then((origin) => gatherSources(step, { host, scratch, origin })));
  return { digest: keyOf('stage', stageKey), parts: [], open };
}

/** Where a copy or a mount comes from: undefined is the context. */
type Origin = PlannedBase | NamedContext | undefined;

const isContext = (origin: Origin): origin is NamedContext | undefined =>
  origin === undefined || origin.kind === 'context';

async function keyOfBase(execution: Execution, base: PlannedBase): Promise<string> {
  if (base.kind === 'stage') return (await buildStage(execution, base.index)).key;
  return base.kind !== 'alpine' ? SCRATCH_KEY : baseKey((await openImage(execution, base)).key);
}

function openImage({ host, images }: Execution, base: Extract<PlannedBase, { kind: 'alpine' }>): Promise<BaseTree> {
  const name = JSON.stringify(base);
  const known = images.get(name) ?? host.resolveBase(base);
  images.set(name, known);
  return known;
}

async function openOrigin(execution: Execution, base: PlannedBase): Promise<CopyOrigin> {
  const owned = await openBase(execution, base);
  const label =
    base.kind === 'stage'
      ? `stage ${execution.plan.stages.find((stage) => stage.index === base.index)?.name ?? base.index}`
      : 'the image';
  return { owned, isStage: true, root: { tree: owned.tree, label, isVisible: () => true } };
}

async function openBase(execution: Execution, base: PlannedBase): Promise<OpenTree> {
  const { host, workspace, imageTrees } = execution;
  if (base.kind === 'stage') return materialise(await buildStage(execution, base.index), { host, workspace });
  const name = JSON.stringify(base);
  const image = base.kind === 'alpine' ? await openImage(execution, base) : undefined;
  const known = imageTrees.get(name) ?? {
    tree: openWorkTree(image?.tree ?? emptyDirectory(workspace)),
    owners: new Map(image?.owners ?? []),
    real: host.realOwners,
    state: new Map(),
  };
  imageTrees.set(name, known);
  return known;
}

async function mountDigest(execution: Execution, step: PlannedStep): Promise<string> {
  if (step.kind !== 'run') return '';
  const digests = await Promise.all(
    step.mounts.map(async (mount) => {
      if (mount.type !== 'bind') return '';
      return isContext(mount.base)
        ? contextDigest(execution.root(mount.base), mount.source ?? '')
        : keyOfBase(execution, mount.base);
    }),
  );
  return keyOf(...digests);
}

async function openMount(
  execution: Execution,
  base: Origin,
  { path, writable, scratch }: { path: string; writable: boolean; scratch: HostPath },
): Promise<MountSource> {
  const copy = joinHost(
    scratch,
    `bind-${keyOf(JSON.stringify(base ?? null), path).slice(0, 16)}-${writable ? 'rw' : 'ro'}`,
  );
  if (isContext(base)) return copyContext(execution.root(base), path, copy);
  const { tree } = await openBase(execution, base);
  const source = tree.resolve(treePathFromUser(path));
  const stat = tree.stat(source);
  if (stat === undefined || (stat.kind !== 'file' && stat.kind !== 'directory'))
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `RUN --mount: there is no ${path} to mount`);
  // Writes are dropped with the copy; a read-only mount shows the tree itself.
  if (writable) await cloneTree(tree.hostPathOf(source), copy, { owners: execution.host.realOwners });
  return { path: writable ? copy : tree.hostPathOf(source), kind: stat.kind };
}
