/**
 * Removing a whole tree of ours, without ever following a link out of it: every directory is opened as none but a
 * directory, and what is in it is removed by way of that descriptor.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { errnoOf } from '../../core/errors.ts';
import { fileError } from '../../core/file-error.ts';
import { joinTree, nameOf, parentOf, TREE_ROOT, type HostPath, type TreePath } from '../../core/paths.ts';
import { DIRECTORY_FLAGS, inside, openDirectories, setEntryMode, type TreeDirectories } from './tree-directories.ts';

/** Removes `path` and all under it; nothing there is fine. @throws ALP_FILE_WRITE */
export function removeTree(path: HostPath): void {
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (!stat.isDirectory()) return unlinkSync(path);
    try {
      removeEntries(Buffer.from(path));
    } catch (error) {
      if (!SLOWLY.has(errnoOf(error) ?? '')) throw error;
      removeStepwise(path);
    }
    rmdirSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw fileError('remove', path, error);
  }
}

/**
 * No descriptor left for another level; a directory that may not be opened; an entry that became another kind
 * meanwhile.
 */
const SLOWLY: ReadonlySet<string> = new Set([
  'EMFILE',
  'ENFILE',
  'EACCES',
  'EPERM',
  'EISDIR',
  'ENOTDIR',
  'ELOOP',
  'ENOTEMPTY',
  'ENOENT',
]);

/** One call for each entry; a descriptor for each level. */
function removeEntries(directory: Buffer): void {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const { mode } = fstatSync(fd);
    if ((mode & 0o700) !== 0o700) fchmodSync(fd, (mode & 0o7777) | 0o700);
    const prefix = Buffer.from(`/proc/self/fd/${fd}/`);
    for (const entry of readdirSync(`/proc/self/fd/${fd}`, { withFileTypes: true, encoding: 'buffer' })) {
      const entryPath = Buffer.concat([prefix, entry.name]);
      if (entry.isDirectory()) {
        removeEntries(entryPath);
        rmdirSync(entryPath);
      } else unlinkSync(entryPath);
    }
  } finally {
    closeSync(fd);
  }
}

/** The same with a handful of descriptors, and an lstat for each entry; closed directories are opened up. */
function removeStepwise(path: HostPath): void {
  const rootFd = openSync(path, DIRECTORY_FLAGS);
  const directories = openDirectories(rootFd);
  try {
    if ((fstatSync(rootFd).mode & 0o700) !== 0o700) fchmodSync(rootFd, 0o700);
    removeBelow(directories, TREE_ROOT);
  } finally {
    directories.forget(TREE_ROOT);
    closeSync(rootFd);
  }
}

function removeBelow(directories: TreeDirectories, path: TreePath): void {
  for (const name of readdirSync(`/proc/self/fd/${directories.open(path)}`, { encoding: 'latin1' }))
    removeEntry(directories, joinTree(path, name));
  directories.forget(path);
}

function removeEntry(directories: TreeDirectories, path: TreePath): void {
  const entry = (): Buffer => inside(directories.open(parentOf(path)), nameOf(path));
  const stat = lstatSync(entry(), { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) return unlinkSync(entry());
  if ((stat.mode & 0o700) !== 0o700) setEntryMode(entry(), (stat.mode & 0o7777) | 0o700);
  removeBelow(directories, path);
  rmdirSync(entry());
}
