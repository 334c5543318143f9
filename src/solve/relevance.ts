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
  readonly queue: string[];
}

/** What the walk knows of the packages of one shelf, by their positions. */
interface WalkedShelf extends PackageShelf {
  readonly taken: Uint8Array;
  /** How many of the names that a package waits for, from the first on, matter. */
  readonly met: Uint32Array;
}

/** The package may be chosen: so may what it needs, and its other names count. */
function take(walk: Walk, { packages, taken }: WalkedShelf, position: number): void {
  if (taken[position] === 1) return;
  taken[position] = 1;
  const record = packages[position] as PackageRecord;
  walk.queue.push(record.name);
  for (const { name } of record.provides) walk.queue.push(name);
  for (const { name, conflict } of record.depends) if (!conflict) walk.queue.push(name);
}

/**
 * A package that waits may be chosen once everything that it waits for may be; what must be absent is looked at only.
 */
function takeWaiting(walk: Walk, shelf: WalkedShelf, position: number): void {
  const { installIf } = shelf.packages[position] as PackageRecord;
  let met = shelf.met[position] ?? 0;
  while (met < installIf.length && (installIf[met]?.conflict === true || walk.names.has(installIf[met]?.name ?? '')))
    met++;
  shelf.met[position] = met;
  if (met < installIf.length) return;
  take(walk, shelf, position);
  for (const { name, conflict } of installIf) if (conflict) walk.names.add(name);
}

/**
 * The names that matter for `world` and for what is installed; undefined: all of them.
 *
 * @param installed packages that the plan may remove
 */
export function relevantNames(
  installed: PackageShelf,
  others: readonly PackageShelf[],
  world: readonly Dependency[],
): ReadonlySet<string> | undefined {
  const shelves = [installed, ...others].map(begin);
  if (shelves.reduce((sum, { packages }) => sum + packages.length, 0) < WALK_WHOLE) return undefined;
  const walk: Walk = { names: new Set(), queue: world.map(({ name }) => name) };
  const [first] = shelves;
  for (let position = 0; first !== undefined && position < installed.packages.length; position++)
    take(walk, first, position);
  for (let name = walk.queue.pop(); name !== undefined; name = walk.queue.pop()) {
    if (walk.names.has(name)) continue;
    walk.names.add(name);
    for (const shelf of shelves) {
      for (const position of shelf.byName.of(name)) take(walk, shelf, position);
      for (const position of shelf.byTrigger.of(name)) takeWaiting(walk, shelf, position);
    }
  }
  return walk.names;
}

const begin = ({ packages, byName, byTrigger }: PackageShelf): WalkedShelf => ({
  packages,
  byName,
  byTrigger,
  taken: new Uint8Array(packages.length),
  met: new Uint32Array(packages.length),
});
