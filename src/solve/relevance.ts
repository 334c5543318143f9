/**
 * Which names can take part in a solve at all. Alpine's indexes hang together through names like `docs`, for
 * which thousands of packages wait; apk walks all of them for every solve. But a package that waits for a name
 * which nothing can bring in is never chosen, so the walk may stop there: of eight thousand names that
 * build-base reaches in main, about ninety matter.
 *
 * Small sets of packages are walked whole, as apk does.
 */
import type { Dependency, NameTables, PackageRecord } from '../core/package.ts';

/** Below this number of packages nothing is gained. */
const WALK_WHOLE = 1000;

export interface PackageShelf extends NameTables {
  readonly packages: readonly PackageRecord[];
}

interface Walk {
  readonly names: Set<string>;
  readonly taken: Set<PackageRecord>;
  readonly queue: string[];
  /** How many of the names that a package waits for, from the first on, matter. */
  readonly met: Map<PackageRecord, number>;
}

/** The package may be chosen: so may what it needs, and its other names count. */
function take(walk: Walk, record: PackageRecord): void {
  if (walk.taken.has(record)) return;
  walk.taken.add(record);
  walk.queue.push(record.name);
  for (const { name } of record.provides) walk.queue.push(name);
  for (const { name, conflict } of record.depends) if (!conflict) walk.queue.push(name);
}

/** A package that waits may be chosen once everything that it waits for may be; what must be absent is looked at only. */
function takeWaiting(walk: Walk, record: PackageRecord): void {
  const { installIf } = record;
  let met = walk.met.get(record) ?? 0;
  while (met < installIf.length && (installIf[met]?.conflict === true || walk.names.has(installIf[met]?.name ?? ''))) met++;
  if (met < installIf.length) return void walk.met.set(record, met);
  take(walk, record);
  for (const { name, conflict } of record.installIf) if (conflict) walk.names.add(name);
}

/**
 * The names that matter for `world` and for what is installed; undefined: all of them.
 *
 * @param installed names of installed packages, which the plan may remove
 */
export function relevantNames(
  shelves: readonly PackageShelf[],
  world: readonly Dependency[],
  installed: readonly PackageRecord[],
): ReadonlySet<string> | undefined {
  if (shelves.reduce((sum, { packages }) => sum + packages.length, 0) < WALK_WHOLE) return undefined;
  const walk: Walk = { names: new Set(), taken: new Set(), met: new Map(), queue: world.map(({ name }) => name) };
  for (const record of installed) take(walk, record);
  for (let name = walk.queue.pop(); name !== undefined; name = walk.queue.pop()) {
    if (walk.names.has(name)) continue;
    walk.names.add(name);
    for (const { packages, byName, byTrigger } of shelves) {
      for (const position of byName.of(name)) take(walk, packages[position] as PackageRecord);
      for (const position of byTrigger.of(name)) takeWaiting(walk, packages[position] as PackageRecord);
    }
  }
  return walk.names;
}
