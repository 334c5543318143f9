/**
 * Repositories made searchable: which records go by a name, and which wait for one to be installed. Made once
 * for a set of repositories and shared by any number of solves; holds no state of a solve.
 */
import type { NameTables, PackageRecord, Repository } from '../core/package.ts';
import { createNameTables } from '../formats/apk/name-tables.ts';

/** One index of the list of repositories, with every tag under which it is listed. */
export interface CatalogSource extends NameTables {
  readonly location: string;
  /** Tags of its lines; undefined stands for a line without one. */
  readonly tags: readonly (string | undefined)[];
  /** Its packages may not be fetched now. */
  readonly masked: boolean;
  /** The tables tell positions in it. */
  readonly packages: readonly PackageRecord[];
}

export interface Catalog {
  readonly sources: readonly CatalogSource[];
}

/** The tables of one list of packages. */
export function indexPackages(packages: readonly PackageRecord[]): NameTables {
  const { byName, byTrigger, addName, addTrigger } = createNameTables();
  for (const [position, record] of packages.entries()) {
    addName(record.name, position);
    for (const { name } of record.provides) addName(name, position);
    for (const { name } of record.installIf) addTrigger(name, position);
  }
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
      location: index.location,
      tags: [tag],
      masked: masked === true,
      packages: index.packages,
      ...(index.tables ?? indexPackages(index.packages)),
    });
  }
  return { sources: [...sources.values()] };
}
