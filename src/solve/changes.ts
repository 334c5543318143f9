/**
 * Last pass: from the decisions to a list of changes in the order in which they can be carried out: dependencies
 * before those who need them, removals where the last dependent goes, install_if packages after their triggers.
 */
import { isProvided, reverseLinks } from './match.ts';
import type { Link, NameNode, PackageNode, RawChange } from './model.ts';
import { markError, packageNames, reposOf, type SolverState } from './solver-state.ts';
import { runSteps, type Steps } from './solver-steps.ts';

interface Recorder {
  readonly state: SolverState;
  readonly changes: RawChange[];
}

/** The first tag that the package may have and whose repositories have it; else none. */
function tagFor(state: SolverState, pkg: PackageNode): number {
  const { tags } = state.universe;
  const repos = reposOf(state, pkg);
  for (let id = 0; id < tags.count; id++) {
    if ((pkg.pinningAllowed & (1 << id)) !== 0 && (tags.reposOf(id) & repos) !== 0) return id;
  }
  return 0;
}

function record({ state, changes }: Recorder, old: PackageNode | undefined, next: PackageNode | undefined): void {
  changes.push({ old, next, nextTag: next === undefined ? 0 : tagFor(state, next) });
}

function countDepends(pkg: PackageNode): void {
  for (const { dep, name } of pkg.depends) {
    if (!dep.conflict && name.installedName !== undefined) name.installedName.requirers++;
  }
}

/** Removes what the package was the last to need. */
function* releaseDepends(recorder: Recorder, pkg: PackageNode): Steps {
  for (const { dep, name } of pkg.depends) {
    if (dep.conflict || name.installedName === undefined || --name.installedName.requirers > 0) continue;
    if (name.installedPkg !== undefined) yield removePackage(recorder, name.installedPkg);
  }
}

/** An orphan goes now unless its name lives on in another package, which is a change of its own. */
function* removeOrphan(recorder: Recorder, pkg: PackageNode): Steps {
  if (pkg.name.requirers === 0 && pkg.name.chosen.pkg === undefined) yield removePackage(recorder, pkg);
}

/** Installs a package that waited for others, once those are there. */
function* installTriggered(recorder: Recorder, name: NameNode): Steps {
  const { pkg } = name.chosen;
  if (pkg === undefined || !name.seen || name.changeProcessed) return;
  // What was met stays so: those before are not looked at again.
  for (; pkg.triggersListed < pkg.installIf.length; pkg.triggersListed++) {
    const link = pkg.installIf[pkg.triggersListed] as Link;
    if (!link.dep.conflict && !link.name.changeProcessed) return;
    if (!isProvided(pkg, link, link.name.chosen)) return;
  }
  yield changeName(recorder, name);
}

/** Removes a package that was there because of others, once one of those is gone. */
function* removeTriggered(recorder: Recorder, name: NameNode): Steps {
  const pkg = name.installedPkg;
  if (pkg === undefined || name.chosen.pkg !== undefined || name.changeProcessed || name.changeRemoved) return;
  if (pkg.installIf.some((link) => link.name.changeRemoved && link.name.chosen.pkg === undefined))
    yield removeOrphan(recorder, pkg);
}

/** Calls `check` for every name that waits for one of the package's names. */
function* eachWaiting(
  recorder: Recorder,
  pkg: PackageNode,
  check: (recorder: Recorder, name: NameNode) => Steps,
): Steps {
  for (const name of packageNames(pkg)) for (const waiting of name.rinstallIf) yield check(recorder, waiting);
}

/** What used to go by the name and does not any more is removed first. */
function* clearName(recorder: Recorder, name: NameNode): Steps {
  if (name.changeProcessed) return;
  name.changeProcessed = true;
  if (name.installedPkg !== undefined && name.chosen.pkg?.name !== name)
    yield removePackage(recorder, name.installedPkg);
  for (const { pkg } of name.providers) {
    if (pkg.name.installedPkg === pkg && pkg.name.chosen.pkg === undefined) yield removePackage(recorder, pkg);
  }
}

