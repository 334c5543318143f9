/**
 * The directories of a tree, each opened from the one above it, without following links. Those on the way to the last
 * one stay open while synchronous work goes on, since neighbours come one after another; what runs between may move
 * directories, so nothing stays open beyond it.
 */
import { chmodSync, closeSync, constants, fstatSync, openSync } from 'node:fs';
import { TREE_ROOT, type TreePath } from '../../core/paths.ts';

export interface TreeDirectories {
  /**
   * A descriptor of the directory, valid until the next call.
   *
   * @throws Error with the errno of the component that cannot be opened
   */
  readonly open: (path: TreePath) => number;
  /** Closes what is open at or below `path`: it is about to go, or has gone. */
  readonly forget: (path: TreePath) => void;
}

interface Opened {
  readonly path: TreePath;
  readonly fd: number;
}

export const DIRECTORY_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Linux's O_PATH, which Node has no name for: a descriptor that only names. */
const O_PATH = 0o10000000;
/** Descriptors that one tree keeps at most; of deeper paths those in between are closed. */
const KEPT = 12;

/** A path of the host that names an entry of an open directory. */
export const inside = (fd: number, part: string): Buffer => Buffer.from(`/proc/self/fd/${fd}/${part}`, 'latin1');

/** Sets the mode of an entry that is not a link. @throws Error with the errno */
export function setEntryMode(entry: Buffer, mode: number): void {
  const fd = openSync(entry, O_PATH | constants.O_NOFOLLOW);
  try {
    if (!fstatSync(fd).isSymbolicLink()) chmodSync(`/proc/self/fd/${fd}`, mode);
  } finally {
    closeSync(fd);
  }
}

/** @param rootFd of the tree's root, which the caller closes */
export function openDirectories(rootFd: number): TreeDirectories {
  /** Each within the one before. */
  const chain: Opened[] = [];
  let isExpiring = false;

  function closeTo(count: number): void {
    for (const { fd } of chain.splice(count)) closeSync(fd);
  }

  function expire(): void {
    isExpiring = false;
    closeTo(0);
  }

  function step(path: TreePath, part: string): void {
    const fd = openSync(inside(chain.at(-1)?.fd ?? rootFd, part), DIRECTORY_FLAGS);
    if (chain.length === KEPT) closeTo(KEPT - 1);
    chain.push({ path, fd });
    if (isExpiring) return;
    isExpiring = true;
    queueMicrotask(expire);
  }

  return {
    open: (path) => {
      while (chain.length > 0 && !isWithin(path, chain.at(-1)?.path ?? TREE_ROOT)) closeTo(chain.length - 1);
      const from = chain.at(-1)?.path ?? TREE_ROOT;
      for (let at = from === TREE_ROOT ? 0 : from.length + 1; at < path.length;) {
        const slash = path.indexOf('/', at);
        const end = slash < 0 ? path.length : slash;
        step(path.slice(0, end) as TreePath, path.slice(at, end));
        at = end + 1;
      }
      return chain.at(-1)?.fd ?? rootFd;
    },
    forget: (path) => {
      const first = chain.findIndex((opened) => isWithin(opened.path, path));
      if (first >= 0) closeTo(first);
    },
  };
}

const isWithin = (path: TreePath, directory: TreePath): boolean =>
  directory === TREE_ROOT || path === directory || path.startsWith(`${directory}/`);
