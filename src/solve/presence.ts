/**
 * For the report of a failed solve: which names are there after all, although the solve failed, so that the
 * report speaks only of those that are not. A name counts as present when a chosen package that world leads to
 * goes by it with a version or a priority; packages pulled in by install_if count for their own names.
 */
import type { Link, NameNode, PackageNode } from './model.ts';
import { packageNames } from './solver-state.ts';
import { runSteps, type Steps } from './solver-steps.ts';

const PRESENT = 1;
const VIRTUAL_ONLY = 2;
const INSTALL_IF = 4;

/** What is known of names and packages, as bits. */
interface Presence {
  readonly names: Map<NameNode, number>;
  readonly packages: Map<PackageNode, number>;
  readonly chosen: ReadonlySet<PackageNode>;
}

const add = <K>(map: Map<K, number>, key: K, bits: number): void => {
  map.set(key, (map.get(key) ?? 0) | bits);
};

/** Whether the package goes by the name with a version. */
const isConcrete = (pkg: PackageNode, name: NameNode): boolean =>
  pkg.name === name || pkg.provides.some((item) => item.name === name && item.version !== '');

const isThere = (presence: Presence, name: NameNode): boolean =>
  ((presence.names.get(name) ?? 0) & (PRESENT | INSTALL_IF)) !== 0;

function* reachWaiting(presence: Presence, name: NameNode): Steps {
  for (const waiting of name.rinstallIf) {
    for (const { pkg } of waiting.providers) {
      if (!presence.chosen.has(pkg) || pkg.installIf.length === 0) continue;
      if (pkg.installIf.some((link) => link.dep.conflict === isThere(presence, link.name))) continue;
      for (const other of packageNames(pkg)) yield reachName(presence, other, INSTALL_IF);
    }
  }
}

function* reachName(presence: Presence, name: NameNode, reason: number): Steps {
  for (const { pkg } of name.providers) {
    if (!presence.chosen.has(pkg)) continue;
    const virtual = reason !== VIRTUAL_ONLY && pkg.record.providerPriority === 0 && !isConcrete(pkg, name);
    const state = virtual ? VIRTUAL_ONLY : reason;
    if (((presence.packages.get(pkg) ?? 0) & state) !== 0) continue;
    add(presence.packages, pkg, state);
    add(presence.names, pkg.name, state);
    for (const provide of pkg.provides) {
      add(presence.names, provide.name, state === INSTALL_IF && provide.version === '' ? VIRTUAL_ONLY : state);
    }
    yield reachDepends(presence, pkg.depends);
    if (state === VIRTUAL_ONLY) continue;
    for (const other of packageNames(pkg)) yield reachWaiting(presence, other);
  }
}

function* reachDepends(presence: Presence, links: readonly Link[]): Steps {
  for (const link of links) if (!link.dep.conflict) yield reachName(presence, link.name, PRESENT);
}

/**
 * The names that are there.
 *
 * @param chosen the packages that the failed solve chose
 * @see apk-tools 3.0 src/commit.c discover_deps
 */
export function presentNames(world: readonly Link[], chosen: ReadonlySet<PackageNode>): ReadonlySet<NameNode> {
  const presence: Presence = { names: new Map(), packages: new Map(), chosen };
  runSteps(reachDepends(presence, world));
  return new Set([...presence.names.keys()].filter((name) => isThere(presence, name)));
}
