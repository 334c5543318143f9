/**
 * Whole files of the host: read under a cap, written atomically (temporary name, fsync, rename, fsync of the
 * directory). A reader sees the old file or the new one, whatever happens.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { AlprootError, errnoOf } from '../../core/errors.ts';
import type { HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { makeDirectories } from './make-directories.ts';
import { temporaryBeside } from '../process/process-identity.ts';

/**
 * The bytes of a regular file.
 *
 * @param maxBytes refused with ALP_LIMIT_SIZE when the file is larger
 * @returns undefined when the file does not exist
 * @throws ALP_LIMIT_SIZE, ALP_FILE_READ (unreadable, not a regular file, shrank while read)
 */
export function readFileCapped(path: HostPath, maxBytes: number): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw fileError('read', path, error);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile())
      throw new AlprootError('ALP_FILE_READ', `cannot read ${quoteName(path)}: not a regular file`, {
        facts: { path },
      });
    if (stat.size > maxBytes) {
      throw new AlprootError(
        'ALP_LIMIT_SIZE',
        `${quoteName(path)} is ${stat.size} bytes, more than the cap of ${maxBytes}`,
      );
    }
    // Files of /proc say that they are empty.
    if (stat.size === 0) return readToEnd(fd, maxBytes);
    const bytes = Buffer.alloc(stat.size);
    let filled = 0;
    while (filled < bytes.length) {
      const count = readSync(fd, bytes, filled, bytes.length - filled, filled);
      if (count === 0)
        throw new AlprootError('ALP_FILE_READ', `${quoteName(path)} became shorter while it was read`, {
          facts: { path },
        });
      filled += count;
    }
    return bytes;
  } catch (error) {
    throw error instanceof AlprootError ? error : fileError('read', path, error);
  } finally {
    closeSync(fd);
  }
}

function readToEnd(fd: number, maxBytes: number): Buffer {
  const buffer = Buffer.alloc(Math.min(maxBytes, 64 * 1024));
  let filled = 0;
  for (let count = -1; count !== 0 && filled < buffer.length; filled += count)
    count = readSync(fd, buffer, filled, buffer.length - filled, null);
  return buffer.subarray(0, filled);
}

export interface WriteOptions {
  /** Permission bits; 0o644 unless given. */
  readonly mode?: number;
  /** Whether it must survive a power failure; true unless given. */
  readonly durable?: boolean;
}

/**
 * Replaces or makes `path`; its directory is made when missing.
 *
 * @throws ALP_FILE_WRITE with the errno, the path and what to do
 */
export function writeFileAtomic(
  path: HostPath,
  bytes: Uint8Array | string,
  { mode = 0o644, durable = true }: WriteOptions = {},
): void {
  const temporary = temporaryBeside(path);
  try {
    makeDirectories(dirname(path));
    const fd = openSync(temporary, 'wx', mode);
    try {
      const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
      for (let written = 0; written < buffer.length;) written += writeSync(fd, buffer, written);
      if (durable) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
    if (durable) syncDirectory(dirname(path));
  } catch (error) {
    try {
      unlinkSync(temporary);
    } catch {
      // It was never made, or is renamed already.
    }
    throw fileError('write', path, error);
  }
}

/** Forces the bytes of a file to the disk. */
export function syncFile(path: HostPath): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes the names in a directory durable. File systems that cannot are left alone. */
export function syncDirectory(path: string): void {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!['EINVAL', 'EACCES', 'EPERM', 'ENOTSUP'].includes(errnoOf(error) ?? '')) throw error;
  }
}

/** What to do about an errno. */
export const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space, or choose another place; ALPROOT_CACHE says where the store is',
  EDQUOT: 'the disk quota is used up: free some space, or choose another place; ALPROOT_CACHE says where the store is',
  EROFS: 'the file system is read-only: choose another place; ALPROOT_CACHE says where the store is',
  EACCES: 'check the permissions of the path, or choose another place',
  EPERM: 'check the permissions of the path, or choose another place',
  EMFILE: 'raise the limit of open files (ulimit -n)',
  ENFILE: 'the whole machine has no more open files to give: end something, or ask its administrator',
  EXDEV: 'the place is made of more than one file system: choose another place; ALPROOT_CACHE says where the store is',
  EBUSY: 'something is mounted there, or uses it: choose another place, such as a directory below it',
  ESTALE: 'the file server lost the file: run the command again, or choose a place that is not on a server',
  EEXIST: 'something else has the name, or a link there leads nowhere: remove it, or choose another place',
  ENOTDIR: 'a file stands where a directory has to be: remove it, or choose another place',
  EISDIR: 'a directory stands where a file has to be: remove it, or choose another place',
  ENOENT: 'a directory on the way is missing, or a link there leads nowhere: make it, or choose another place',
  ELOOP: 'links lead in a circle: remove them, or choose another place',
  ENOSYS: 'the file system cannot do that: choose another place',
  ENOTSUP: 'the file system cannot do that: choose another place',
  EIO: 'its disk, or the file system, has failed: see the kernel log, and use another copy or place; ALPROOT_CACHE says where the store is',
};

/** Words of Node for an errno, and ours where it has none. */
const UNNAMED: Readonly<Record<string, string>> = { EDQUOT: 'disk quota exceeded', ESTALE: 'stale file handle' };

/** `permission denied (EACCES)`. */
function wordsFor(errno: string): string {
  const words = UNNAMED[errno] ?? [...getSystemErrorMap().values()].find(([name]) => name === errno)?.[1];
  return words === undefined ? errno : `${words} (${errno})`;
}

/** Verbs of ours and system calls that change nothing. */
const READING = new Set([
  'read',
  'list',
  'open',
  'scandir',
  'stat',
  'lstat',
  'fstat',
  'readlink',
  'realpath',
  'access',
  'statfs',
]);
const ONLY_WRITING = new Set(['EROFS', 'ENOSPC', 'EDQUOT']);

/**
 * A failed file operation in our own words, errno kept. The file may be the user's or the store's: whoever knows where
 * the store is tells them apart (`failureOfStore`).
 */
export function fileError(verb: string, path: string, error: unknown): AlprootError {
  if (error instanceof AlprootError) return error;
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  const code = READING.has(verb) && !ONLY_WRITING.has(errno) ? 'ALP_FILE_READ' : 'ALP_FILE_WRITE';
  return new AlprootError(code, `cannot ${verb} ${quoteName(path)}: ${wordsFor(errno)}`, {
    cause: error,
    hint: HINTS[errno],
    facts: { errno, path },
  });
}

/** What a host may do to any file operation; other errnos there mean a mistake of ours. */
const HOST_ERRNOS = new Set([
  'ENOSPC',
  'EDQUOT',
  'EROFS',
  'EACCES',
  'EPERM',
  'EMFILE',
  'ENFILE',
  'EIO',
  'ENOMEM',
  'EINTR',
  'ELOOP',
  'EBUSY',
  'ETXTBSY',
  'EXDEV',
  'EMLINK',
  'ENAMETOOLONG',
  'ESTALE',
  'ENOSYS',
  'ENOTSUP',
]);

/** A system call that failed where nobody had words of their own for it; anything else comes back as it is. */
export function hostFailure(error: unknown): unknown {
  const errno = errnoOf(error);
  if (error instanceof AlprootError || errno === undefined || !HOST_ERRNOS.has(errno)) return error;
  const { syscall = 'use', path = 'a file' } = error as NodeJS.ErrnoException;
  return fileError(syscall, path, error);
}
