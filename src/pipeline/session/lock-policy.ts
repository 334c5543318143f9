/**
 * A lock at work: found beside what it is for, and asked by each stage what it may use. Only `alproot lock` writes
 * one; every run says whether it is locked.
 */
import type { Config } from '../../core/config.ts';
import { AlprootError, isAlprootError } from '../../core/errors.ts';
import type { PackageRecord } from '../../core/package.ts';
import type { HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { sameChecksum } from '../../formats/apk/package-checksum.ts';
import type { Lock, LockedEnvironment, LockedPackage } from '../../formats/lock/lockfile.ts';
import { lockPathIn, readLock } from '../../ship/lock-file.ts';

export interface LockPolicy {
  /** The lock's file, or the bundle that has it. */
  readonly name: string;
  readonly lock: Lock;
  /** Whatever the lock does not pin is refused, instead of taken from the mirror. */
  readonly strict: boolean;
  /** Package names that may move all the same. */
  readonly update: ReadonlySet<string>;
  /** What to do when it does not fit. */
  readonly hint: string;
}

/** What a lock was made for. */
export type LockSubject = 'Dockerfile' | 'packages';

export const subjectOf = ({ requests }: Lock): LockSubject =>
  requests.some((request) => request.startsWith('FROM ')) ? 'Dockerfile' : 'packages';

const MADE_FOR: Readonly<Record<LockSubject, string>> = {
  packages: 'a list of packages, not for a Dockerfile',
  Dockerfile: 'a Dockerfile, not for a list of packages',
};

/** What helps against a lock that has drifted. */
export const UPDATE_HINT = 'run `alproot lock --update` and commit the result';

/**
 * The lock in `directory`, when there is one for this subject and `--no-lock` does not forbid it.
 *
 * @throws ALP_FORMAT_LOCK, ALP_USAGE_OPTION, ALP_STALE_LOCK
 */
export function findLockPolicy(config: Config, directory: HostPath, subject: LockSubject): LockPolicy | undefined {
  const path = lockPathIn(directory);
  const lock = readLock(path);
  const strict =
    config.lock === 'locked' || (config.lock === 'auto' && !/^(?:0|false|no|off)?$/i.test(config.env['CI'] ?? ''));
  if (lock === undefined) {
    if (config.lock === 'locked')
      throw new AlprootError('ALP_USAGE_OPTION', `--locked was given, but there is no ${quoteName(path)}`, {
        hint: 'make it with `alproot lock`',
      });
    return undefined;
  }
  if (config.lock === 'off') {
    config.emit({ kind: 'note', message: `not locked: ${quoteName(path)} is left aside (--no-lock)` });
    return undefined;
  }
  if (subjectOf(lock) !== subject) {
    const message = `${quoteName(path)} was made for ${MADE_FOR[subjectOf(lock)]}`;
    if (config.lock === 'locked') throw new AlprootError('ALP_STALE_LOCK', message, { hint: UPDATE_HINT });
    config.emit({ kind: 'note', message: `not locked: ${message}` });
    return undefined;
  }
  return { name: path, lock, strict, update: new Set(), hint: UPDATE_HINT };
}

/** The lock beside `alproot.yaml`, for the verbs that make an environment of packages. */
export const projectLockPolicy = (config: Config): LockPolicy | undefined =>
  config.project === undefined ? undefined : findLockPolicy(config, config.project, 'packages');

/** What the user is told once. */
export function announceLockPolicy({
  config: { emit },
  lockPolicy,
}: {
  readonly config: Pick<Config, 'emit'>;
  readonly lockPolicy: LockPolicy | undefined;
}): void {
  if (lockPolicy === undefined)
    return emit({
      kind: 'note',
      message: 'not locked: packages come from the mirror as it is now (`alproot lock` pins them)',
    });
  const count = lockPolicy.lock.environments.reduce((sum, { packages }) => sum + packages.length, 0);
  emit({
    kind: 'note',
    message:
      `locked by ${quoteName(lockPolicy.name)}: ${count} packages` +
      (lockPolicy.strict ? '' : ' (what it lacks comes from the mirror)'),
  });
}

interface Pinned {
  readonly config: Pick<Config, 'arch'>;
  readonly lockPolicy: LockPolicy | undefined;
}

/** The release that a lock is for, when it is for only one on this architecture. */
export function pinnedRelease({ lockPolicy, config }: Pinned): string | undefined {
  const releases = (lockPolicy?.lock.environments ?? [])
    .filter(({ arch }) => arch === config.arch)
    .map(({ release }) => release);
  return releases.length === 1 ? releases[0] : undefined;
}

/** What a lock says of a release. @throws ALP_STALE_LOCK when it has nothing and nothing else may be used */
export function pinnedEnvironment({ lockPolicy, config }: Pinned, release: string): LockedEnvironment | undefined {
  const found = lockPolicy?.lock.environments.find(
    (environment) => environment.arch === config.arch && environment.release === release,
  );
  if (found === undefined && lockPolicy?.strict === true)
    throw new AlprootError(
      'ALP_STALE_LOCK',
      `${quoteName(lockPolicy.name)} has nothing for Alpine ${release} on ${config.arch}`,
      { hint: lockPolicy.hint },
    );
  return found;
}

/** The very package that a lock pins, by its identity. */
export const pinnedPackage = (
  { lockPolicy }: Pick<Pinned, 'lockPolicy'>,
  record: PackageRecord,
): LockedPackage | undefined =>
  lockPolicy?.lock.environments
    .flatMap(({ packages }) => packages)
    .find(
      ({ record: own }) =>
        own.name === record.name && own.version === record.version && sameChecksum(own.checksum, record.checksum),
    );

/**
 * Does `work` with what the lock pins and, when that is not enough and the lock is not strict, again with the rest
 * of the mirror's packages.
 *
 * @throws ALP_STALE_LOCK when a strict lock is not enough
 */
export async function withPinned<T>(
  { config, lockPolicy }: { readonly config: Config; readonly lockPolicy: LockPolicy | undefined },
  work: (extended: boolean) => Promise<T>,
): Promise<T> {
  if (lockPolicy === undefined) return work(false);
  if (lockPolicy.update.size > 0) return work(true);
  try {
    return await work(false);
  } catch (error) {
    if (!isAlprootError(error, 'ALP_SOLVE_UNSATISFIABLE', 'ALP_STALE_LOCK')) throw error;
    if (lockPolicy.strict) throw staleLock(lockPolicy, error);
    config.emit({
      kind: 'warning',
      message:
        `${quoteName(lockPolicy.name)} does not cover all that is wanted: ` +
        'the rest comes from the mirror as it is now',
      hint: lockPolicy.hint,
    });
    return work(true);
  }
}

/** What a strict lock answers when it cannot give what is wanted. */
export const staleLock = ({ name, hint }: LockPolicy, cause: AlprootError): AlprootError =>
  cause.code === 'ALP_STALE_LOCK'
    ? cause
    : new AlprootError('ALP_STALE_LOCK', `${quoteName(name)} does not cover what is wanted:\n${cause.message}`, {
        hint,
        cause,
      });
