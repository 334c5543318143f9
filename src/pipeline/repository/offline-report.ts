/** Offline, what the store lacks is told all at once, with the command that brings it. */
import { AlprootError, isAlprootError } from '../../core/errors.ts';
import type { LockedEnvironment } from '../../formats/lock/lockfile.ts';
import type { Session } from '../session/session.ts';

const HINT =
  'where there is a network, run `alproot fetch` with the same -p or -f and --mirror, ' +
  'or the same command without --offline';

/** One error for all that is missing. @param also names that would be found missing next */
export function missingOffline(errors: readonly AlprootError[], also: readonly string[] = []): AlprootError {
  const names = [
    ...new Set([...errors.flatMap(({ facts }) => (facts['missing'] as string[] | undefined) ?? []), ...also]),
  ].sort();
  return new AlprootError(
    'ALP_FETCH_OFFLINE',
    `offline, and the store lacks ${names.length === 1 ? '' : `${names.length} things:\n  `}${names.join('\n  ')}`,
    { hint: HINT, facts: { missing: names } },
  );
}

/** As Promise.all; when some of it is missing offline, the rest is awaited and one error names everything. */
export async function together<T extends readonly unknown[]>(
  work: readonly [...{ [K in keyof T]: Promise<T[K]> }],
  also: () => readonly string[] = () => [],
): Promise<T> {
  const settled = await Promise.allSettled(work);
  const failures = settled.flatMap((result): unknown[] => (result.status === 'rejected' ? [result.reason] : []));
  const other = failures.find((error) => !isAlprootError(error, 'ALP_FETCH_OFFLINE'));
  if (other !== undefined) throw other;
  if (failures.length > 0) throw missingOffline(failures as AlprootError[], also());
  return settled.map((result) => (result as PromiseFulfilledResult<unknown>).value) as unknown as T;
}

/** Packages of a lock that are not in the store, by name. */
export const missingPackages = ({ store }: Session, locked: LockedEnvironment | undefined): string[] =>
  (locked?.packages ?? [])
    .filter(({ sha256 }) => !store.hasBlob(sha256))
    .map(({ record }) => `${record.name}-${record.version}.apk`);