/** What makes room for a package before those that it needs are listed. */
function* clearFor(recorder: Recorder, pkg: PackageNode): Steps {
  for (const other of packageNames(pkg)) if (!other.changeProcessed) yield clearName(recorder, other);
  const old = pkg.name.installedPkg;
  if (old !== undefined) yield eachWaiting(recorder, old, removeTriggered);
}

/** The next name that must be listed before the package is; undefined when all are. */
function nextNeed({ state }: Recorder, pkg: PackageNode): NameNode | undefined {
  for (; pkg.dependsListed < pkg.depends.length; pkg.dependsListed++) {
    const link = pkg.depends[pkg.dependsListed] as Link;
    if (mustFollow(state, pkg, link)) return link.name;
    noteFollowed(state, pkg, link);
  }
  return undefined;
}

function* finish(recorder: Recorder, pkg: PackageNode): Steps {
  const old = pkg.name.installedPkg;
  record(recorder, old, pkg);
  yield eachWaiting(recorder, pkg, installTriggered);
  countDepends(pkg);
  if (old !== undefined) yield releaseDepends(recorder, old);
}

/**
 * A chain is as deep as it is long: those who wait on the way down take one place each, where a generator takes
 * twenty.
 */
function* changeName(recorder: Recorder, first: NameNode): Steps {
  const stack: PackageNode[] = [];
  for (let name: NameNode | undefined = first; ;) {
    if (name === undefined) {
      yield finish(recorder, stack.pop() as PackageNode);
    } else if (!name.changeProcessed) {
      yield clearName(recorder, name);
      const { pkg } = name.chosen;
      if (pkg !== undefined && !pkg.inChanges) {
        pkg.inChanges = true;
        yield clearFor(recorder, pkg);
        stack.push(pkg);
      }
    }
    const top = stack.at(-1);
    if (top === undefined) return;
    name = nextNeed(recorder, top);
  }
}

function* removePackage(recorder: Recorder, pkg: PackageNode): Steps {
  const { name } = pkg;
  if (pkg.inChanges || name.chosen.pkg?.name === name) return;
  name.changeRemoved = true;
  pkg.inChanges = true;
  const dependents = reverseLinks(pkg, 'satisfies', { accept: (other) => other.installed !== undefined });
  for (const { pkg: dependent } of dependents) yield removePackage(recorder, dependent);
  yield eachWaiting(recorder, pkg, removeTriggered);
  record(recorder, pkg, undefined);
  yield releaseDepends(recorder, pkg);
}

const isIgnored = (state: SolverState, { dep }: Link): boolean => dep.conflict && state.ignoreConflict;

/** Marks a broken promise; says whether what the dependency leads to is still to be listed before its owner. */
function mustFollow(state: SolverState, owner: PackageNode | undefined, link: Link): boolean {
  if (isIgnored(state, link)) return false;
  if (!isProvided(owner, link, link.name.chosen)) markError(state, owner);
  return !link.name.changeProcessed;
}

function noteFollowed(state: SolverState, owner: PackageNode, link: Link): void {
  if (!isIgnored(state, link) && link.name.chosen.pkg?.error === true) markError(state, owner);
}

function noteInstalled(state: SolverState): void {
  for (const name of state.universe.names()) name.requirers = 0;
  for (const pkg of state.universe.installed) {
    pkg.name.installedPkg = pkg;
    pkg.name.installedName = pkg.name;
    for (const { name, version } of pkg.provides) if (version !== '') name.installedName = pkg.name;
  }
  for (const pkg of state.universe.installed) countDepends(pkg);
}

/**
 * The changes that lead from what is installed to what was decided; counts errors that show only now.
 *
 * @param world all of it, with the dependencies that the solver left out of account
 * @see apk-tools 3.0 src/solver.c generate_changeset
 */
export function listChanges(state: SolverState, world: readonly Link[]): RawChange[] {
  const recorder: Recorder = { state, changes: [] };
  noteInstalled(state);
  for (const pkg of state.universe.installed) runSteps(removeOrphan(recorder, pkg));
  for (const link of world) if (mustFollow(state, undefined, link)) runSteps(changeName(recorder, link.name));
  for (const pkg of state.universe.installed) runSteps(changeName(recorder, pkg.name));
  return recorder.changes;
}
