/**
 * One run of the solver, as apk does it: discover what world can reach, apply world's demands, then decide name
 * after name, following each decision as far as it leads before the next is taken; at last list the changes.
 *
 * A name is decided by taking its best package (select.ts), never taken back: the solver does not search. What
 * keeps it from running into a wall is that demands are spread early (reconsider.ts): everything that all
 * remaining options of a name need is demanded before any of them is chosen, and packages whose needs cannot be
 * met any more are struck out at once.
 *
 * @see apk-tools 3.0 src/solver.c apk_solver_solve
 */
import type { Arch, Dependency, InstalledPackage } from '../core/package.ts';
import { isSoundDependency } from '../formats/dependency.ts';
import { sortWorld } from '../formats/world.ts';
import type { Catalog } from './catalog.ts';
import { listChanges } from './changes.ts';
import { applyConstraint } from './constrain.ts';
import { discover } from './discover.ts';
import type { RawChange } from './model.ts';
import { reconsider } from './reconsider.ts';
import { select } from './select.ts';
import { createState, type SolverState } from './state.ts';
import { createUniverse, type LoosePackage, type Universe } from './universe.ts';

/** Flags for the packages of one name, beyond the global ones. */
export interface NameFlags {
  readonly name: string;
  /** Bits of FLAG. */
  readonly flags: number;
  /** Bits that its dependencies get too. */
  readonly inheritable: number;
}

export interface ResolveInput {
  readonly arch: Arch;
  readonly world: readonly Dependency[];
  readonly catalog: Catalog;
  readonly installed: readonly InstalledPackage[];
  readonly loose?: readonly LoosePackage[];
  /** Bits of FLAG for all that world asks for. */
  readonly flags?: number;
  readonly names?: readonly NameFlags[];
  /** Keep everything but the flagged names as it is where possible. */
  readonly preupgrade?: boolean;
  /** Walk all names, as apk does; the answer is the same, later. */
  readonly whole?: boolean;
  /** Leave out of account the world dependencies that cannot be met. */
  readonly forceBrokenWorld?: boolean;
}

export interface Resolution {
  readonly universe: Universe;
  readonly state: SolverState;
  /** World as it was solved, sorted. */
  readonly world: readonly Dependency[];
  readonly changes: readonly RawChange[];
  /** 0: world can be had. */
  readonly errors: number;
}

function applyFlags(universe: Universe, names: readonly NameFlags[]): void {
  for (const { name, flags, inheritable } of names) {
    const node = universe.open(name);
    node.flagged = true;
    for (const { pkg } of node.providers) {
      pkg.flags |= flags;
      pkg.inheritable |= inheritable;
    }
  }
}

function applyWorld(state: SolverState): void {
  for (const link of state.world) {
    state.worldPins = 1 << state.universe.tags.idOf(link.dep.tag);
    applyConstraint(state, undefined, link);
  }
  state.worldFlags = 0;
  state.worldPins = 0;
}

function decide(state: SolverState): void {
  for (;;) {
    for (let name = state.queues.nextDirty(); name !== undefined; name = state.queues.nextDirty()) reconsider(state, name);
    const name = state.queues.nextUnresolved();
    if (name === undefined) return;
    select(state, name);
  }
}

function attempt(input: ResolveInput, world: readonly Dependency[], broken: ReadonlySet<Dependency>): Resolution {
  const universe = createUniverse({ ...input, world, loose: input.loose ?? [] });
  applyFlags(universe, input.names ?? []);
  const links = world.map((dep) => universe.link(dep));
  const sound = links.filter(({ dep }) => isSoundDependency(dep) && !broken.has(dep));
  const state = createState(universe, sound, { flags: input.flags ?? 0, preupgrade: input.preupgrade === true });
  discover(state);
  applyWorld(state);
  decide(state);
  const changes = listChanges(state, links);
  return { universe, state, world, changes, errors: state.errors };
}

/** A failure is looked at again with all names walked, so that its report is apk's to the letter. */
function attemptTwice(input: ResolveInput, world: readonly Dependency[], broken: ReadonlySet<Dependency>): Resolution {
  const resolution = attempt(input, world, broken);
  return resolution.errors === 0 || resolution.universe.isWhole ? resolution : attempt({ ...input, whole: true }, world, broken);
}

/** Solves; never throws for a world that cannot be had: `errors` tells. */
export function resolve(input: ResolveInput): Resolution {
  const world = sortWorld(input.world);
  const broken = new Set<Dependency>();
  for (;;) {
    const resolution = attemptTwice(input, world, broken);
    if (resolution.errors === 0 || input.forceBrokenWorld !== true) return resolution;
    const known = broken.size;
    for (const dep of world) {
      const { pkg } = resolution.universe.open(dep.name).chosen;
      if (pkg === undefined || pkg.error) broken.add(dep);
    }
    if (broken.size === known) return resolution;
  }
}
