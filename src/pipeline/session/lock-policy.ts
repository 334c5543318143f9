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

export interface Pins {
  /** The lock's file, or the bundle that carries it. */
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

export const subjectOf = ({ requests }: Lock): LockSubject => (requests.some((request) => request.startsWith('FROM ')) ? 'Dockerfile' : 'packages');

/** What helps against a lock that has drifted. */
export const UPDATE_HINT = 'run `alproot lock --update` and commit the result';

/** The lock in `directory`, when there is one for this subject and `--no-lock` does not forbid it. @throws ALP_FORMAT_LOCK, ALP_USAGE_OPTION, ALP_STALE_LOCK */
export function findPins(config: Config, directory: HostPath, subject: LockSubject): Pins | undefined {
  const path = lockPathIn(directory);
  const lock = readLock(path);
  const strict = config.lock === 'locked' || (config.lock === 'auto' && !/^(?:0|false|no|off)?$/i.test(config.env['CI'] ?? ''));
  if (lock === undefined) {
    if (config.lock === 'locked') throw new AlprootError('ALP_USAGE_OPTION', `--locked was given, but there is no ${quoteName(path)}`, { hint: 'make it with `alproot lock`' });
    return undefined;
  }
  if (config.lock === 'off') {
    config.emit({ kind: 'note', message: `not locked: ${quoteName(path)} is left aside (--no-lock)` });
    return undefined;
  }
  if (subjectOf(lock) !== subject) {
    const message = `${quoteName(path)} was made for ${subjectOf(lock) === 'packages' ? 'a list of packages, not for a Dockerfile' : 'a Dockerfile, not for a list of packages'}`;
    if (config.lock === 'locked') throw new AlprootError('ALP_STALE_LOCK', message, { hint: UPDATE_HINT });
    config.emit({ kind: 'note', message: `not locked: ${message}` });
    return undefined;
  }
  return { name: path, lock, strict, update: new Set(), hint: UPDATE_HINT };
}

/** The lock beside `alproot.yaml`, for the verbs that make an environment of packages. */
export const projectPins = (config: Config): Pins | undefined => (config.project === undefined ? undefined : findPins(config, config.project, 'packages'));

/** What the user is told once. */
export function announcePins({ config: { emit }, pins }: { readonly config: Pick<Config, 'emit'>; readonly pins: Pins | undefined }): void {
  if (pins === undefined) return emit({ kind: 'note', message: 'not locked: packages come from the mirror as it is now (`alproot lock` pins them)' });
  const count = pins.lock.environments.reduce((sum, { packages }) => sum + packages.length, 0);
  emit({ kind: 'note', message: `locked by ${quoteName(pins.name)}: ${count} packages${pins.strict ? '' : ' (what it lacks comes from the mirror)'}` });
}

interface Pinned {
  readonly config: Pick<Config, 'arch'>;
  readonly pins: Pins | undefined;
}

/** The release that a lock is for, when it is for only one on this architecture. */
export function pinnedRelease({ pins, config }: Pinned): string | undefined {
  const releases = (pins?.lock.environments ?? []).filter(({ arch }) => arch === config.arch).map(({ release }) => release);
  return releases.length === 1 ? releases[0] : undefined;
}

/** What a lock says of a release. @throws ALP_STALE_LOCK when it has nothing and nothing else may be used */
export function pinnedEnvironment({ pins, config }: Pinned, release: string): LockedEnvironment | undefined {
  const found = pins?.lock.environments.find((environment) => environment.arch === config.arch && environment.release === release);
  if (found === undefined && pins?.strict === true) throw new AlprootError('ALP_STALE_LOCK', `${quoteName(pins.name)} has nothing for Alpine ${release} on ${config.arch}`, { hint: pins.hint });
  return found;
}

/** The very package that a lock pins, by its identity. */
export const pinnedPackage = ({ pins }: Pick<Pinned, 'pins'>, record: PackageRecord): LockedPackage | undefined =>
  pins?.lock.environments
    .flatMap(({ packages }) => packages)
    .find(({ record: own }) => own.name === record.name && own.version === record.version && sameChecksum(own.checksum, record.checksum));

/**
 * Does `work` with what the lock pins and, when that is not enough and the lock is no hard rule, again with the rest of
 * the mirror's packages.
 *
 * @throws ALP_STALE_LOCK when a strict lock is not enough
 */
export async function withPinned<T>({ config, pins }: { readonly config: Config; readonly pins: Pins | undefined }, work: (extended: boolean) => Promise<T>): Promise<T> {
  if (pins === undefined) return work(false);
  if (pins.update.size > 0) return work(true);
  try {
    return await work(false);
  } catch (error) {
    if (!isAlprootError(error, 'ALP_SOLVE_UNSATISFIABLE', 'ALP_STALE_LOCK')) throw error;
    if (pins.strict) throw staleLock(pins, error);
    config.emit({ kind: 'warning', message: `${quoteName(pins.name)} does not cover all that is wanted: the rest comes from the mirror as it is now`, hint: pins.hint });
    return work(true);
  }
}

/** What a strict lock answers when it cannot give what is wanted. */
export const staleLock = ({ name, hint }: Pins, cause: AlprootError): AlprootError =>
  cause.code === 'ALP_STALE_LOCK' ? cause : new AlprootError('ALP_STALE_LOCK', `${quoteName(name)} does not cover what is wanted:\n${cause.message}`, { hint, cause });
