/** What one planning of a Dockerfile has found so far, and what the parts of the planner share. */
import { isAlprootError } from '../core/errors.ts';
import type { Arch } from '../core/package.ts';
import type { HostPath } from '../core/paths.ts';
import type { Dockerfile } from '../formats/dockerfile/dockerfile.ts';
import type { PlannedStage, Refusal } from './build-plan.ts';
import type { Scope } from './scope.ts';

export interface PlanOptions {
  /** For messages: the Dockerfile's name as the user gave it. */
  readonly file: string;
  /** Stage name or number; undefined: the last. */
  readonly target: string | undefined;
  /** `--build-arg`; undefined value: a name without `=` that the environment does not set. */
  readonly buildArgs: Readonly<Record<string, string>>;
  /** The machine's own, and the image's: `--platform`. */
  readonly buildArch: Arch;
  readonly targetArch: Arch;
  /** Architectures whose programs run here. */
  readonly runnable: readonly Arch[];
  /** `--network`: what a RUN without a flag of its own gets. */
  readonly network: 'host' | 'none';
  /** `--add-host`, as lines of /etc/hosts. */
  readonly hosts?: readonly string[];
  /**
   * `--build-context`, by name: directories, and images under another name. Stages of the same name give way to them.
   */
  readonly contexts?: ReadonlyMap<string, HostPath | { readonly image: string }>;
}

export interface Planning {
  readonly dockerfile: Dockerfile;
  readonly options: PlanOptions;
  readonly globals: ReadonlyMap<string, string | undefined>;
  readonly stages: Map<number, PlannedStage>;
  /** Scope at the end of each planned stage, which `FROM stage` inherits. */
  readonly scopes: Map<number, Scope>;
  readonly refusals: Refusal[];
  readonly warnings: { line: number; message: string }[];
  readonly consumed: Set<string>;
}

/** Does the work; what it refuses is noted with its line. @returns undefined for a refusal */
export function collectRefusals<T>(planner: Planning, line: number, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!isAlprootError(error, 'ALP_FORMAT_DOCKERFILE', 'ALP_BUILD_UNSUPPORTED', 'ALP_BUILD_INSTRUCTION')) throw error;
    planner.refusals.push({
      line,
      code: error.code as Refusal['code'],
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
    return undefined;
  }
}

export function nameOfStage({ dockerfile }: Planning, index: number): string | undefined {
  return dockerfile.stages[index]?.from.name;
}

/** The stage before `before` that a name or number means. */
export function findStage(planner: Planning, reference: string, before: number): number | undefined {
  for (let index = before - 1; index >= 0; index--)
    if (nameOfStage(planner, index) === reference.toLowerCase()) return index;
  return /^\d+$/.test(reference) && Number(reference) < before ? Number(reference) : undefined;
}
