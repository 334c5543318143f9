/** Which package a file of a tree belongs to. */
import type { PackageRecord } from '../core/package.ts';
import { joinTree, type TreePath } from '../core/paths.ts';
import type { InstalledEntry } from '../formats/apk/installed-db.ts';

export interface FileOwnership {
  readonly record: PackageRecord;
  readonly path: TreePath;
  /** The path itself is nobody's; what its links lead to is the package's. */
  readonly isTarget: boolean;
}

const owns = ({ directories }: InstalledEntry, path: string): boolean =>
  directories.some(
    (directory) =>
      path.startsWith(directory.path) && directory.files.some(({ name }) => joinTree(directory.path, name) === path),
  );

/**
 * The owner of `path`, by its name or else by where its links lead.
 *
 * @param follow the path with the tree's links followed
 * @see apk-tools 3.0 src/query.c apk_query_who_owns
 */
export function findPackageOwner(
  installed: readonly InstalledEntry[],
  path: string,
  follow: (path: string) => TreePath,
): FileOwnership | undefined {
  const plain = path.replace(/\/+/g, '/').replace(/^\//, '').replace(/\/$/, '') as TreePath;
  const own = installed.find((entry) => owns(entry, plain));
  if (own !== undefined) return { record: own.record, path: plain, isTarget: false };
  const target = follow(path);
  const other = installed.find((entry) => owns(entry, target));
  return other === undefined ? undefined : { record: other.record, path: target, isTarget: true };
}
