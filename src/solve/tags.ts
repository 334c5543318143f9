/**
 * Repository tags as small numbers, since the solver keeps sets of them as bits. Number 0 is "no tag"; the
 * others count up in the order in which world, the installed packages and the repositories mention them.
 */
import { AlprootError } from '../core/errors.ts';
import type { Dependency, InstalledPackage } from '../core/package.ts';
import type { Catalog } from './catalog.ts';

/** As many as fit the bits of a mask, for tags and for repositories. */
const LIMIT = 31;

export interface Tags {
  readonly count: number;
  /** 0 for undefined. */
  readonly idOf: (tag: string | undefined) => number;
  /** undefined for 0. */
  readonly nameOf: (id: number) => string | undefined;
  /** Bits of the repositories that have the tag. */
  readonly reposOf: (id: number) => number;
  /** Bits of the repositories that any tag of `mask` allows. */
  readonly reposOfMask: (mask: number) => number;
}

export interface TagSources {
  readonly world: readonly Dependency[];
  readonly installed: readonly InstalledPackage[];
  readonly catalog: Catalog;
}

/** @throws ALP_LIMIT_COUNT for more tags or repositories than apk can tell apart */
export function createTags({ world, installed, catalog }: TagSources): Tags {
  const ids = new Map<string | undefined, number>([[undefined, 0]]);
  const note = (tag: string | undefined): number => {
    const id = ids.get(tag) ?? ids.size;
    ids.set(tag, id);
    return id;
  };
  for (const { tag } of world) note(tag);
  for (const { tag } of installed) note(tag);
  const repos: number[] = [];
  catalog.sources.forEach(({ tags }, index) => {
    for (const tag of tags) {
      const id = note(tag);
      repos[id] = (repos[id] ?? 0) | (1 << index);
    }
  });
  if (ids.size > LIMIT || catalog.sources.length > LIMIT) {
    throw new AlprootError('ALP_LIMIT_COUNT', `more than ${LIMIT} repositories or repository tags`);
  }
  const tagNames = [...ids.keys()];
  const reposOf = (id: number): number => repos[id] ?? 0;
  const reposOfMask = (mask: number): number => {
    let found = 0;
    for (let id = 0; id < ids.size; id++) if ((mask & (1 << id)) !== 0) found |= reposOf(id);
    return found;
  };
  return { count: ids.size, idOf: (tag) => ids.get(tag) ?? 0, nameOf: (id) => tagNames[id], reposOf, reposOfMask };
}
