/**
 * What a lock pins, as an index for the solver. A lock is untrusted input: of what it lists nothing is installed but
 * packages that have a trusted signature of their own and have the pinned SHA-256.
 */
import { keyOf } from '../core/digest.ts';
import type { RepositoryIndex } from '../core/package.ts';
import type { Verified } from '../core/verified.ts';
import type { LockedPackage, LockedRepository } from '../formats/lock/lockfile.ts';

export interface LockedIndexRequest {
  readonly repository: LockedRepository;
  /** Where its packages are downloaded from now. */
  readonly location: string;
  /** All that the lock pins, from whatever repository. */
  readonly pinned: readonly LockedPackage[];
  /** The repository as it is now, for names that the lock leaves open. */
  readonly moving?: Verified<RepositoryIndex> | undefined;
}

/** The records that a repository offers under a lock: a pinned name has its pinned version only. */
export function lockedIndex({ repository, location, pinned, moving }: LockedIndexRequest): Verified<RepositoryIndex> {
  const own = pinned.filter((item) => item.repository === repository.location);
  const names = new Set(pinned.map(({ record }) => record.name));
  const index: RepositoryIndex = {
    location,
    description: moving?.description ?? repository.description,
    // Not of a file, but it tells one choice of records from another in the same way.
    sha256: keyOf('locked-index', repository.location, moving?.sha256 ?? '', ...own.map(({ sha256 }) => sha256)),
    sizeBytes: repository.sizeBytes,
    packages: [...own.map(({ record }) => record), ...(moving?.packages ?? []).filter(({ name }) => !names.has(name))],
  };
  return index as Verified<RepositoryIndex>;
}
