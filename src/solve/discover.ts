/**
 * First pass: every name and package that world can reach through dependencies, provides and install_if, in
 * either direction. It gives each name the number that later decides who is chosen first, so the order of the
 * walk matters.
 */
import { DEFAULT_PIN, FLAG, type NameNode, type PackageNode } from './model.ts';
import { dependentsOf, namesOf, reposOf, type SolverState } from './state.ts';
import { runSteps, type Steps } from './steps.ts';

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

function* visit(state: SolverState, name: NameNode): Steps {
  if (name.seen) return;
  name.seen = true;
  name.noIif = true;
  state.universe.openNode(name);
  const isNew = (other: NameNode): boolean => !other.seen && state.universe.isRelevant(other);
  let virtual = 0;
  for (const { pkg } of name.providers) {
    if (!pkg.seen) {
      assess(state, pkg);
      for (const link of pkg.depends) if (isNew(link.name)) yield visit(state, link.name);
    }
    name.noIif &&= pkg.iifFailed;
    if (pkg.name !== name) virtual++;
  }
  for (const other of name.rinstallIf) if (isNew(other)) yield visit(state, other);
  for (const { pkg } of name.providers) {
    for (const other of state.universe.openNode(pkg.name).rinstallIf) if (isNew(other)) yield visit(state, other);
    for (const provide of pkg.provides) if (isNew(provide.name)) yield visit(state, provide.name);
  }
  const rank = (name.flagged ? 0 : NOT_FLAGGED) | (name.providers.length === virtual ? 0 : CONCRETE);
  name.order = rank | ++state.order;
  for (const { pkg } of name.providers) for (const link of pkg.installIf) if (isNew(link.name)) yield visit(state, link.name);
}

/** Notes for each name which reached names depend on it; also those of installed packages, which may go. */
function linkDependents(state: SolverState): void {
  const late = new Set<PackageNode>();
  for (const pkg of state.universe.installed) for (const name of namesOf(pkg)) state.universe.openNode(name);
  for (const name of state.universe.names()) {
    if (!name.opened) continue;
    for (const { pkg } of name.providers) {
      if (pkg.source !== undefined) late.add(pkg);
      else for (const { name: needed } of pkg.depends) if (needed.rdepends.at(-1) !== name) needed.rdepends.push(name);
    }
  }
  for (const pkg of late) linkLate(pkg);
}

/** Packages made for this run came into apk's tables after all others. */
function linkLate(pkg: PackageNode): void {
  for (const { name: needed } of pkg.depends) {
    dependentsOf(needed);
    for (const name of namesOf(pkg)) if (!needed.rdepends.includes(name)) needed.rdepends.push(name);
  }
}

/** @see apk-tools 3.0 src/solver.c discover_name */
export function discover(state: SolverState): void {
  for (const { name } of state.world) runSteps(visit(state, name));
  linkDependents(state);
}
