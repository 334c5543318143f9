/** Between records by inode, which a sandbox keeps, and owners by path, which a build keeps. */
import { AlprootError } from '../../core/errors.ts';
import { TREE_ROOT, type HostPath, type TreePath } from '../../core/paths.ts';
import type { FileOwner } from '../../core/run-description.ts';
import { inodeOf, inodesOf, isClosed } from '../../system/tree/inodes.ts';
import type { OwnerSlot, RecordsHeader } from './ownership-database.ts';

const CAPABILITY = 'security.capability';

/** What the table says, for the inodes that bear its paths now; names of one inode agree, the last one counts. */
export function seedSlots(tree: HostPath, owners: ReadonlyMap<TreePath, FileOwner>): OwnerSlot[] {
  const slots = new Map<string, OwnerSlot>();
  for (const [path, { uid, gid, mode, xattrs }] of owners) {
    const entry = inodeOf(tree, path);
    if (entry === undefined) continue;
    const { dev, ino, birth } = entry;
    const capability = xattrs?.[CAPABILITY];
    slots.set(`${dev}:${ino}`, {
      dev,
      ino,
      birth,
      owner: { uid, gid },
      ...(mode === undefined ? {} : { mode }),
      ...(capability === undefined ? {} : { capability: Buffer.from(capability, 'latin1') }),
    });
  }
  return [...slots.values()];
}

/**
 * Brings the table up to date after a command. Directories that are closed to their owner are opened to us on disk;
 * the table then has their mode.
 *
 * @param options.seeded paths that the records were made from: of these, what has no record any more is gone
 */
export function absorbSlots(
  tree: HostPath,
  owners: Map<TreePath, FileOwner>,
  {
    slots,
    header,
    seeded,
    setMode,
  }: {
    readonly slots: readonly OwnerSlot[];
    readonly header: RecordsHeader;
    readonly seeded: ReadonlySet<TreePath>;
    readonly setMode: (path: TreePath, mode: number) => void;
  },
): void {
  const before = new Map(owners);
  const byInode = new Map(slots.map((slot) => [`${slot.dev}:${slot.ino}`, slot]));
  owners.clear();
  for (const { path, dev, ino, birth, kind, mode } of inodesOf(tree, (locked, bits) =>
    setMode(locked, bits | 0o700),
  )) {
    const slot = byInode.get(`${dev}:${ino}`);
    const known = slot !== undefined && (slot.birth === 0n || birth === 0n || slot.birth === birth) ? slot : undefined;
    const born = birth >= header.start ? { uid: header.uid, gid: header.gid } : { uid: 0, gid: 0 };
    // Recorded by another hand while the command ran: packages that it asked for.
    const other = seeded.has(path) ? undefined : before.get(path);
    const recorded: FileOwner =
      known === undefined ? (other ?? born) : ownerOf(known, { born, before: before.get(path) });
    const record =
      isClosed({ kind, mode }) && path !== TREE_ROOT && recorded.mode === undefined ? { ...recorded, mode } : recorded;
    if (!isPlain(record)) owners.set(path, record);
  }
}

function ownerOf(
  { owner, mode, capability }: OwnerSlot,
  { born, before }: { readonly born: FileOwner; readonly before: FileOwner | undefined },
): FileOwner {
  const { [CAPABILITY]: _, ...others } = before?.xattrs ?? {};
  const xattrs = {
    ...others,
    ...(capability === undefined ? {} : { [CAPABILITY]: Buffer.from(capability).toString('latin1') }),
  };
  const { uid, gid } = owner ?? born;
  return {
    uid,
    gid,
    ...(mode === undefined ? {} : { mode }),
    ...(Object.keys(xattrs).length === 0 ? {} : { xattrs }),
  };
}

const isPlain = ({ uid, gid, mode, xattrs }: FileOwner): boolean =>
  uid === 0 && gid === 0 && mode === undefined && xattrs === undefined;

/** @throws ALP_RUN_OWNERS for ids that no record can hold */
export function requireIds({ uid, gid }: { readonly uid: number; readonly gid: number }): void {
  if ([uid, gid].every((id) => Number.isInteger(id) && id >= 0 && id < 2 ** 32 - 1)) return;
  throw new AlprootError('ALP_RUN_OWNERS', `user ${uid}:${gid} is out of range`);
}
