/**
 * Files and directories that the user named. Links are followed; what is not there is the user's mistake, what is
 * there and cannot be read is the host's.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { AlprootError, errnoOf } from '../../core/errors.ts';
import type { HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { fileError } from '../../core/file-error.ts';
import { isDirectory, isTaken } from './host-paths.ts';

export interface NamedFile {
  /** What it should be: a bundle, a linker map. */
  readonly what?: string;
  readonly hint?: string | undefined;
}

const ABSENT = ['ENOENT', 'ENOTDIR'];

/**
 * A descriptor of a regular file, for the caller to close.
 *
 * @throws ALP_USAGE_ARGUMENT when there is none, or it is something else; ALP_FILE_READ with the errno
 */
export function openNamedFile(path: HostPath, { what = 'file', hint }: NamedFile = {}): number {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (!ABSENT.includes(errnoOf(error) ?? '')) throw fileError('read', path, error);
    throw new AlprootError('ALP_USAGE_ARGUMENT', `there is no ${what} ${quoteName(path)}`, {
      hint: isTaken(path) ? 'it is a link to something that is not there' : hint,
      facts: { path },
    });
  }
  const stat = fstatSync(fd);
  if (stat.isFile()) return fd;
  closeSync(fd);
  throw new AlprootError(
    'ALP_USAGE_ARGUMENT',
    `${quoteName(path)} is ${stat.isDirectory() ? 'a directory' : 'a device, a pipe or a socket'}, not a ${what}`,
    { hint, facts: { path } },
  );
}

/**
 * @param what what it is for: `a directory of .apk files`
 * @throws ALP_USAGE_ARGUMENT when there is no such directory
 */
export function requireDirectory(path: HostPath, what: string): void {
  if (isDirectory(path)) return;
  const why = isTaken(path) ? `${quoteName(path)} is not a directory` : `there is no directory ${quoteName(path)}`;
  throw new AlprootError('ALP_USAGE_ARGUMENT', why, { hint: `expected ${what}`, facts: { path } });
}
