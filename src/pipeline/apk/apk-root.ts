/**
 * `apk --root DIR`: a second root below the step's own. While it is worked on it lies outside of the tree, so that no
 * process of the sandbox can put a link in its place; the owners recorded below it go and come back with it.
 */
import { joinHost, joinTree, TREE_ROOT, type TreePath } from '../../core/paths.ts';
import type { OwnerTable } from '../../build/owners.ts';
import type { ApkArguments } from '../../solve/arguments.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { openWorkTree, type WorkTree } from '../../system/tree/work-tree.ts';
import { ensureDirectory, placeOf, readDatabase, writeDatabase } from '../../unpack/database.ts';
import { pathIn } from '../repository/local-packages.ts';
import type { Session } from '../session/session.ts';

export interface ApkRoot {
  readonly tree: WorkTree;
  readonly owners: OwnerTable;
}

/** What apk says of a directory that is not a root. */
const NO_DATABASE =
  'Unable to read database: No such file or directory\nERROR: Failed to open apk database: No such file or directory';

/** Where `--root` points in the tree; undefined for the tree itself. */
export function secondRoot(tree: WorkTree, { options }: ApkArguments, cwd: string): TreePath | undefined {
  const given = options.get('root')?.at(-1);
  const path = given === undefined ? TREE_ROOT : tree.resolve(pathIn(cwd, given));
  return path === TREE_ROOT ? undefined : path;
}

/**
 * Hands the root at `path` to `work`, made anew under `--initdb`.
 *
 * @returns apk's words when there is no root
 * @throws what `work` throws; the directory is in its place again
 */
export async function inSecondRoot<T>(
  session: Session,
  outer: ApkRoot,
  {
    path,
    create,
    work,
  }: { readonly path: TreePath; readonly create: boolean; readonly work: (root: ApkRoot) => Promise<T> },
): Promise<T | string> {
  const { tree } = outer;
  if (create) ensureDirectory(tree, path);
  if (tree.stat(path)?.kind !== 'directory') return NO_DATABASE;
  const staging = session.store.makeTemporary('apk-root');
  const place = joinHost(staging, 'root');
  tree.moveOut(path, place);
  const inner: ApkRoot = { tree: openWorkTree(place), owners: ownersBelow(outer.owners, path) };
  try {
    if (create) makeDatabase(inner.tree);
    else if (!hasDatabase(inner.tree)) return NO_DATABASE;
    return await work(inner);
  } finally {
    inner.tree.close();
    tree.moveIn(place, path);
    giveBack(outer.owners, path, inner.owners);
    removeTree(staging);
  }
}

const hasDatabase = (tree: WorkTree): boolean =>
  tree.stat(placeOf(tree, 'lib/apk/db/installed' as TreePath))?.kind === 'file';

/** The directories that apk makes, and an empty database. @see apk-tools 2.14 `apk_db_create` */
function makeDatabase(tree: WorkTree): void {
  for (const [name, mode] of [
    ['tmp', 0o1777],
    ['dev', 0o755],
    ['var/cache/misc', 0o755],
  ] as const) {
    const path = name as TreePath;
    if (tree.stat(tree.resolve(path)) === undefined) tree.setMode(ensureDirectory(tree, path), mode);
  }
  if (!hasDatabase(tree)) writeDatabase(tree, { ...readDatabase(tree), packages: [], scripts: [], triggers: [] });
}

function ownersBelow(owners: OwnerTable, path: TreePath): OwnerTable {
  return new Map(
    [...owners].flatMap(([at, record]) =>
      at.startsWith(`${path}/`) ? [[at.slice(path.length + 1) as TreePath, record]] : [],
    ),
  );
}

function giveBack(owners: OwnerTable, path: TreePath, inner: OwnerTable): void {
  for (const at of [...owners.keys()]) if (at.startsWith(`${path}/`)) owners.delete(at);
  for (const [at, record] of inner) owners.set(joinTree(path, at), record);
}
