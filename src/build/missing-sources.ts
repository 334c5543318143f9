/** What COPY, ADD and bind mounts name and the contexts do not have, found before anything runs. */
import { isAlprootError } from '../core/errors.ts';
import type { HostPath } from '../core/paths.ts';
import { type ContextRoots, openContextRoots } from './context-roots.ts';
import { requireSource } from './copy-selection.ts';
import { type BuildPlan, isContext, type NamedContext, type PlannedStep, type Refusal } from './build-plan.ts';

interface Contexts {
  /** undefined: an empty one. */
  readonly context: HostPath | undefined;
  readonly dockerfile: HostPath | undefined;
}

/** Wildcards may match nothing, and other stages are not there yet: those are left to the steps themselves. */
export function missingSources(plan: BuildPlan, { context, dockerfile }: Contexts): Refusal[] {
  const roots = openContextRoots({ directory: () => context, dockerfile });
  try {
    return plan.stages
      .flatMap(({ steps }) => steps)
      .flatMap((step) => sourcesOf(step).flatMap((source) => refuseMissingSource(source, step.line, roots) ?? []));
  } finally {
    roots.close();
  }
}

function refuseMissingSource({ from, path, parents }: Source, line: number, roots: ContextRoots): Refusal | undefined {
  try {
    const root = roots.open(from);
    if (root !== undefined) requireSource(root, path, { parents });
    return undefined;
  } catch (error) {
    if (!isAlprootError(error, 'ALP_BUILD_CONTEXT')) throw error;
    const { message, hint } = error;
    return { line, code: 'ALP_BUILD_CONTEXT', message, ...(hint === undefined ? {} : { hint }) };
  }
}

interface Source {
  readonly from: NamedContext | undefined;
  readonly path: string;
  readonly parents: boolean;
}

function sourcesOf(step: PlannedStep): Source[] {
  if (step.kind !== 'copy' && step.kind !== 'add') return [];
  const { from, flags } = step;
  if (!isContext(from)) return [];
  return step.sources.flatMap((source) =>
    source.kind === 'path' ? [{ from, path: source.path, parents: flags.parents }] : [],
  );
}
