/** The identity of every entry of a tree, for records that are kept by inode. Links are not followed. */
import { lstatSync, readdirSync, type BigIntStats } from 'node:fs';
import { errnoOf } from '../../core/errors.ts';
import { joinTree, TREE_ROOT, type HostPath, type TreePath } from '../../core/paths.ts';

export interface InodeEntry {
  readonly path: TreePath;
  readonly dev: bigint;
  readonly ino: bigint;
  /** Nanoseconds since 1970; 0 where the file system does not keep it. */
  readonly birth: bigint;
  readonly kind: 'directory' | 'file' | 'other';
  /** Permission bits, 07777. */
  readonly mode: number;
}

const inTree = (root: HostPath, path: TreePath): Buffer =>
  Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, 'latin1')]);

function kindOf(stat: BigIntStats): InodeEntry['kind'] {
  if (stat.isDirectory()) return 'directory';
  return stat.isFile() ? 'file' : 'other';
}

const entryOf = (path: TreePath, stat: BigIntStats): InodeEntry => ({
  path,
  dev: stat.dev,
  ino: stat.ino,
  birth: stat.birthtimeNs,
  kind: kindOf(stat),
  mode: Number(stat.mode & 0o7777n),
});

/** One entry; undefined when there is none. */
export function inodeOf(root: HostPath, path: TreePath): InodeEntry | undefined {
  try {
    return entryOf(path, lstatSync(inTree(root, path), { bigint: true }));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** A directory whose own user can neither list it nor go through it. */
export const isClosed = ({ kind, mode }: Pick<InodeEntry, 'kind' | 'mode'>): boolean =>
  kind === 'directory' && (mode & 0o500) !== 0o500;

/**
 * The root and all below it; what may not be read, or goes away meanwhile, is left out.
 *
 * @param unlock called for each closed directory before it is read
 */
export function* inodesOf(root: HostPath, unlock?: (path: TreePath, mode: number) => void): Generator<InodeEntry> {
  const waiting = [TREE_ROOT];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const entry = inodeOf(root, path);
    if (entry === undefined) continue;
    yield entry;
    if (isClosed(entry)) unlock?.(path, entry.mode);
    if (entry.kind === 'directory') for (const name of sortedNames(root, path)) waiting.push(joinTree(path, name));
  }
}

function sortedNames(root: HostPath, path: TreePath): string[] {
  try {
    return readdirSync(inTree(root, path), { encoding: 'latin1' });
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(errnoOf(error) ?? '')) return [];
    throw error;
  }
}
