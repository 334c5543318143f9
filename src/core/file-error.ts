/**
 * A system call on files that failed, in our own words. Which files they are, the user's or the store's, is told by
 * whoever knows where the store is.
 */
import { getSystemErrorMap } from 'node:util';
import { AlprootError, errnoOf } from './errors.ts';
import { quoteName } from './redact.ts';

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
  EIO:
    'its disk, or the file system, has failed: see the kernel log, and use another copy or place; ' +
    'ALPROOT_CACHE says where the store is',
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
