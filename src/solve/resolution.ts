/**
 * One run of the solver, step for step as apk-tools 3.0's `src/solver.c` (apk_solver_solve) takes them:
 *
 * 1. Discover (discover.ts, discover_name). From world, names are walked through dependencies, provides and
 *    install_if in both directions. Each package is examined: may it be chosen at all, is it available, does its
 *    repository tag suit. Each name gets an order number when everything below it has one: names that the user
 *    mentioned rank above others, names of real packages above merely provided ones, later numbers above earlier.
 * 2. Apply world (constrain.ts, apply_constraint). Each dependency counts as a demand on its name. Packages of that
 *    name that do not meet it are struck out; those that do inherit flags and pins.
 * 3. Spread (reconsider.ts, reconsider_name), until nothing changes any more. A name whose options may have changed
 *    is looked at again: packages whose needs cannot be met are struck out, install_if rules are checked, and what
 *    all remaining options need is demanded at once; what they all provide excludes rivals of that name.
 * 4. Decide (select.ts, select_package) one name, then go back to 3. Next is a name that has one road left and
 *    whose dependents are all decided; else the highest order number among those that may choose by themselves;
 *    else among the rest. The best package is taken: usable before broken, fitting tags, installed unless
 *    upgrading, newest, highest provider_priority, first repository. It gets all its names, its rivals are struck
 *    out, its dependencies are applied. A decision is never taken back: the solver does not search.
 * 5. Order (changes.ts, generate_changeset). Walking world again, each chosen package is listed after its
 *    dependencies; what used to have its names, and what nobody needs any more, is removed where that shows;
 *    install_if packages follow the last of their triggers. Broken promises found on the way are errors.
 *
 * A world that cannot be had is reported by unsatisfiable.ts (apk_solver_print_errors).
 */
import type { Arch, Dependency, InstalledPackage } from '../core/package.ts';
import { isSoundDependency } from '../formats/apk/dependency.ts';
import { sortWorld } from '../formats/apk/world-file.ts';
import type { Catalog } from './catalog.ts';
import { listChanges } from './changes.ts';
import { applyConstraint } from './constrain.ts';
import { discover } from './discover.ts';
import type { RawChange } from './model.ts';
import { reconsider } from './reconsider.ts';
import { select } from './select.ts';
import { createState, type SolverState } from './solver-state.ts';
import { createUniverse, type Universe } from './universe.ts';
import type { LoosePackage } from './package-shelves.ts';

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
    for (let name = state.queues.nextDirty(); name !== undefined; name = state.queues.nextDirty())
      reconsider(state, name);
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
  return resolution.errors === 0 || resolution.universe.isWhole
    ? resolution
    : attempt({ ...input, whole: true }, world, broken);
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
