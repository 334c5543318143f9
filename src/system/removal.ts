/** Removing a whole tree of ours, without ever following a link out of it. */
import { lstatSync, rmdirSync, unlinkSync } from 'node:fs';
import { errnoOf } from '../core/errors.ts';
import { TREE_ROOT, type HostPath } from '../core/paths.ts';
import { openWorkTree } from './work-tree.ts';
import { fileError } from './files.ts';

/** Removes `path` and all under it; nothing there is fine. @throws ALP_STORE_WRITE */
export function removeTree(path: HostPath): void {
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (!stat.isDirectory()) return unlinkSync(path);
    const tree = openWorkTree(path);
    try {
      tree.remove(TREE_ROOT);
    } finally {
      tree.close();
    }
    rmdirSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw fileError('remove', path, error);
  }
}
