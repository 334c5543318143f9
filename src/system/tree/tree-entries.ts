/** Entries of a tree by name: what they are, and how they are made, renamed, changed and removed. */
import {
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { errnoOf } from '../../core/errors.ts';
import { joinTree, TREE_ROOT, type HostPath, type TreePath } from '../../core/paths.ts';
import { linkOrCopy } from '../files/hard-link.ts';
import { setEntryMode } from '../files/tree-directories.ts';
import { attempt, entryPathOf, holdEntry, treeError, type TreeRoot } from './tree-root.ts';
import { resolveInTree, statOf, type TreeStat } from './tree-stat.ts';
import { walkTree, type TreeVisitor } from './tree-walk.ts';

export interface TreeEntries {
  /** undefined when there is nothing of that name. Links are not followed. */
  readonly stat: (path: TreePath) => TreeStat | undefined;
  /** Everything below the root, see walkTree. */
  readonly walk: (visit: TreeVisitor) => void;
  /** Names in a directory, sorted, one character per byte. */
  readonly list: (path: TreePath) => string[];
  readonly readLink: (path: TreePath) => string;
  /**
   * Where a path leads when links are followed inside the tree; the last one only with `followLast`. Need not exist.
   */
  readonly resolve: (path: TreePath, options?: { readonly followLast?: boolean }) => TreePath;
  /** Replaces whatever has the new name, a directory excepted. Both in the tree. */
  readonly rename: (from: TreePath, to: TreePath) => void;
  /**
   * Moves an entry out of the tree to a path of the host on the same file system, where no process of a sandbox sees
   * it.
   */
  readonly moveOut: (path: TreePath, to: HostPath) => void;
  /** Moves back what was moved out; whatever has the name by now goes, unless it is a directory that is not empty. */
  readonly moveIn: (from: HostPath, path: TreePath) => void;
  readonly makeDirectory: (path: TreePath, mode: number) => void;
  readonly makeSymlink: (path: TreePath, target: string) => void;
  /** A copy where the file system has no links, or no more of them. */
  readonly makeHardLink: (path: TreePath, existing: TreePath) => void;
  /** With all that is in it; links are removed, not followed. Nothing there is fine. */
  readonly remove: (path: TreePath) => void;
  readonly setMode: (path: TreePath, mode: number) => void;
  readonly setTime: (path: TreePath, seconds: number) => void;
  /** As root only. */
  readonly setOwner: (path: TreePath, owner: { readonly uid: number; readonly gid: number }) => void;
}

export const treeEntries = (tree: TreeRoot): TreeEntries => ({
  stat: (path) => statEntry(tree, path),
  walk: (visit) => walkEntries(tree, visit),
  list: (path) => listNames(tree, path),
  readLink: (path) => readLinkOf(tree, path),
  resolve: (path, { followLast = true } = {}) =>
    resolveInTree(path, {
      followLast,
      stat: (entry) => statEntry(tree, entry),
      readLink: (link) => readLinkOf(tree, link),
    }),
  rename: (from, to) => renameEntry(tree, from, to),
  moveOut: (path, to) => {
    attempt(tree, 'move', path, (source) => renameSync(source, to));
    tree.directories.forget(path);
  },
  moveIn: (from, path) => {
    attempt(tree, 'move', path, (target) => renameSync(from, target));
    tree.directories.forget(path);
  },
  makeDirectory: (path, mode) => {
    attempt(tree, 'make', path, (target) => mkdirSync(target, 0o700));
    changeMode(tree, path, mode);
  },
  makeSymlink: (path, target) =>
    attempt(tree, 'link', path, (link) => symlinkSync(Buffer.from(target, 'latin1'), link)),
  makeHardLink: (path, existing) => linkEntry(tree, path, existing),
  remove: (path) => removeEntry(tree, path),
  setMode: (path, mode) => changeMode(tree, path, mode),
  setTime: (path, seconds) => attempt(tree, 'change', path, (target) => lutimesSync(target, seconds, seconds)),
  setOwner: (path, { uid, gid }) => attempt(tree, 'change', path, (target) => lchownSync(target, uid, gid)),
});

export function statEntry(tree: TreeRoot, path: TreePath): TreeStat | undefined {
  try {
    return statOf(lstatSync(entryPathOf(tree, path), { bigint: true }));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined;
    throw treeError('read', path, error);
  }
}

function listNames({ directories }: TreeRoot, path: TreePath): string[] {
  try {
    return readdirSync(`/proc/self/fd/${directories.open(path)}`, { encoding: 'latin1' }).sort();
  } catch (error) {
    throw treeError('list', path, error);
  }
}

function walkEntries({ directories }: TreeRoot, visit: TreeVisitor): void {
  let at = TREE_ROOT;
  try {
    walkTree(directories, (path, found) => visit((at = path), found));
  } catch (error) {
    throw treeError('walk', at, error);
  }
}

const readLinkOf = (tree: TreeRoot, path: TreePath): string =>
  attempt(tree, 'read', path, (target) => readlinkSync(target, { encoding: 'latin1' }));

export const changeMode = (tree: TreeRoot, path: TreePath, mode: number): void =>
  attempt(tree, 'change', path, (target) => setEntryMode(target, mode));

function renameEntry(tree: TreeRoot, from: TreePath, to: TreePath): void {
  holdEntry(tree, 'rename', from, (source) => {
    attempt(tree, 'rename', to, (target) => renameSync(source, target));
    tree.directories.forget(from);
    tree.directories.forget(to);
  });
}

function linkEntry(tree: TreeRoot, path: TreePath, existing: TreePath): void {
  tree.changes = undefined;
  holdEntry(tree, 'link', existing, (source) => attempt(tree, 'link', path, (target) => linkOrCopy(source, target)));
}

function removeEntry(tree: TreeRoot, path: TreePath): void {
  const found = statEntry(tree, path);
  if (found === undefined) return;
  if (found.kind !== 'directory') {
    if (found.linkCount > 1) tree.changes = undefined;
    return attempt(tree, 'remove', path, (target) => unlinkSync(target));
  }
  if ((found.mode & 0o700) !== 0o700) changeMode(tree, path, found.mode | 0o700);
  for (const child of listNames(tree, path)) removeEntry(tree, joinTree(path, child));
  tree.directories.forget(path);
  if (path !== TREE_ROOT) attempt(tree, 'remove', path, (target) => rmdirSync(target));
}
