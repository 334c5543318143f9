/**
 * Locks between processes: a file made with O_EXCL that names its holder. A holder that is dead (by process id,
 * start time and boot) loses it; one of another container or machine does when it gives no sign of life.
 */
import { closeSync, fstatSync, linkSync, lstatSync, openSync, readFileSync, renameSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { AlprootError, errnoOf } from '../core/errors.ts';
import type { HostPath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { processSpace } from './boot.ts';
import { fileError } from './files.ts';
import { makeDirectories } from './make-directories.ts';

export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since boot, and the boot; '' where /proc does not say. */
  readonly started: string;
}

export interface LockOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/** Of the processes' space, at the end of a start time. */
const SPACE_DIGITS = 8;
const POLL_MS = 50;
const ATTEMPTS = 12_000;
/** How often a holder says that it lives, to those who cannot see its process. */
const BEAT_MS = 5000;
/** Looks at a holder's file without a beat, after which the holder counts as dead: about a minute. Counted, for clocks may jump. */
const SILENT_LOOKS = 800;

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Field 22 of /proc/PID/stat, counted after the command's closing parenthesis. */
function startOf(pid: number): string {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return ticks === undefined ? '' : `${ticks}${processSpace()}`;
}

export const processIdentity = (): ProcessIdentity => ({ pid: process.pid, started: startOf(process.pid) });

/** Whether the process of that identity still runs. A start time of `0` or '' counts as unknown. */
export function isProcessAlive({ pid, started }: ProcessIdentity): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
  }
  const now = startOf(pid);
  return started === '' || started === '0' || now === '' || now === started;
}

/** A name for unfinished work that says whose it is. */
export const temporaryName = (purpose: string): string => temporaryNames(purpose)();

/** Such names, one after another; who this process is, is looked up once. */
export function temporaryNames(purpose: string): () => string {
  let own: ProcessIdentity | undefined;
  return () => {
    const { pid, started } = (own ??= processIdentity());
    return `${pid}-${started}-${purpose}-${randomBytes(6).toString('hex')}`;
  };
}

/** Whose work bears the name, one that `temporaryName` made. */
export function workerOf(name: string): ProcessIdentity {
  const [pid = '', started = ''] = name.split('-');
  return { pid: Number(pid), started };
}

/** Of work that another start of the machine, another machine or a container left: it may go on there. */
const FOREIGN_WORK_MS = 24 * 60 * 60 * 1000;

/** Whether process ids mean the same to it as to us: neither another container, nor another machine or start of it. */
const isOfOurSpace = ({ started }: ProcessIdentity): boolean => started.slice(-SPACE_DIGITS) === processSpace() || started.length <= SPACE_DIGITS;

/** Whether the unfinished work at `path` is nobody's any more. What machines or containers share counts as somebody's for a day. */
export function isAbandoned(worker: ProcessIdentity, path: HostPath): boolean {
  if (isOfOurSpace(worker)) return !isProcessAlive(worker);
  return Date.now() - (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) > FOREIGN_WORK_MS;
}

/** Waits for the lock. @throws ALP_STORE_BUSY naming the holder, ALP_STORE_WRITE */
export async function acquireLock(path: HostPath, { clock, signal }: LockOptions): Promise<{ readonly release: () => void }> {
  const isSilent = createWatch(path);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const inode = tryLock(path);
    if (inode !== undefined) return hold(path, inode);
    dropStale(path, isSilent);
    if (signal?.aborted === true) break;
    await clock.sleep(POLL_MS + clock.random() * POLL_MS);
  }
  throw new AlprootError('ALP_STORE_BUSY', `${quoteName(path)} is held by process ${readOrEmpty(path).split(' ')[0] ?? '?'}`, {
    hint: 'wait for the other alproot to finish, or end it',
  });
}

function hold(path: HostPath, inode: number): { readonly release: () => void } {
  const beat = setInterval(() => {
    try {
      if (statSync(path, { throwIfNoEntry: false })?.ino === inode) utimesSync(path, new Date(), new Date());
    } catch {
      // It was taken away in this moment.
    }
  }, BEAT_MS).unref();
  return {
    release: () => {
      clearInterval(beat);
      release(path, inode);
    },
  };
}

/** Tells, look by look, whether the file has been the same for so long that its holder must be dead. */
function createWatch(path: HostPath): () => boolean {
  let seen = '';
  let looks = 0;
  return () => {
    const stat = statSync(path, { throwIfNoEntry: false });
    const now = `${stat?.ino ?? ''} ${stat?.mtimeMs ?? ''}`;
    looks = now === seen ? looks + 1 : 0;
    seen = now;
    return looks >= SILENT_LOOKS;
  };
}

/** Somebody may have removed or replaced the file meanwhile; another's lock is left alone. */
function release(path: HostPath, inode: number): void {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.ino === inode) unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw fileError('unlock', path, error);
  }
}

/**
 * Makes the file whole under another name and links it into place, so that nobody reads half a holder.
 *
 * @returns its inode, or undefined when another holds the lock
 */
function tryLock(path: HostPath): number | undefined {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const { pid, started } = processIdentity();
  try {
    makeDirectories(dirname(path));
    writeFileSync(temporary, `${pid} ${started}\n`, { flag: 'wx', mode: 0o644 });
  } catch (error) {
    throw fileError('lock', path, error);
  }
  try {
    const { ino } = statSync(temporary);
    linkSync(temporary, path);
    return ino;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined;
    throw fileError('lock', path, error);
  } finally {
    unlinkSync(temporary);
  }
}

/** What stands in a file, and which file it was; undefined when there is none. */
function readHolder(path: HostPath): { readonly text: string; readonly inode: number } | undefined {
  try {
    const fd = openSync(path, 'r');
    try {
      return { text: readFileSync(fd, 'utf8'), inode: fstatSync(fd).ino };
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

/**
 * Takes a dead holder's file away; if it turns out that somebody else's live one was taken, it is put back. A file that
 * names nobody is what a power failure leaves of one: whoever lives is in it before it has its name.
 *
 * @param isSilent of a holder whose process cannot be seen from here
 */
function dropStale(path: HostPath, isSilent: () => boolean): void {
  const found = readHolder(path);
  if (found === undefined) return;
  const { text, inode } = found;
  const [pid = '', started = ''] = text.trim().split(' ');
  const holder = { pid: Number(pid), started };
  if (isOfOurSpace(holder) ? isProcessAlive(holder) : !isSilent()) return;
  const aside = `${path}.stale.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    renameSync(path, aside);
    if (statSync(aside).ino !== inode) linkSync(aside, path);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(errnoOf(error) ?? '')) throw fileError('lock', path, error);
  }
  try {
    unlinkSync(aside);
  } catch {
    // It was never moved.
  }
}
