/**
 * Who owns what, as the image has it. Without root nothing on disk can be given away, so the intended owners, the
 * set-id bits and the attributes that only root may set are kept beside the tree, by path.
 */
import type { TreePath } from '../core/paths.ts';
import type { FileOwner } from '../core/run-description.ts';
import type { TreeStat } from '../system/tree/tree-stat.ts';

/** Owner, full mode where the disk cannot have it, and attributes such as `security.capability`. */
export type OwnerRecord = FileOwner;

/** By path; nothing recorded means root's, 0:0, with the mode on disk. */
export type OwnerTable = Map<TreePath, OwnerRecord>;

export interface OwnedMode {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly xattrs: Readonly<Record<string, string>>;
}

/**
 * Owner and mode of an entry.
 *
 * @param real whether the disk's owners are the image's: a build by root
 */
export function ownedMode(
  path: TreePath,
  stat: TreeStat,
  { owners, real }: { owners: OwnerTable; real: boolean },
): OwnedMode {
  const record = owners.get(path);
  const disk = real ? { uid: stat.uid, gid: stat.gid } : { uid: 0, gid: 0 };
  return {
    uid: record?.uid ?? disk.uid,
    gid: record?.gid ?? disk.gid,
    mode: record?.mode ?? stat.mode,
    xattrs: record?.xattrs ?? {},
  };
}

/**
 * Whether a mode has to be kept beside an ordinary user's tree: set-id bits mean nothing good on disk there, and a
 * directory must stay open to whoever builds, who, other than root, does not get in everywhere.
 */
export const isBeyondDisk = (mode: number, kind: TreeStat['kind']): boolean =>
  (mode & 0o6000) !== 0 || (kind === 'directory' && (mode & 0o700) !== 0o700);

/** What the disk gets of such a mode. */
export const diskMode = (mode: number, kind: TreeStat['kind']): number =>
  (mode & 0o1777) | (kind === 'directory' ? 0o700 : 0);

/** Forgets what lay at `path` and below it. */
export function forgetOwners(owners: OwnerTable, path: TreePath): void {
  for (const known of owners.keys()) if (known === path || known.startsWith(`${path}/`)) owners.delete(known);
}
