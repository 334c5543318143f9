/**
 * Executes a plan: stages side by side as far as they don't wait for each other, steps in order, each taken from the
 * cache when its key is there. Everything is made in a workspace that is gone afterwards; what is finished is in the
 * cache even when a later step fails.
 */
import { keyOf } from '../core/digest.ts';
import type { HostPath } from '../core/paths.ts';
import { redactText } from '../core/redact.ts';
import type { BuildPlan, PlannedStage } from './build-plan.ts';
import { type ExecuteOptions, type Execution, openExecution } from './execution.ts';
import { openBaseTree } from './file-origin.ts';
import type { BaseTree, BuildHost } from './host.ts';
import { materialise } from './stage.ts';
import type { StageBuild } from './stage-chain.ts';
import type { OpenTree } from './stage-tree.ts';
import { buildStep } from './step-executor.ts';
import { baseKey, SCRATCH_KEY } from './step-key.ts';
import { locateErrors, reportStep, stageName } from './step-report.ts';

/** The target stage, with its tree at hand while `use` runs. */
export interface BuiltImage {
  readonly build: StageBuild;
  /** Makes the tree when it was not needed so far. */
  readonly tree: () => Promise<OpenTree>;
  readonly host: Pick<BuildHost, 'layers' | 'realOwners'>;
  /** For unfinished work; gone with the build. */
  readonly workspace: HostPath;
}

/**
 * Builds the target of `plan` and hands it to `use`; the workspace is removed when that has ended.
 *
 * @throws ALP_BUILD_RUN and others, with `Dockerfile:line` in front
 */
export async function executeBuild<T>(
  plan: BuildPlan,
  options: ExecuteOptions,
  use: (image: BuiltImage) => Promise<T>,
): Promise<T> {
  const { execution, close } = openExecution(plan, options, startStage);
  const { host, workspace, stop, stages } = execution;
  try {
    const build = await execution.buildStage(plan.target);
    return await use({ build, host, workspace, tree: () => materialise(build, { host, workspace }) });
  } catch (error) {
    stop.abort(error);
    // The other stages end before their trees are closed.
    await Promise.allSettled(stages.values());
    throw error;
  } finally {
    await close();
  }
}

async function startStage(execution: Execution, index: number): Promise<StageBuild> {
  const stage = execution.plan.stages.find((candidate) => candidate.index === index);
  if (stage === undefined) throw new Error(`stage ${index} is not in the plan`);
  // The stages it needs run side by side; the base is waited for, the others when a step asks for them.
  const needed = stage.needs.map((other) => execution.buildStage(other));
  for (const promise of needed) promise.catch(() => undefined);
  const parent = stage.base.kind === 'stage' ? await execution.buildStage(stage.base.index) : undefined;
  const base = await openBaseStep(execution, stage);
  const build: StageBuild = {
    stage,
    base,
    parent,
    key: parent?.key ?? (base === undefined ? SCRATCH_KEY : baseKey(base.key)),
    cachedAs: treeName(execution, stage),
    finished: [],
    tree: { state: 'none' },
  };
  execution.builds.push(build);
  for (const [at, step] of stage.steps.entries()) {
    execution.stop.signal.throwIfAborted();
    await locateErrors(execution.plan.file, step, () => buildStep(execution, build, { step, at }));
  }
  return build;
}

/** One tree for each stage of a Dockerfile, however often it changes. */
const treeName = ({ dockerfile, context, plan }: Execution, stage: PlannedStage): string =>
  keyOf('kept-tree', dockerfile ?? '', context ?? '', plan.file, stageName(stage), stage.arch);

/** The FROM of a stage, shown as its first step; undefined for scratch or another stage. */
async function openBaseStep(execution: Execution, stage: PlannedStage): Promise<BaseTree | undefined> {
  const { base, line, index } = stage;
  if (base.kind !== 'alpine') return undefined;
  const label = redactText(`[${stageName(stage)}] FROM alpine:${base.release} (${base.arch})`);
  return locateErrors(execution.plan.file, { line, endLine: line }, () =>
    reportStep(execution.host.emit, { id: `${index}.0`, label }, () => openBaseTree(execution, base)),
  );
}
