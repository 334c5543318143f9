/**
 * Whose a path is: whether anybody but this user and root could change what lies there, or put something else in its
 * place. Owners and permission bits decide; where a file has an access list, its mask shows as the bits of the group.
 */
import { fstatSync, readFileSync, realpathSync, statSync, type Stats } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { hostPath, type HostPath } from '../../core/paths.ts';

export interface ForeignWriter {
  /** The path asked about, or a directory above it. */
  readonly path: HostPath;
  /**
   * 'owner': it belongs to another user; 'writable': others may write there; 'unmapped': its owner has no number here.
   */
  readonly kind: 'owner' | 'writable' | 'unmapped';
  readonly uid: number;
}

/** Of users that a user namespace does not know, on every Linux that nobody has configured otherwise. */
const OVERFLOW_UID = 65_534;

/**
 * Looks at `path` (links followed) and, up to a directory with the sticky bit, at those above it. What is missing is
 * passed over: who may make it is said by the directory above.
 *
 * @returns the first that is in other hands; undefined when all is well, as for whom the system knows no users
 */
export function findForeignWriter(path: HostPath): ForeignWriter | undefined {
  const real = realOf(path);
  const own = foreignWriterAt(real);
  if (own !== undefined) return own;
  for (let above = dirname(real), below: string = real; above !== below; [above, below] = [dirname(above), above]) {
    const stat = ownerStat(above);
    if (stat === undefined) continue;
    // The host's own directories look like nobody's from inside a user namespace.
    const isKnown = isOurs(stat.uid) || isUnmapped(stat.uid);
    // As in /tmp: only its owner can take a name away, and whose the one below is has been seen.
    if (isKnown && (stat.mode & 0o1000) !== 0) return undefined;
    const found = isKnown ? writable(hostPath(above), stat) : checkPath(hostPath(above), stat);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The same of `path` alone. */
export function foreignWriterAt(path: HostPath): ForeignWriter | undefined {
  const stat = ownerStat(path);
  return stat === undefined ? undefined : checkPath(path, stat);
}

/** Whether what is open may have been written by others, or may be yet. */
export function isInForeignHands(fd: number): boolean {
  const { uid, gid, mode } = fstatSync(fd);
  return process.geteuid !== undefined && (!isOurs(uid) || isShared(gid, mode));
}

const isOurs = (uid: number): boolean => uid === 0 || uid === process.geteuid?.();

function checkPath(path: HostPath, stat: Stats): ForeignWriter | undefined {
  if (process.geteuid === undefined) return undefined;
  if (!isOurs(stat.uid)) return { path, uid: stat.uid, kind: isUnmapped(stat.uid) ? 'unmapped' : 'owner' };
  return writable(path, stat);
}

const writable = (path: HostPath, { uid, gid, mode }: Stats): ForeignWriter | undefined =>
  isShared(gid, mode) ? { path, uid, kind: 'writable' } : undefined;

const isShared = (gid: number, mode: number): boolean =>
  (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && !isOwnGroup(gid));

/**
 * A group that has this user alone for a member, as most distributions give one to each: their umask lets the group
 * write. Looked up only where a group may write at all.
 */
function isOwnGroup(gid: number): boolean {
  const uid = process.geteuid?.() ?? 0;
  if (uid === 0 || gid !== process.getegid?.()) return false;
  const rows = (file: string): string[][] =>
    textOf(file)
      .split('\n')
      .map((line) => line.split(':'));
  const group = rows('/etc/group').find((row) => row[2] === String(gid));
  const users = rows('/etc/passwd').filter((row) => row[3] === String(gid));
  const [name, members] = [group?.[0], group?.[3]];
  return (
    name !== undefined &&
    users.length === 1 &&
    users[0]?.[0] === name &&
    users[0]?.[2] === String(uid) &&
    (members === '' || members === name)
  );
}

/**
 * The number that stands for all whom this user namespace does not map; in gVisor, whom the sandbox itself does not.
 */
function isUnmapped(uid: number): boolean {
  if (uid !== OVERFLOW_UID) return false;
  const isMapped = textOf('/proc/self/uid_map')
    .split('\n')
    .some((line) => {
      const [inside = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
      return uid >= inside && uid < inside + count;
    });
  return (
    !isMapped || (release().startsWith('4.4.0') && textOf('/proc/version').includes('Sun Jan 10 15:06:54 PST 2016'))
  );
}

function ownerStat(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** The path without links, of what there is of it. */
function realOf(path: HostPath): HostPath {
  try {
    return hostPath(realpathSync(path));
  } catch {
    const parent = dirname(path);
    return parent === path
      ? path
      : hostPath(join(realOf(hostPath(parent)), path.slice(parent.length + (parent.endsWith('/') ? 0 : 1))));
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
