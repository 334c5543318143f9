/**
 * Repositories made searchable: which records go by a name, and which wait for one to be installed. Made once
 * for a set of repositories and shared by any number of solves; holds no state of a solve.
 */
import type { PackageRecord, Repository } from '../core/package.ts';

/** Positions in a list of packages by name. */
export interface PositionTable {
  /** In the order of the list; none for a name that is not there. */
  readonly of: (name: string) => readonly number[];
  readonly has: (name: string) => boolean;
}

/** One index of the list of repositories, with every tag under which it is listed. */
export interface CatalogSource {
  readonly location: string;
  /** Tags of its lines; undefined stands for a line without one. */
  readonly tags: readonly (string | undefined)[];
  /** Its packages may not be fetched now. */
  readonly masked: boolean;
  readonly packages: readonly PackageRecord[];
  /** Positions in `packages` by each name that they go by. */
  readonly byName: PositionTable;
  /** Positions in `packages` of those with an install_if on a name. */
  readonly byTrigger: PositionTable;
}

export interface Catalog {
  readonly sources: readonly CatalogSource[];
}

const NONE: readonly number[] = Object.freeze([]);

/** Nearly all names have one package: a bare number saves tens of thousands of little arrays. */
type Positions = Map<string, number | number[]>;

function add(map: Positions, key: string, value: number): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, value);
  else if (typeof known === 'object') {
    if (known[known.length - 1] !== value) known.push(value);
  } else if (known !== value) map.set(key, [known, value]);
}

const tableOf = (map: Positions): PositionTable => ({
  of: (name) => {
    const found = map.get(name);
    if (found === undefined) return NONE;
    return typeof found === 'object' ? found : [found];
  },
  has: (name) => map.has(name),
});

/** The two tables of one list of packages. */
export function indexPackages(packages: readonly PackageRecord[]): Pick<CatalogSource, 'byName' | 'byTrigger'> {
  const byName: Positions = new Map();
  const byTrigger: Positions = new Map();
  for (let position = 0; position < packages.length; position++) {
    const record = packages[position];
    if (record === undefined) continue;
    add(byName, record.name, position);
    for (const { name } of record.provides) add(byName, name, position);
    for (const { name } of record.installIf) add(byTrigger, name, position);
  }
  return { byName: tableOf(byName), byTrigger: tableOf(byTrigger) };
}

/** Lines with the same location are one repository with several tags. */
export function createCatalog(repositories: readonly Repository[]): Catalog {
  const sources = new Map<string, CatalogSource & { tags: (string | undefined)[] }>();
  for (const { index, tag, masked } of repositories) {
    const known = sources.get(index.location);
    if (known !== undefined) {
      known.tags.push(tag);
      continue;
    }
    sources.set(index.location, {
      location: index.location, tags: [tag], masked: masked === true, packages: index.packages, ...indexPackages(index.packages),
    });
  }
  return { sources: [...sources.values()] };
}
