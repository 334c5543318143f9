/** What COPY, ADD and bind mounts name and the contexts do not have, found before anything runs. */
import { isAlprootError } from '../core/errors.ts';
import type { HostPath } from '../core/paths.ts';
import { type CopyRoot, openContext, openNamedContext } from './context.ts';
import { requireSource } from './copy-selection.ts';
import type { BuildPlan, NamedContext, PlannedBase, PlannedStep, Refusal } from './build-plan.ts';

interface Contexts {
  /** undefined: an empty one. */
  readonly context: HostPath | undefined;
  readonly dockerfile: HostPath | undefined;
}

/** Wildcards may match nothing, and other stages are not there yet: those are left to the steps themselves. */
export function missingSources(plan: BuildPlan, { context, dockerfile }: Contexts): Refusal[] {
  const roots = new Map<string | undefined, CopyRoot>();
  const open = (named: NamedContext | undefined): CopyRoot | undefined => {
    if (named === undefined && context === undefined) return undefined;
    const known =
      roots.get(named?.name) ??
      (named === undefined ? openContext(context as HostPath, dockerfile) : openNamedContext(named));
    roots.set(named?.name, known);
    return known;
  };
  try {
    return plan.stages
      .flatMap(({ steps }) => steps)
      .flatMap((step) =>
        sourcesOf(step).flatMap(({ from, path, parents }) => {
          try {
            const root = open(from);
            if (root !== undefined) requireSource(root, path, { parents });
            return [];
          } catch (error) {
            if (!isAlprootError(error, 'ALP_BUILD_CONTEXT')) throw error;
            return [
              {
                line: step.line,
                code: 'ALP_BUILD_CONTEXT',
                message: error.message,
                ...(error.hint === undefined ? {} : { hint: error.hint }),
              } satisfies Refusal,
            ];
          }
        }),
      );
  } finally {
    for (const { tree } of roots.values()) tree.close();
  }
}

interface Source {
  readonly from: NamedContext | undefined;
  readonly path: string;
  readonly parents: boolean;
}

const isContext = (base: PlannedBase | NamedContext | undefined): base is NamedContext | undefined =>
  base === undefined || base.kind === 'context';

function sourcesOf(step: PlannedStep): Source[] {
  if (step.kind !== 'copy' && step.kind !== 'add') return [];
  const { from, flags } = step;
  if (!isContext(from)) return [];
  return step.sources.flatMap((source) =>
    source.kind === 'path' ? [{ from, path: source.path, parents: flags.parents }] : [],
  );
}
