/** Everything in a tree with its metadata, parents before children, names sorted by bytes; no link is followed. */
import { lstatSync, readdirSync } from 'node:fs';
import { TREE_ROOT, type TreePath } from '../../core/paths.ts';
import { inside, type TreeDirectories } from '../files/tree-directories.ts';
import { statOf, type TreeStat } from './tree-stat.ts';

/** Called for each entry; whether to go into it, when it is a directory. */
export type TreeVisitor = (path: TreePath, stat: TreeStat) => boolean;

/** A name that is the same as text and as bytes. */
const PLAIN = /^[\x20-\x7e]+$/;

/** @throws Error with the errno of a directory that cannot be read; entries that vanish meanwhile are left out */
export function walkTree(directories: TreeDirectories, visit: TreeVisitor, path: TreePath = TREE_ROOT): void {
  const prefix = path === TREE_ROOT ? '' : `${path}/`;
  // Names of one directory are looked up in the same descriptor until the walk has been below it.
  let fd = directories.open(path);
  for (const name of readdirSync(`/proc/self/fd/${fd}`, { encoding: 'latin1' }).sort()) {
    const stat = lstatSync(PLAIN.test(name) ? `/proc/self/fd/${fd}/${name}` : inside(fd, name), {
      bigint: true,
      throwIfNoEntry: false,
    });
    if (stat === undefined) continue;
    const found = statOf(stat);
    const entry = (prefix + name) as TreePath;
    if (!visit(entry, found) || found.kind !== 'directory') continue;
    walkTree(directories, visit, entry);
    fd = directories.open(path);
  }
}
