/**
 * Whether a file system is one machine's alone, and in which start of it: what an earlier start left there is
 * nobody's.
 */
import { statfsSync } from 'node:fs';
import { bootId, BOOT_ID } from '../process/boot.ts';

/**
 * On a disk or in memory: of these one kernel at a time has one mounted. Of networks and shared directories several
 * have.
 */
const LOCAL: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0xf2f52010, 'f2fs'],
  [0xca451a4e, 'bcachefs'],
  [0x2fc12fc1, 'zfs'],
  [0x01021994, 'tmpfs'],
  [0x794c7630, 'overlay'],
]);
/** What is not of it, a manager of containers has laid over the kernel's file. */
const PROC = 0x9fa0;

/**
 * `KIND BOOT` of the file system at `path`; '' when others may have it too, or the kernel does not say which start
 * this is.
 */
export function ownDisk(path: string): string {
  try {
    const kind = LOCAL.get(statfsSync(path).type >>> 0);
    const boot = kind === undefined || statfsSync(BOOT_ID).type !== PROC ? '' : bootId();
    return boot === '' ? '' : `${kind} ${boot}`;
  } catch {
    return '';
  }
}

/**
 * Whether who saw a place as `before` is gone by now that it is seen as `now`. Both must see the same kind: a
 * directory of this machine's disk may be another's by a network, and its containers may see a file system through
 * another.
 */
export function isOfEarlierStart(before: string, now: string): boolean {
  const [[kind = '', boot], [ownKind, ownBoot]] = [before.split(' '), now.split(' ')];
  return kind !== '' && boot !== undefined && kind === ownKind && boot !== ownBoot;
}
