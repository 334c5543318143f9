/** Cache keys of steps: the parent's key and everything that can change what the step makes. */
import { keyOf } from '../core/digest.ts';
import type { CopyStep, PlannedStep, RunStep } from './build-plan.ts';

/** Raised when the meaning of a key or of a stored layer changes. */
const FORMAT = 'alproot-layer-1';

/** The start of a stage on nothing. */
export const SCRATCH_KEY = keyOf(FORMAT, 'scratch');

/** The start of a stage on a base tree. */
export const baseKey = (base: string): string => keyOf(FORMAT, 'base', base);

export interface StepInputs {
  readonly parent: string;
  /** Digest of what is copied, or of what mounts show; '' when nothing is. */
  readonly content: string;
}

/** @returns the key of the step's layer */
export function stepKey(step: PlannedStep, inputs: StepInputs): string {
  return keyOf(FORMAT, inputs.parent, ...wordsOf(step, inputs));
}

function wordsOf(step: PlannedStep, { content }: StepInputs): string[] {
  switch (step.kind) {
    case 'run':
      return ['run', runWords(step), content];
    case 'copy':
    case 'add':
      return [step.kind, copyWords(step), content];
    case 'workdir':
      return ['workdir', step.path, step.user];
    case 'metadata':
      return ['metadata'];
  }
}

/** Proxies and secrets are left out: they may change without changing the result. */
function runWords({ argv, script, env, user, cwd, network, hosts, mounts }: RunStep): string {
  return JSON.stringify([
    argv,
    script ?? null,
    Object.entries(env).sort(),
    user,
    cwd,
    network,
    mounts.map(withoutPlace),
    ...(hosts === undefined ? [] : [hosts]),
  ]);
}

/** What a named context holds is in the digest; where it lies does not count. */
const withoutPlace = (mount: RunStep['mounts'][number]): unknown =>
  mount.base?.kind === 'context' ? { ...mount, base: { kind: 'context' } } : mount;

const copyWords = ({ destination, flags, sources }: CopyStep): string => JSON.stringify([destination, flags, sources]);
