/**
 * Second pass: what a dependency does to the packages behind its name. Packages that do not meet it are out;
 * those that do inherit the pins and flags of whoever asked. Every change marks the names that it may concern.
 */
import { isProvided } from './match.ts';
import { NOBODY, type Link, type NameNode, type PackageNode } from './model.ts';
import { countSteps, dependentsOf, packageNames, reposOf, type SolverState } from './solver-state.ts';

/** Packages that depend on the name must be looked at again. */
export function reconsiderDependents(state: SolverState, name: NameNode): void {
  countSteps(state, name.rdepends.length);
  for (const other of dependentsOf(name)) {
    if (!other.seen) continue;
    other.reevaluateDeps = true;
    state.queues.markDirty(other);
  }
}

/** Packages that wait for the name must be looked at again. */
export function reconsiderWaiting(state: SolverState, name: NameNode): void {
  countSteps(state, name.rinstallIf.length);
  for (const other of name.rinstallIf) {
    if (!other.seen || other.noIif) continue;
    other.reevaluateIif = true;
    state.queues.markDirty(other);
  }
}

/** The package is out of the question. */
export function disqualify(state: SolverState, pkg: PackageNode): void {
  pkg.selectable = false;
  for (const name of packageNames(pkg)) reconsiderDependents(state, name);
  for (const name of packageNames(pkg)) reconsiderWaiting(state, name);
}

/** The first demand for a name arrived. */
export function announceRequirement(state: SolverState, name: NameNode): void {
  state.queues.markUnresolved(name, false);
  reconsiderWaiting(state, name);
  state.queues.markDirty(name);
}

/**
 * Passes pins and flags on.
 *
 * @param from who asked; undefined for world, whose pin is also preferred
 */
export function inherit(state: SolverState, pkg: PackageNode, from: PackageNode | undefined): void {
  const { tags } = state.universe;
  const repos = reposOf(state, pkg);
  const passed = from === undefined ? state.worldFlags : from.inheritable;
  pkg.flags |= passed;
  pkg.inheritable |= passed;
  if (from === undefined) {
    pkg.pinningAllowed |= state.worldPins;
    pkg.tagPreferred = (repos & tags.reposOfMask(state.worldPins)) !== 0;
  } else {
    pkg.pinningAllowed |= from.pinningAllowed;
  }
  pkg.tagOk ||= (repos & tags.reposOfMask(pkg.pinningAllowed)) !== 0;
}

/** Notes what all packages of a name are to inherit; false when they have had all of it. */
function passOn(name: NameNode, { inheritable, pinningAllowed }: PackageNode): boolean {
  if (((inheritable & ~name.inheritedFlags) | (pinningAllowed & ~name.inheritedLockPolicy)) === 0) return false;
  name.inheritedFlags |= inheritable;
  name.inheritedLockPolicy |= pinningAllowed;
  return true;
}

/** @see apk-tools 3.0 src/solver.c apply_constraint */
export function applyConstraint(state: SolverState, owner: PackageNode | undefined, link: Link): void {
  const { name, dep } = link;
  if (dep.conflict && state.ignoreConflict) return;
  if (!dep.conflict && ++name.requirers === 1) announceRequirement(state, name);
  // Whoever goes by the name will do, and nobody inherits what it has not had before.
  if (owner !== undefined && dep.op === 'any' && !dep.conflict && !passOn(name, owner)) return;
  countSteps(state, name.providers.length);
  for (const provider of name.providers) {
    const { pkg } = provider;
    const ok = isProvided(owner, link, provider);
    if (!ok) pkg.conflicts++;
    if (pkg.selectable && pkg.conflicts > 0) disqualify(state, pkg);
    if (ok) inherit(state, pkg, owner);
  }
}

/** Whether some choice that is still open would meet the dependency. */
export function isSatisfiable(state: SolverState, owner: PackageNode, link: Link): boolean {
  const { name, dep } = link;
  if (dep.conflict && state.ignoreConflict) return true;
  if (name.locked) return isProvided(owner, link, name.chosen);
  if (name.requirers === 0 && isProvided(owner, link, NOBODY)) return true;
  return name.providers.some((provider) => provider.pkg.selectable && isProvided(owner, link, provider));
}
