/** One step of a stage: its key, its layer from the cache, or its run on the stage's tree. */
import { joinHost, treePathFromUser, type HostPath } from '../core/paths.ts';
import type { PlannedStage, PlannedStep } from './build-plan.ts';
import { makeParents } from './copy-apply.ts';
import type { Gathering } from './copy-sources.ts';
import { copyStep } from './copy-step.ts';
import { decompressInside } from './decompress.ts';
import type { Execution } from './execution.ts';
import { gatherFrom, mountDigest, openMountSource } from './file-origin.ts';
import { findPasswdEntry } from './passwd-entry.ts';
import { runStep } from './run-step.ts';
import { runOnTree, takeLayer } from './stage.ts';
import type { StageBuild } from './stage-chain.ts';
import type { OpenTree } from './stage-tree.ts';
import { stepKey } from './step-key.ts';
import { reportStep, stepLabel } from './step-report.ts';
import { scanAgain } from './tree-scan.ts';

/** @param options.at the step's position in its stage, from 0 */
export async function buildStep(
  execution: Execution,
  build: StageBuild,
  { step, at }: { step: PlannedStep; at: number },
): Promise<void> {
  const { source } = step;
  if (step.kind === 'metadata') {
    build.finished.push({ key: build.key, layer: undefined, source });
    return;
  }
  const { host, workspace } = execution;
  const id = `${build.stage.index}.${at + 1}`;
  const label = stepLabel(build.stage, { at, source });
  const scratch = joinHost(workspace, `step-${id}`);
  const gathering =
    step.kind === 'copy' || step.kind === 'add' ? await gatherFrom(execution, step, scratch) : undefined;
  const content = gathering?.digest ?? (await mountDigest(execution, step));
  const key = stepKey(step, { parent: build.key, content });
  const layer = usesCache(execution, build.stage) ? await host.layers.get(key) : undefined;
  if (layer !== undefined) {
    takeLayer(build, { key, layer, source });
    host.emit({ kind: 'step', id, label, state: 'cached' });
    return;
  }
  const byPrograms = step.kind === 'run' || step.kind === 'add';
  const work = (target: OpenTree): Promise<void> => performStep(execution, { step, target, gathering, id, scratch });
  await reportStep(host.emit, { id, label }, () =>
    runOnTree(build, { key, source, byPrograms, work }, { host, workspace }),
  );
}

const usesCache = ({ noCache, noCacheFilter }: Execution, stage: PlannedStage): boolean =>
  !noCache && !noCacheFilter.some((name) => name.toLowerCase() === stage.name || name === String(stage.index));

interface StepPerformance {
  readonly step: Exclude<PlannedStep, { kind: 'metadata' }>;
  readonly target: OpenTree;
  readonly gathering: Gathering | undefined;
  readonly id: string;
  readonly scratch: HostPath;
}

async function performStep(
  execution: Execution,
  { step, target, gathering, id, scratch }: StepPerformance,
): Promise<void> {
  const { host, secrets, stop } = execution;
  const { signal } = stop;
  if (step.kind === 'workdir') {
    makeParents(target, treePathFromUser(step.path), findPasswdEntry(target.tree, step.user, 'USER'));
  } else if (step.kind === 'run') {
    await runStep(step, {
      host,
      target,
      scratch,
      secrets,
      id,
      signal,
      openMountSource: (origin, options) => openMountSource(execution, origin, { ...options, scratch }),
      onRestored: (paths) => void (target.state = scanAgain(target.state, { tree: target.tree, paths })),
    });
  } else if (gathering !== undefined) {
    await copyStep(step, gathering, {
      target,
      decompress: (kind, bytes) => decompressInside(kind, bytes, { host, target, signal }),
    });
  }
}
