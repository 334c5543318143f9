/** What is known of an entry of a tree, and where its links lead when the tree's root is the root of everything. */
import type { BigIntStats } from 'node:fs';
import { AlprootError } from '../../core/errors.ts';
import { joinTree, parentOf, TREE_ROOT, type TreePath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';

export type TreeEntryKind = 'file' | 'directory' | 'symlink' | 'other';

export interface TreeStat {
  readonly kind: TreeEntryKind;
  /** Permission bits, 07777. */
  readonly mode: number;
  readonly sizeBytes: number;
  /** Seconds since 1970, with a fraction. */
  readonly mtime: number;
  readonly uid: number;
  readonly gid: number;
  readonly ino: number;
  readonly linkCount: number;
  /** Equal as long as nothing about the entry or its content has changed. */
  readonly signature: string;
}

const MAX_LINKS = 40;

function entryKindOf(stat: BigIntStats): TreeEntryKind {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  return stat.isSymbolicLink() ? 'symlink' : 'other';
}

/** From lstat. */
export function statOf(stat: BigIntStats): TreeStat {
  const kind = entryKindOf(stat);
  // A directory's size and times follow its entries, which are compared on their own.
  const content = kind === 'directory' ? '' : `${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}:${stat.ino}`;
  return {
    kind,
    mode: Number(stat.mode & 0o7777n),
    sizeBytes: Number(stat.size),
    mtime: Number(stat.mtimeNs / 1_000_000n) / 1000,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    ino: Number(stat.ino),
    linkCount: Number(stat.nlink),
    signature: `${stat.mode}:${stat.uid}:${stat.gid}:${content}`,
  };
}

interface Resolver {
  readonly followLast: boolean;
  readonly stat: (path: TreePath) => TreeStat | undefined;
  readonly readLink: (path: TreePath) => string;
}

/**
 * The path with its links resolved inside the tree; `..` of the root is the root.
 *
 * @throws ALP_UNPACK_LINK after 40 links
 */
export function resolveInTree(path: TreePath, { followLast, stat, readLink }: Resolver): TreePath {
  let left = path.split('/').filter((part) => part !== '');
  let done = TREE_ROOT;
  for (let links = 0; left.length > 0;) {
    const [part = '', ...rest] = left;
    left = rest;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      done = parentOf(done);
      continue;
    }
    const next = joinTree(done, part);
    if ((left.length > 0 || followLast) && stat(next)?.kind === 'symlink') {
      if (++links > MAX_LINKS)
        throw new AlprootError('ALP_UNPACK_LINK', `too many links on the way to ${quoteName(path)}`);
      const target = readLink(next);
      if (target.startsWith('/')) done = TREE_ROOT;
      left = [...target.split('/'), ...left];
    } else done = next;
  }
  return done;
}
