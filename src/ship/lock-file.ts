/** `alproot.lock` on disk: found beside what it is for, compared by content, written whole. */
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { parseLock } from '../formats/lock/lockfile-reader.ts';
import { formatLock, type Lock } from '../formats/lock/lockfile.ts';
import { readFileCapped, writeFileAtomic } from '../system/files/files.ts';
import { diffLocks, formatLockDiff } from './lock-diff.ts';

/** The name of the file. */
export const LOCK_FILE = 'alproot.lock';

/** Where the lock for a Dockerfile or an `alproot.yaml` lies: in the same directory. */
export const lockPathIn = (directory: HostPath): HostPath => joinHost(directory, LOCK_FILE);

/**
 * The lock at `path`; undefined when there is none.
 *
 * @throws ALP_FORMAT_LOCK, ALP_LIMIT_SIZE, ALP_USAGE_VERSION, ALP_FILE_READ when it cannot be read
 */
export function readLock(path: HostPath): Lock | undefined {
  const bytes = readFileCapped(path, limits.lockfile);
  return bytes === undefined ? undefined : parseLock(bytes.toString('utf8'));
}

/** Writes it unless the same content is there already, whatever its line endings. @returns whether it was written */
export function writeLock(path: HostPath, lock: Lock): boolean {
  const before = readFileCapped(path, limits.lockfile)?.toString('utf8');
  if (before !== undefined && isSameText(before, formatLock(lock))) return false;
  writeFileAtomic(path, formatLock(lock));
  return true;
}

const isSameText = (a: string, b: string): boolean => a.replace(/\r\n/g, '\n') === b;

/** Whether two locks say the same. */
export const isSameLock = (a: Lock, b: Lock): boolean => formatLock(a) === formatLock(b);

export interface DriftQuery {
  readonly path: HostPath;
  readonly lock: Lock;
  /** What is wanted now. */
  readonly wanted: Lock;
}

/**
 * Refuses any difference between a lock and what would be locked now.
 *
 * @throws ALP_STALE_LOCK with the readable difference; `facts.changes` has it as data
 */
export function requireNoDrift({ path, lock, wanted }: DriftQuery): void {
  if (isSameLock(lock, wanted)) return;
  const changes = diffLocks(lock, wanted);
  throw new AlprootError('ALP_STALE_LOCK', `${quoteName(path)} does not fit any more:\n${formatLockDiff(changes)}`, {
    hint: 'run `alproot lock --update` and commit the result',
    facts: { changes },
  });
}
