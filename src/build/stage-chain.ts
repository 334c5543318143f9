/** What a stage comes to, as keys and layers: from its base, through the stages below it, to its own steps. */
import { keyOf } from '../core/digest.ts';
import type { RedactedText } from '../core/redact.ts';
import type { PlannedStage } from './build-plan.ts';
import type { BaseTree, StoredLayer } from './host.ts';
import type { StageTree } from './stage-tree.ts';
import { baseKey, SCRATCH_KEY } from './step-key.ts';

/** One finished step, for layers and history. */
export interface FinishedStep {
  readonly key: string;
  /** undefined: nothing changed but the configuration. */
  readonly layer: StoredLayer | undefined;
  /** As written, for the image's history. */
  readonly source: RedactedText;
}

export type LayerStep = FinishedStep & { readonly layer: StoredLayer };

export interface StageBuild {
  readonly stage: PlannedStage;
  /** undefined: scratch, or another stage. */
  readonly base: BaseTree | undefined;
  readonly parent: StageBuild | undefined;
  /** Key of all so far. */
  key: string;
  /** Name of its tree in the store, where the next build finds it. */
  readonly cachedAs: string;
  readonly finished: FinishedStep[];
  tree: StageTree;
}

/** All finished steps from the base up. */
export const chainOf = (build: StageBuild): FinishedStep[] => [
  ...(build.parent === undefined ? [] : chainOf(build.parent)),
  ...build.finished,
];

/** The base tree that the chain stands on. */
export const baseOf = (build: StageBuild): BaseTree | undefined =>
  build.base ?? (build.parent === undefined ? undefined : baseOf(build.parent));

export const layersOf = (steps: readonly FinishedStep[]): StoredLayer[] => steps.flatMap(({ layer }) => layer ?? []);

/** Of the chain's start, and of all its steps with a layer. */
export const chainKeys = (build: StageBuild): string[] => [
  startKey(build),
  ...chainOf(build).flatMap(({ key, layer }) => (layer === undefined ? [] : [keyAfter(key, layer)])),
];

function startKey({ base, parent }: StageBuild): string {
  if (parent !== undefined) return startKey(parent);
  return base === undefined ? SCRATCH_KEY : baseKey(base.key);
}

/** The next key depends on what the step made, so a step that is made anew with another result renews what follows. */
export function recordStep(build: StageBuild, step: LayerStep): void {
  build.finished.push(step);
  build.key = keyAfter(step.key, step.layer);
}

const keyAfter = (step: string, { sha256 }: StoredLayer): string => keyOf(step, sha256);
