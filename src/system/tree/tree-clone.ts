/**
 * A tree copied once per build: reflinks where the file system has them, else copies; links stay links, hard links
 * stay together. Large files are copied by Node's pool of threads, while this thread makes everything else.
 */
import {
  chmodSync,
  constants,
  copyFileSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  type Stats,
} from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { HostPath } from '../../core/paths.ts';
import { linkOrCopy } from '../files/hard-link.ts';

/** Smaller files are copied sooner than another thread takes them: bytes. */
const LARGE_BYTES = 128 * 1024;
const COPY = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE;

interface Clone {
  /** Whether to set owners as well. */
  readonly owners: boolean;
  readonly own: { readonly uid: number | undefined; readonly gid: number | undefined };
  /** Below a directory with the set-group-ID bit, what is made has the directory's group. */
  readonly inherits: boolean;
  /** First copies of files with several names, by inode. */
  readonly linked: Map<bigint, Buffer>;
  /** Contents that the pool of threads copies. */
  readonly large: Promise<void>[];
  /** Set when all contents are there: a directory's time changes with each of its entries. */
  readonly last: (() => void)[];
}

/**
 * @param from a tree of ours that nothing writes to meanwhile
 * @param to does not exist yet
 * @param owners whether to set owners as well, which only root can
 */
export async function cloneTree(
  from: HostPath,
  to: HostPath,
  { owners }: { readonly owners: boolean },
): Promise<void> {
  const clone: Clone = {
    owners,
    own: { uid: process.geteuid?.(), gid: process.getegid?.() },
    inherits: (lstatSync(dirname(to)).mode & 0o2000) !== 0,
    linked: new Map(),
    large: [],
    last: [],
  };
  try {
    copyEntry(clone, Buffer.from(from), Buffer.from(to));
  } finally {
    // None goes on when this has ended, also when it fails.
    await Promise.allSettled(clone.large);
  }
  await Promise.all(clone.large);
  for (const set of clone.last) set();
}

function copyEntry(clone: Clone, source: Buffer, target: Buffer): void {
  const stat = lstatSync(source);
  const left = makeEntry(clone, { source, target, stat });
  if (left === 'nothing') return;
  if (stat.isDirectory() || isCopiedByPool(stat)) clone.last.push(() => setAttributes(clone, { target, stat, left }));
  else setAttributes(clone, { target, stat, left });
}

interface CopiedEntry {
  readonly source: Buffer;
  readonly target: Buffer;
  readonly stat: Stats;
}

/** @returns what is left to be set: all, all but the mode, or nothing */
function makeEntry(clone: Clone, entry: CopiedEntry): 'all' | 'times' | 'nothing' {
  const { source, target, stat } = entry;
  if (stat.isDirectory()) {
    mkdirSync(target, 0o700);
    for (const name of readdirSync(source, { encoding: 'buffer' }))
      copyEntry(clone, join(source, name), join(target, name));
    return 'all';
  }
  if (stat.isSymbolicLink()) {
    symlinkSync(readlinkSync(source, { encoding: 'buffer' }), target);
    return 'times';
  }
  return stat.isFile() ? makeFile(clone, entry) : 'nothing';
}

function makeFile({ linked, large }: Clone, { source, target, stat }: CopiedEntry): 'all' | 'times' | 'nothing' {
  if (stat.nlink > 1) {
    const { ino } = lstatSync(source, { bigint: true });
    const first = linked.get(ino);
    if (first !== undefined) {
      linkOrCopy(first, target);
      return 'nothing';
    }
    linked.set(ino, target);
  }
  if (isCopiedByPool(stat)) large.push(copyFile(source, target, COPY));
  else copyReadable(source, target, stat.mode & 0o7777);
  // The copy is made with the mode of what is copied; set-id bits may not come along.
  return (stat.mode & 0o7000) === 0 ? 'times' : 'all';
}

interface MadeEntry extends Omit<CopiedEntry, 'source'> {
  readonly left: 'all' | 'times';
}

function setAttributes({ owners, own, inherits }: Clone, { target, stat, left }: MadeEntry): void {
  const moves = owners && (inherits || stat.uid !== own.uid || stat.gid !== own.gid);
  if (moves) lchownSync(target, stat.uid, stat.gid);
  if (left === 'all' || (moves && stat.isFile())) chmodSync(target, stat.mode & 0o7777);
  lutimesSync(target, stat.atimeMs / 1000, stat.mtimeMs / 1000);
}

/**
 * One that its owner may not read takes more than a copy, and one with several names must be there when the next is
 * made.
 */
const isCopiedByPool = (stat: Stats): boolean =>
  stat.isFile() && stat.size >= LARGE_BYTES && stat.nlink === 1 && (stat.mode & 0o400) !== 0;

/** Also a file that its owner may not read, such as a set-id program with mode 4111. */
function copyReadable(source: Buffer, target: Buffer, mode: number): void {
  const hidden = (mode & 0o400) === 0 && process.getuid?.() !== 0;
  if (hidden) chmodSync(source, mode | 0o400);
  copyFileSync(source, target, COPY);
  if (!hidden) return;
  chmodSync(source, mode);
  chmodSync(target, mode);
}

const SLASH = 0x2f;

function join(directory: Buffer, name: Buffer): Buffer {
  const path = Buffer.allocUnsafe(directory.length + 1 + name.length);
  directory.copy(path);
  path[directory.length] = SLASH;
  name.copy(path, directory.length + 1);
  return path;
}
