/**
 * Owner and mode of directories that several packages share. A directory that somebody changed by hand is left as
 * it is; one that is as the packages wanted it gets, at the end of the run, what they want now.
 *
 * @see apk-tools 2.14 `apk_db_dir_prepare`, `apk_db_update_directory_permissions`
 */
import { joinTree, nameOf, parentOf, TREE_ROOT, type TreePath } from '../core/paths.ts';
import type { Acl } from '../formats/apk/installed-db.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';
import type { OwnerPolicy } from './minirootfs-unpack.ts';
import {
  agreedAcl,
  releaseDirectory,
  sharedDirectory,
  type InstallState,
  type LiveDirectory,
  type SharedDirectory,
} from './tree-state.ts';
import type { Undo } from './undo.ts';

export interface DirectoryContext {
  readonly tree: WorkTree;
  readonly state: InstallState;
  readonly owners: OwnerPolicy;
  readonly undo: Undo;
}

/** Without root, a directory must stay one that its owner can use; what was asked for is in the database. */
const directoryMode = (mode: number, owners: OwnerPolicy): number =>
  owners === 'apply' ? mode : (mode & 0o1777) | 0o700;

/**
 * A package's directory comes into the tree.
 *
 * @param actual where it is, when a link stands at its path
 */
export function addDirectory(directory: LiveDirectory, actual: TreePath, context: DirectoryContext): void {
  const { tree, state, owners, undo } = context;
  const shared = sharedDirectory(state, directory.path);
  if (tree.stat(actual) !== undefined)
    return checkOnce(
      shared,
      shared.members.filter((member) => member !== directory),
      actual,
      context,
    );
  tree.makeDirectory(actual, directoryMode(directory.acl.mode, owners));
  undo.made(actual);
  shared.prepared = shared.mayChange = true;
}

/** Checks, once a run, whether the directory is as `members` wanted it. */
function checkOnce(
  shared: SharedDirectory,
  members: readonly LiveDirectory[],
  actual: TreePath,
  { tree, owners }: DirectoryContext,
): void {
  if (shared.prepared || shared.path === TREE_ROOT) return;
  const found = tree.stat(actual);
  if (found === undefined) return;
  const wanted = agreedAcl(members);
  shared.prepared = true;
  shared.mayChange = found.kind === 'directory' && wanted !== undefined && isAsWanted(found, wanted, owners);
}

const isAsWanted = (found: Acl, wanted: Acl, owners: OwnerPolicy): boolean =>
  found.mode === directoryMode(wanted.mode, owners) &&
  (owners === 'record' || (found.uid === wanted.uid && found.gid === wanted.gid));

/** A package gives a directory up; when nobody else has it, it goes if it is empty. */
export function leaveDirectory(directory: LiveDirectory, context: DirectoryContext): void {
  const { tree, state, undo } = context;
  const shared = sharedDirectory(state, directory.path);
  checkOnce(shared, shared.members, actualPath(tree, directory.path) ?? directory.path, context);
  shared.members.splice(shared.members.indexOf(directory), 1);
  releaseDirectory(state, directory.path, (path) => {
    const actual = actualPath(tree, path);
    if (actual !== undefined && tree.list(actual).length === 0) undo.removeDirectory(actual);
  });
}

/** Gives every directory that may be changed the owner and mode that its packages agree on. */
export function settleDirectories(context: DirectoryContext): void {
  const { tree, state, owners, undo } = context;
  for (const { path, members, mayChange } of state.directories.values()) {
    const wanted = mayChange ? agreedAcl(members) : undefined;
    const actual = wanted === undefined ? undefined : actualPath(tree, path);
    const found = actual === undefined ? undefined : tree.stat(actual);
    if (wanted === undefined || actual === undefined || found === undefined || isAsWanted(found, wanted, owners))
      continue;
    undo.keepAcl(actual);
    if (owners === 'apply') tree.setOwner(actual, wanted);
    tree.setMode(actual, directoryMode(wanted.mode, owners));
  }
}

/** A directory itself, not a link to one; undefined when it is not there. */
function actualPath(tree: WorkTree, path: TreePath): TreePath | undefined {
  if (path === TREE_ROOT) return undefined;
  const actual = joinTree(tree.resolve(parentOf(path)), nameOf(path));
  return tree.stat(actual)?.kind === 'directory' ? actual : undefined;
}
