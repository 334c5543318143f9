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
import { TREE_ROOT, type HostPath } from '../../core/paths.ts';
import { openWorkTree } from './work-tree.ts';
import { fileError } from '../files/files.ts';

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
      const place = Buffer.concat([prefix, entry.name]);
      if (entry.isDirectory()) {
        removeEntries(place);
        rmdirSync(place);
      } else unlinkSync(place);
    }
  } finally {
    closeSync(fd);
  }
}

/** The same with a handful of descriptors, looking at each entry before; what may not be opened is opened up. */
function removeStepwise(path: HostPath): void {
  const tree = openWorkTree(path);
  try {
    tree.remove(TREE_ROOT);
  } finally {
    tree.close();
  }
}
