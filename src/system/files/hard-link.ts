/**
 * A second name of a file, or a copy of it where there is no such thing: FAT, some file servers, hosts that forbid it.
 */
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  openSync,
} from 'node:fs';
import { errnoOf } from '../../core/errors.ts';

/** The file system has no links, the host forbids them, or the file has as many as it may. */
const CANNOT_LINK: ReadonlySet<string> = new Set(['EPERM', 'EACCES', 'ENOSYS', 'ENOTSUP', 'EMLINK', 'EXDEV']);

export const cannotLink = (error: unknown): boolean => CANNOT_LINK.has(errnoOf(error) ?? '');

/**
 * @param existing a path whose directories are checked; of it and of `target` the last component is not followed
 * @throws Error with the errno of the link when it can be neither linked nor copied
 */
export function linkOrCopy(existing: Buffer, target: Buffer): void {
  try {
    linkSync(existing, target);
  } catch (error) {
    if (!cannotLink(error) || !lstatSync(existing).isFile()) throw error;
    copyWhole(existing, target);
  }
}

/** With mode, times and, where it is another, owner. */
function copyWhole(existing: Buffer, target: Buffer): void {
  const fd = openSync(existing, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { uid, gid, mode, atimeMs, mtimeMs } = fstatSync(fd);
    copyFileSync(`/proc/self/fd/${fd}`, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    const made = lstatSync(target);
    if (made.uid !== uid || made.gid !== gid) lchownSync(target, uid, gid);
    chmodSync(target, mode & 0o7777);
    lutimesSync(target, atimeMs / 1000, mtimeMs / 1000);
  } finally {
    closeSync(fd);
  }
}
