/** The solver's answer as a plan: what to install, replace and remove, where it comes from and who asked. */
import type { Change, PackageRecord, PackageSource, PlannedPackage } from '../core/package.ts';
import { sameIdentity } from '../formats/apk/package-checksum.ts';
import { compareVersions } from '../formats/apk/package-version.ts';
import type { CatalogSource } from './catalog.ts';
import { isReinstall, type PackageNode, type RawChange } from './model.ts';
import type { Resolution } from './resolution.ts';

/** Whether its file can be had now. */
const canFetch = (resolution: Resolution, pkg: PackageNode): boolean =>
  pkg.cached || pkg.source?.kind === 'file' || (pkg.repos & resolution.universe.availableRepos) !== 0;

/** What a source is for packages of one repository and one tag: as many plans as packages share it. */
type Sources = Map<string, PackageSource>;

function sourceOf(sources: Sources, location: string, tag: string | undefined): PackageSource {
  const key = `${tag ?? ''} ${location}`;
  let source = sources.get(key);
  if (source === undefined)
    sources.set(key, (source = { kind: 'repository', location, ...(tag === undefined ? {} : { tag }) }));
  return source;
}

const INSTALLED: PackageSource = Object.freeze({ kind: 'installed' });

/** The repository that the package is taken from; undefined: it is in no repository that may be used. */
function repositoryOf(
  { universe: { sources, availableRepos } }: Resolution,
  { source, repos }: PackageNode,
): CatalogSource | undefined {
  return source === undefined ? sources.find((_, index) => (repos & availableRepos & (1 << index)) !== 0) : undefined;
}

/** What is said of a package where it comes from: of one that is installed, the database keeps less. */
function offeredRecord({ record }: PackageNode, from: CatalogSource | undefined): PackageRecord {
  for (const position of from?.byName.of(record.name) ?? []) {
    const other = from?.packages[position];
    if (other === record || (other?.name === record.name && sameIdentity(other.checksum, record.checksum)))
      return other;
  }
  return record;
}

/**
 * Notes who needs each chosen package: names of packages, or `world`; for install_if the packages that it waited for.
 */
function noteReasons(resolution: Resolution): void {
  for (const { next } of resolution.changes) if (next !== undefined) next.reasons = undefined;
  const add = (pkg: PackageNode | undefined, reason: string): void => {
    if (pkg === undefined) return;
    const known = pkg.reasons;
    if (known === undefined) pkg.reasons = reason;
    else if (typeof known !== 'string') {
      if (known.at(-1) !== reason) known.push(reason);
    } else if (known !== reason) pkg.reasons = [known, reason];
  };
  for (const { name, dep } of resolution.state.world) if (!dep.conflict) add(name.chosen.pkg, 'world');
  for (const { next } of resolution.changes) {
    if (next === undefined) continue;
    for (const { name, dep } of next.depends)
      if (!dep.conflict && name.chosen.pkg !== next) add(name.chosen.pkg, next.record.name);
  }
  for (const { next } of resolution.changes) {
    if (next === undefined || next.reasons !== undefined || !next.iifTriggered) continue;
    for (const { name } of next.installIf) if (name.chosen.pkg !== undefined) add(next, name.chosen.pkg.record.name);
  }
}

function kindOf(
  resolution: Resolution,
  raw: RawChange & { readonly old: PackageNode; readonly next: PackageNode },
): 'upgrade' | 'downgrade' | 'replace' | 'reinstall' | 'pin' | 'skip' | undefined {
  const { old, next } = raw;
  if (old === next) {
    if (isReinstall(next)) return canFetch(resolution, next) ? 'reinstall' : 'skip';
    return old.installedTag === raw.nextTag ? undefined : 'pin';
  }
  const order = compareVersions(next.record.version, old.record.version);
  if (order === 0) return 'replace';
  return order > 0 ? 'upgrade' : 'downgrade';
}

/** The changes that do something, in order. */
export function planChanges(resolution: Resolution): Change[] {
  noteReasons(resolution);
  const sources: Sources = new Map();
  // Written out: what is spread into an object leaves it twice as large.
  const planned = (pkg: PackageNode, tagId: number): PlannedPackage => {
    const tag = resolution.universe.tags.nameOf(tagId);
    const from = repositoryOf(resolution, pkg);
    const record = offeredRecord(pkg, from);
    const source = pkg.source ?? (from === undefined ? INSTALLED : sourceOf(sources, from.location, tag));
    const found = pkg.reasons ?? [];
    const because = typeof found === 'string' ? [found] : [...new Set(found)].sort();
    return tag === undefined ? { record, source, because } : { record, source, tag, because };
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
    const { old, next } = raw;
    if (!/[fs]/.test(old?.installed?.broken ?? '')) return false;
    return simulate || (old === next && !(next !== undefined && isReinstall(next) && canFetch(resolution, next)));
  }).length;
}
