/**
 * Repositories made searchable: which records go by a name, and which wait for one to be installed. Made once
 * for a set of repositories and shared by any number of solves; holds no state of a solve.
 */
import type { PackageRecord, Repository } from '../core/package.ts';

/** One index of the list of repositories, with every tag under which it is listed. */
export interface CatalogSource {
  readonly location: string;
  /** Tags of its lines; undefined stands for a line without one. */
  readonly tags: readonly (string | undefined)[];
  /** Its packages may not be fetched now. */
  readonly masked: boolean;
  readonly packages: readonly PackageRecord[];
  /** Positions in `packages` by each name that they go by. */
  readonly byName: ReadonlyMap<string, readonly number[]>;
  /** Positions in `packages` of those with an install_if on a name. */
  readonly byTrigger: ReadonlyMap<string, readonly number[]>;
}

export interface Catalog {
  readonly sources: readonly CatalogSource[];
}

function push(map: Map<string, number[]>, key: string, value: number): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else if (list[list.length - 1] !== value) list.push(value);
}

/** The two tables of one list of packages. */
export function indexPackages(packages: readonly PackageRecord[]): Pick<CatalogSource, 'byName' | 'byTrigger'> {
  const byName = new Map<string, number[]>();
  const byTrigger = new Map<string, number[]>();
  packages.forEach((record, position) => {
    push(byName, record.name, position);
    for (const provide of record.provides) push(byName, provide.name, position);
    for (const trigger of record.installIf) push(byTrigger, trigger.name, position);
  });
  return { byName, byTrigger };
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
