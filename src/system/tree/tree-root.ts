/**
 * The root of a tree that others write to as well, and the one way to an entry of it: from the root's descriptor, one
 * component at a time, without following links.
 */
import { closeSync, openSync } from 'node:fs';
import { AlprootError, errnoOf } from '../../core/errors.ts';
import { HINTS } from '../../core/file-error.ts';
import { nameOf, parentOf, TREE_ROOT, type HostPath, type TreePath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { DIRECTORY_FLAGS, inside, type TreeDirectories } from '../files/tree-directories.ts';

export interface TreeRoot {
  readonly path: HostPath;
  readonly fd: number;
  readonly directories: TreeDirectories;
  /** What was made, changed or removed; undefined when that is not all that has changed. */
  changes: Set<TreePath> | undefined;
}

/** What is done to an entry, as messages say it. */
type Verb = 'read' | 'list' | 'walk' | 'write' | 'remove' | 'change' | 'make' | 'link' | 'rename' | 'move';
/** Of these one path does not tell what has changed. */
const WHOLE: ReadonlySet<Verb> = new Set(['rename', 'move']);

export function treeError(verb: Verb, path: TreePath, error: unknown): AlprootError {
  const errno = errnoOf(error);
  if (error instanceof AlprootError || errno === undefined) throw error;
  return new AlprootError('ALP_UNPACK_WRITE', `cannot ${verb} ${quoteName(path)} in the tree: ${errno}`, {
    cause: error,
    hint: HINTS[errno],
    facts: { errno },
  });
}

/** A path of the host that names the entry, valid until the next directory of the tree is opened. */
export const entryPathOf = ({ fd, directories }: TreeRoot, path: TreePath): Buffer =>
  path === TREE_ROOT ? Buffer.from(`/proc/self/fd/${fd}/.`) : inside(directories.open(parentOf(path)), nameOf(path));

/** Does one thing to an entry, and notes the change. @throws ALP_UNPACK_WRITE with the errno and the path */
export function attempt<T>(tree: TreeRoot, verb: Verb, path: TreePath, work: (entry: Buffer) => T): T {
  if (WHOLE.has(verb)) tree.changes = undefined;
  else if (verb !== 'read') tree.changes?.add(path);
  try {
    return work(entryPathOf(tree, path));
  } catch (error) {
    throw treeError(verb, path, error);
  }
}

/** Hands an entry to work that opens other directories of the tree as well. */
export function holdEntry(tree: TreeRoot, verb: Verb, path: TreePath, work: (entry: Buffer) => void): void {
  const fd = attempt(tree, verb, path, () =>
    openSync(`/proc/self/fd/${tree.directories.open(parentOf(path))}/.`, DIRECTORY_FLAGS),
  );
  try {
    work(inside(fd, nameOf(path)));
  } finally {
    closeSync(fd);
  }
}
