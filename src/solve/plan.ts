/** The solver's answer as a plan: what to install, exchange and remove, where it comes from and who asked. */
import type { Change, PlannedPackage } from '../core/package.ts';
import { sameIdentity } from '../formats/package-checksum.ts';
import { compareVersions } from '../formats/version.ts';
import type { PackageNode, RawChange } from './model.ts';
import type { Resolution } from './resolution.ts';

/** Whether its file can be had now. */
const canFetch = (resolution: Resolution, pkg: PackageNode): boolean =>
  pkg.cached || pkg.source?.kind === 'file' || (pkg.repos & resolution.universe.availableRepos) !== 0;

/** Where a package comes from, and what is said of it there: of a package that is installed, the database keeps less. */
function offerOf(resolution: Resolution, pkg: PackageNode, tag: string | undefined): Pick<PlannedPackage, 'source' | 'record'> {
  const { sources, availableRepos } = resolution.universe;
  const { record } = pkg;
  if (pkg.source !== undefined) return { record, source: pkg.source };
  const from = sources.find((_, index) => (pkg.repos & availableRepos & (1 << index)) !== 0);
  if (from === undefined) return { record, source: { kind: 'installed' } };
  const listed = [...from.byName.of(record.name)].map((position) => from.packages[position]).find((other) => other?.name === record.name && sameIdentity(other.checksum, record.checksum));
  return { record: listed ?? record, source: { kind: 'repository', location: from.location, ...(tag === undefined ? {} : { tag }) } };
}

/** Who needs each chosen package: names of packages, or `world`; for install_if the packages that it waited for. */
function reasons(resolution: Resolution): ReadonlyMap<PackageNode, ReadonlySet<string>> {
  const found = new Map<PackageNode, Set<string>>();
  const add = (pkg: PackageNode | undefined, reason: string): void => {
    if (pkg === undefined) return;
    const known = found.get(pkg);
    if (known === undefined) found.set(pkg, new Set([reason]));
    else known.add(reason);
  };
  for (const { name, dep } of resolution.state.world) if (!dep.conflict) add(name.chosen.pkg, 'world');
  for (const { next } of resolution.changes) {
    if (next === undefined) continue;
    for (const { name, dep } of next.depends) if (!dep.conflict && name.chosen.pkg !== next) add(name.chosen.pkg, next.record.name);
  }
  for (const { next } of resolution.changes) {
    if (next === undefined || found.has(next) || !next.iifTriggered) continue;
    for (const { name } of next.installIf) if (name.chosen.pkg !== undefined) add(next, name.chosen.pkg.record.name);
  }
  return found;
}

function kindOf(resolution: Resolution, raw: RawChange & { readonly old: PackageNode; readonly next: PackageNode }):
'upgrade' | 'downgrade' | 'replace' | 'reinstall' | 'pin' | 'skip' | undefined {
  const { old, next } = raw;
  if (old === next) {
    if (raw.reinstall) return canFetch(resolution, next) ? 'reinstall' : 'skip';
    return raw.oldTag === raw.nextTag ? undefined : 'pin';
  }
  const order = compareVersions(next.record.version, old.record.version);
  if (order === 0) return 'replace';
  return order > 0 ? 'upgrade' : 'downgrade';
}

/** The changes that do something, in order. */
export function planChanges(resolution: Resolution): Change[] {
  const because = reasons(resolution);
  const planned = (pkg: PackageNode, tagId: number): PlannedPackage => {
    const tag = resolution.universe.tags.nameOf(tagId);
    return {
      ...offerOf(resolution, pkg, tag),
      ...(tag === undefined ? {} : { tag }),
      because: [...(because.get(pkg) ?? [])].sort(),
    };
  };
  const changes: Change[] = [];
  for (const raw of resolution.changes) {
    const { old, next } = raw;
    if (next === undefined) {
      if (old?.installed !== undefined) changes.push({ kind: 'purge', previous: old.installed });
    } else if (old?.installed === undefined) {
      changes.push({ kind: 'install', next: planned(next, raw.nextTag) });
    } else {
      const kind = kindOf(resolution, { ...raw, old, next });
      if (kind !== undefined) changes.push({ kind, previous: old.installed, next: planned(next, raw.nextTag) });
    }
  }
  return changes;
}

/**
 * Packages that the database calls broken and that this plan leaves so; apk counts each as an error of the command.
 *
 * @param simulate nothing is carried out, so that all of them stay
 * @see apk-tools 3.0 src/commit.c apk_solver_commit_changeset
 */
export function countBroken(resolution: Resolution, simulate: boolean): number {
  return resolution.changes.filter((raw) => {
    const { old, next, reinstall } = raw;
    if (!/[fs]/.test(old?.installed?.broken ?? '')) return false;
    return simulate || (old === next && !(reinstall && next !== undefined && canFetch(resolution, next)));
  }).length;
}
