/**
 * First pass: every name and package that world can reach through dependencies, provides and install_if, in
 * either direction. It gives each name the number that later decides who is chosen first, so the order of the
 * walk matters.
 *
 * The walk keeps its place in five numbers a name, and what several names would walk through again (the other names of
 * a package, the packages that wait for one) is walked once: chains of a hundred thousand packages fit in memory, and
 * a package of as many names takes no longer than as many packages.
 */
import { DEFAULT_PIN, FLAG, type Link, type NameNode, type PackageNode } from './model.ts';
import { countSteps, dependentsOf, packageNames, reposOf, type SolverState } from './solver-state.ts';

const NOT_FLAGGED = 1 << 31;
const CONCRETE = 1 << 30;

function assess(state: SolverState, pkg: PackageNode): void {
  pkg.seen = true;
  pkg.pinningAllowed = DEFAULT_PIN;
  const inHand = pkg.source?.kind === 'file';
  const empty = pkg.record.installedSizeBytes === 0;
  const isInstalled = pkg.installed !== undefined;
  pkg.available = inHand || (pkg.repos & state.universe.availableRepos) !== 0;
  pkg.selectable = !pkg.uninstallable && (pkg.available || pkg.cached || pkg.cachedOnly || empty || isInstalled);
  pkg.iifFailed = pkg.installIf.length === 0 || ((state.flags & FLAG.available) !== 0 && !pkg.available);
  pkg.tagPreferred = inHand || empty || (reposOf(state, pkg) & state.defaultRepos) !== 0;
  pkg.tagOk = pkg.tagPreferred || pkg.cachedOnly || isInstalled;
}

/** Where the walk is at one name. */
interface Visit {
  readonly name: NameNode;
  /**
   * What its packages need; who waits for the name; names of its packages and who waits for them; what those wait for.
   */
  phase: 'needs' | 'waiting' | 'names' | 'triggers';
  provider: number;
  /** Of the provider's dependencies; -1: it was not looked at. */
  need: number;
  virtual: number;
}

function begin(state: SolverState, name: NameNode): Visit {
  name.seen = true;
  name.noIif = true;
  state.universe.openNode(name);
  return { name, phase: 'needs', provider: 0, need: -1, virtual: 0 };
}

/** The next name that must be walked before the walk at this one goes on; undefined at its end. */
function nextOf(state: SolverState, visit: Visit): NameNode | undefined {
  if (visit.phase === 'needs') {
    const found = nextNeed(state, visit);
    if (found !== undefined) return found;
    visit.phase = 'waiting';
  }
  if (visit.phase === 'waiting') {
    const found = nextWaiting(state, visit.name);
    if (found !== undefined) return found;
    visit.phase = 'names';
    visit.provider = 0;
  }
  if (visit.phase === 'names') {
    const found = nextByPackage(state, visit, nextRelated);
    if (found !== undefined) return found;
    rank(state, visit);
    visit.phase = 'triggers';
    visit.provider = 0;
  }
  return nextByPackage(state, visit, nextTrigger);
}

function rank(state: SolverState, { name, virtual }: Visit): void {
  const weight = (name.flagged ? 0 : NOT_FLAGGED) | (name.providers.length === virtual ? 0 : CONCRETE);
  name.order = weight | ++state.order;
}

const isNew = (state: SolverState, name: NameNode): boolean => !name.seen && state.universe.isRelevant(name);

/** Each package is looked at by the first of its names; what it needs comes before all else. */
function nextNeed(state: SolverState, visit: Visit): NameNode | undefined {
  const { name } = visit;
  for (; visit.provider < name.providers.length; visit.provider++) {
    const pkg = name.providers[visit.provider]?.pkg as PackageNode;
    if (visit.need < 0 && !pkg.seen) {
      assess(state, pkg);
      visit.need = 0;
    }
    while (visit.need >= 0 && visit.need < pkg.depends.length) {
      const needed = (pkg.depends[visit.need++] as Link).name;
      if (isNew(state, needed)) return needed;
    }
    visit.need = -1;
    name.noIif &&= pkg.iifFailed;
    if (pkg.name !== name) visit.virtual++;
  }
  return undefined;
}

function nextWaiting(state: SolverState, name: NameNode): NameNode | undefined {
  while (name.waitingWalked < name.rinstallIf.length) {
    const other = name.rinstallIf[name.waitingWalked++] as NameNode;
    if (isNew(state, other)) return other;
  }
  return undefined;
}

function nextRelated(state: SolverState, pkg: PackageNode): NameNode | undefined {
  const waiting = nextWaiting(state, state.universe.openNode(pkg.name));
  if (waiting !== undefined) return waiting;
  while (pkg.namesWalked < pkg.provides.length) {
    const { name } = pkg.provides[pkg.namesWalked++] as PackageNode['provides'][number];
    if (isNew(state, name)) return name;
  }
  return undefined;
}

function nextTrigger(state: SolverState, pkg: PackageNode): NameNode | undefined {
  while (pkg.triggersWalked < pkg.installIf.length) {
    const { name } = pkg.installIf[pkg.triggersWalked++] as Link;
    if (isNew(state, name)) return name;
  }
  return undefined;
}

function nextByPackage(state: SolverState, visit: Visit, next: typeof nextRelated): NameNode | undefined {
  const { providers } = visit.name;
  for (; visit.provider < providers.length; visit.provider++) {
    const found = next(state, providers[visit.provider]?.pkg as PackageNode);
    if (found !== undefined) return found;
  }
  return undefined;
}

function walk(state: SolverState, first: NameNode): void {
  if (first.seen) return;
  const stack = [begin(state, first)];
  for (let visit = stack.at(-1); visit !== undefined; visit = stack.at(-1)) {
    const next = nextOf(state, visit);
    if (next === undefined) stack.pop();
    else stack.push(begin(state, next));
  }
}

/** Notes for each name which reached names depend on it; also those of installed packages, which may go. */
function linkDependents(state: SolverState): void {
  const late = new Set<PackageNode>();
  for (const pkg of state.universe.installed) for (const name of packageNames(pkg)) state.universe.openNode(name);
  for (const name of state.universe.names()) {
    if (!name.opened) continue;
    for (const { pkg } of name.providers) {
      if (pkg.source !== undefined) late.add(pkg);
      else {
        countSteps(state, pkg.depends.length);
        for (const { name: needed } of pkg.depends) addDependent(needed, name);
      }
    }
  }
  for (const pkg of late) linkLate(pkg);
}

/** Most names have one or two: an array that grows by itself would keep room for seventeen. */
function addDependent(needed: NameNode, name: NameNode): void {
  const { rdepends } = needed;
  if (rdepends.length === 0) needed.rdepends = [name];
  else if (rdepends.at(-1) !== name) (rdepends as NameNode[]).push(name);
}

/** Packages made for this run came into apk's tables after all others. */
function linkLate(pkg: PackageNode): void {
  for (const { name: needed } of pkg.depends) {
    dependentsOf(needed);
    for (const name of packageNames(pkg))
      if (!needed.rdepends.includes(name)) needed.rdepends = [...needed.rdepends, name];
  }
}

/** @see apk-tools 3.0 src/solver.c discover_name */
export function discover(state: SolverState): void {
  for (const { name } of state.world) walk(state, name);
  linkDependents(state);
}
