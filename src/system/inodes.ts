/** The identity of every entry of a tree, for records that are kept by inode. Links are not followed. */
import { lstatSync, readdirSync, type BigIntStats } from 'node:fs';
import { errnoOf } from '../core/errors.ts';
import { joinTree, TREE_ROOT, type HostPath, type TreePath } from '../core/paths.ts';

export interface InodeEntry {
  readonly path: TreePath;
  readonly dev: bigint;
  readonly ino: bigint;
  /** Nanoseconds since 1970; 0 where the file system does not keep it. */
  readonly birth: bigint;
  readonly kind: 'directory' | 'file' | 'other';
}

const inTree = (root: HostPath, path: TreePath): Buffer => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, 'latin1')]);

const entryOf = (path: TreePath, stat: BigIntStats): InodeEntry =>
  ({ path, dev: stat.dev, ino: stat.ino, birth: stat.birthtimeNs, kind: stat.isDirectory() ? 'directory' : stat.isFile() ? 'file' : 'other' });

/** One entry; undefined when there is none. */
export function inodeOf(root: HostPath, path: TreePath): InodeEntry | undefined {
  try {
    return entryOf(path, lstatSync(inTree(root, path), { bigint: true }));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** The root and all below it; what may not be read, or goes away meanwhile, is left out. */
export function* inodesOf(root: HostPath): Generator<InodeEntry> {
  const waiting = [TREE_ROOT];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const entry = inodeOf(root, path);
    if (entry === undefined) continue;
    yield entry;
    if (entry.kind === 'directory') for (const name of namesIn(root, path)) waiting.push(joinTree(path, name));
  }
}

function namesIn(root: HostPath, path: TreePath): string[] {
  try {
    return readdirSync(inTree(root, path), { encoding: 'latin1' });
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(errnoOf(error) ?? '')) return [];
    throw error;
  }
}
