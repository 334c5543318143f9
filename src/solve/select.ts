/** Third pass: decides one name. The best of its packages is taken, with all its names and dependencies. */
import { compareVersions } from '../formats/apk/package-version.ts';
import { applyConstraint, disqualify, reconsiderDependents, reconsiderWaiting } from './constrain.ts';
import {
  DEFAULT_PIN,
  FLAG,
  NOBODY,
  type NameNode,
  type OwnedProvider,
  type PackageNode,
  type Provider,
} from './model.ts';
import { isAutoSelectable } from './reconsider.ts';
import { markError, packageNames, type SolverState } from './solver-state.ts';

const flag = (value: boolean): number => (value ? 1 : 0);
const firstBit = (mask: number): number => (mask === 0 ? 0 : 32 - Math.clz32(mask & -mask));
const isInstalled = ({ pkg }: OwnedProvider): number => flag(pkg.installed !== undefined);

/** Versions that both are there; a name provided without version says nothing. */
const compareKnown = (a: string, b: string): number => (a === '' || b === '' ? 0 : compareVersions(a, b));

/** --latest: the newest version even if it cannot be had, so that the failure is shown. */
function preferLatest(flags: number, a: OwnedProvider, b: OwnedProvider): number {
  const byTag = flag(a.pkg.tagOk) - flag(b.pkg.tagOk);
  if (byTag !== 0) return byTag;
  if ((flags & FLAG.available) !== 0) return flag(a.pkg.available) - flag(b.pkg.available);
  if ((flags & FLAG.reinstall) !== 0) return flag(a.pkg.selectable) - flag(b.pkg.selectable);
  return 0;
}

/** What counts before versions do, in order of weight. */
function preferUsable(state: SolverState, flags: number, a: OwnedProvider, b: OwnedProvider): number {
  const keepInstalled = (state.preupgrade && (flags & FLAG.upgrade) === 0) || (flags & FLAG.installed) !== 0;
  const onlyAvailable = (flags & FLAG.available) !== 0;
  const noUpgrade = (flags & (FLAG.remove | FLAG.upgrade)) === 0;
  const comparable = a.pkg.name === b.pkg.name || a.version !== '' || b.version !== '';
  return (
    flag(a.pkg.selectable) - flag(b.pkg.selectable) ||
    flag(a.pkg.dependenciesUsed) - flag(b.pkg.dependenciesUsed) ||
    b.pkg.conflicts - a.pkg.conflicts ||
    (keepInstalled ? isInstalled(a) - isInstalled(b) : 0) ||
    flag(a.pkg.tagOk) - flag(b.pkg.tagOk) ||
    (onlyAvailable ? flag(a.pkg.available) - flag(b.pkg.available) : 0) ||
    flag(a.pkg.tagPreferred) - flag(b.pkg.tagPreferred) ||
    (noUpgrade && comparable ? isInstalled(a) - isInstalled(b) : 0)
  );
}

/**
 * Positive when `a` is the better choice, negative when `b` is.
 *
 * @see apk-tools 3.0 src/solver.c compare_providers
 */
function compareProviders(state: SolverState, a: OwnedProvider, b: OwnedProvider): number {
  const flags = a.pkg.flags | b.pkg.flags;
  const latest =
    (flags & FLAG.latest) !== 0 && a.pkg.pinningAllowed === DEFAULT_PIN && b.pkg.pinningAllowed === DEFAULT_PIN;
  return (
    (latest ? preferLatest(flags, a, b) : preferUsable(state, flags, a, b)) ||
    compareKnown(a.version, b.version) ||
    (a.pkg.name === b.pkg.name ? compareVersions(a.pkg.record.version, b.pkg.record.version) : 0) ||
    a.pkg.record.providerPriority - b.pkg.record.providerPriority ||
    ((flags & FLAG.remove) === 0 ? isInstalled(a) - isInstalled(b) : 0) ||
    flag(a.pkg.selectable) - flag(b.pkg.selectable) ||
    firstBit(b.pkg.repos) - firstBit(a.pkg.repos)
  );
}

/** Without a demand only a fired install_if brings a package in, and only a sound one. */
const mayChoose = (name: NameNode, provider: OwnedProvider): boolean =>
  (name.requirers > 0 || (provider.pkg.iifTriggered && provider.pkg.tagOk && provider.pkg.selectable)) &&
  isAutoSelectable(provider);

function bestOf(state: SolverState, name: NameNode): OwnedProvider | undefined {
  if (name.requirers === 0 && !name.hasIif) return undefined;
  let best: OwnedProvider | undefined;
  for (const provider of name.providers) {
    if (!mayChoose(name, provider)) continue;
    if (best === undefined || compareProviders(state, provider, best) > 0) best = provider;
  }
  return best;
}

/** Two packages may share a name that both provide without version; anything else is a conflict. */
function refuseSecond(state: SolverState, name: NameNode, provider: Provider): void {
  if ((provider.version === '' && name.chosen.version === '') || state.ignoreConflict) return;
  markError(state, provider.pkg);
  markError(state, name.chosen.pkg);
}

function excludeRivals(state: SolverState, name: NameNode, chosen: Provider): void {
  if (state.ignoreConflict) return;
  for (const rival of name.providers) {
    if (rival.pkg === chosen.pkg || (chosen.version === '' && rival.version === '')) continue;
    disqualify(state, rival.pkg);
  }
}

/** Gives the name to `provider` for good, unless another has it. */
function assign(state: SolverState, name: NameNode, provider: Provider): 'given' | 'refused' {
  if (name.locked) {
    refuseSecond(state, name, provider);
    return 'refused';
  }
  const { pkg } = provider;
  name.locked = true;
  name.chosen = provider;
  name.waiting = 'nowhere';
  if (pkg !== undefined && name.requirers === 0 && pkg.iifTriggered) {
    for (const link of pkg.installIf) if (!link.name.locked) applyConstraint(state, pkg, link);
  }
  excludeRivals(state, name, provider);
  reconsiderDependents(state, name);
  return 'given';
}

/** Gives a package all its names; who waits for any of them is told with the first, and need not be told again. */
function assignNames(state: SolverState, pkg: PackageNode): void {
  let isTold = false;
  for (const item of [pkg, ...pkg.provides]) {
    const provider = item === pkg ? pkg : { pkg, version: item.version };
    if (assign(state, item.name, provider) === 'refused' || isTold) continue;
    for (const other of packageNames(pkg)) reconsiderWaiting(state, other);
    isTold = true;
  }
}

/** @see apk-tools 3.0 src/solver.c select_package */
export function select(state: SolverState, name: NameNode): void {
  const best = bestOf(state, name);
  if (best === undefined) {
    assign(state, name, NOBODY);
    reconsiderWaiting(state, name);
    if (name.requirers > 0) state.errors++;
    return;
  }
  const { pkg } = best;
  if (!pkg.selectable || !pkg.tagOk) markError(state, pkg);
  assignNames(state, pkg);
  for (const link of pkg.depends) applyConstraint(state, pkg, link);
}
