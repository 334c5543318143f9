/**
 * Who owns what, as the image has it. Without root nothing on disk can be given away, so the intended owners, the
 * set-id bits and the attributes that only root may set are kept beside the tree, by path.
 */
import type { TreePath } from '../core/paths.ts';
import type { TreeStat } from '../system/tree-stat.ts';

export interface OwnerRecord {
  readonly uid: number;
  readonly gid: number;
  /** Full permission bits when they differ from the disk's: set-id bits, or what only root may do. */
  readonly mode?: number;
  /** `security.capability` and others; values hold one character per byte. */
  readonly xattrs?: Readonly<Record<string, string>>;
}

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
export function ownedMode(path: TreePath, stat: TreeStat, { owners, real }: { owners: OwnerTable; real: boolean }): OwnedMode {
  const record = owners.get(path);
  const disk = real ? { uid: stat.uid, gid: stat.gid } : { uid: 0, gid: 0 };
  return { uid: record?.uid ?? disk.uid, gid: record?.gid ?? disk.gid, mode: record?.mode ?? stat.mode, xattrs: record?.xattrs ?? {} };
}

/** Forgets what lay at `path` and below it. */
export function forgetOwners(owners: OwnerTable, path: TreePath): void {
  for (const known of owners.keys()) if (known === path || known.startsWith(`${path}/`)) owners.delete(known);
}
