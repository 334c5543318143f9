/** What one run of the solver shares among its parts. */
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { FLAG, type Link, type NameNode, type PackageNode } from './model.ts';
import { inTableOrder } from './name-order.ts';
import { createQueues, type Queues } from './queue.ts';
import type { Universe } from './universe.ts';

export interface SolverState {
  readonly universe: Universe;
  readonly queues: Queues;
  readonly world: readonly Link[];
  /** Global flags, for packages that world asks for. */
  readonly flags: number;
  readonly ignoreConflict: boolean;
  /** Change as little as possible besides the flagged names. */
  readonly preupgrade: boolean;
  /** Bits of the repositories without tag. */
  readonly defaultRepos: number;
  /** The world dependency being applied: its flags and its pin reach the packages that meet it. */
  worldFlags: number;
  worldPins: number;
  order: number;
  errors: number;
  /** Links and packages looked at, those of all passes together. */
  steps: number;
}

export function createState(
  universe: Universe,
  world: readonly Link[],
  options: { readonly flags: number; readonly preupgrade: boolean },
): SolverState {
  const { flags, preupgrade } = options;
  return {
    universe,
    queues: createQueues(),
    world,
    flags,
    ignoreConflict: (flags & FLAG.ignoreConflict) !== 0,
    preupgrade,
    defaultRepos: universe.tags.reposOf(0),
    worldFlags: flags,
    worldPins: 0,
    order: 0,
    errors: 0,
    steps: 0,
  };
}

/** Bits of the repositories that have the package, or from whose tag it was installed. */
export const reposOf = (state: SolverState, pkg: PackageNode): number =>
  pkg.repos | (pkg.installed === undefined ? 0 : state.universe.tags.reposOf(pkg.installedTag));

/**
 * Counts what is looked at. An index for which it is more than real ones of any size need was made to keep a machine
 * busy.
 *
 * @throws ALP_LIMIT_COUNT
 */
export function countSteps(state: SolverState, count: number): void {
  state.steps += count;
  if (state.steps > limits.solverSteps) {
    throw new AlprootError(
      'ALP_LIMIT_COUNT',
      `solving takes more than ${limits.solverSteps} steps (limit solverSteps)`,
      {
        hint:
          'the dependencies of a repository are tangled beyond what real ones need: leave it out, or ask ' +
          'who keeps it',
      },
    );
  }
}

/** Counts a package that cannot stay as it was chosen. */
export function markError(state: SolverState, pkg: PackageNode | undefined): void {
  if (pkg === undefined || pkg.error) return;
  pkg.error = true;
  state.errors++;
}

/** The names that a package goes by. */
export function* packageNames(pkg: PackageNode): Generator<NameNode> {
  yield pkg.name;
  for (const { name } of pkg.provides) yield name;
}

/** Names whose packages depend on this one, in apk's order. */
export function dependentsOf(name: NameNode): readonly NameNode[] {
  if (!name.rdependsSorted) {
    name.rdependsSorted = true;
    if (name.rdepends.length > 1) name.rdepends = inTableOrder(name.rdepends);
  }
  return name.rdepends;
}
