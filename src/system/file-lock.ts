/**
 * Locks between processes: a file made with O_EXCL that names its holder. A holder that is dead (by process id,
 * start time and boot) loses it; one of another container or machine does when it gives no sign of life.
 */
import { closeSync, fstatSync, linkSync, openSync, readFileSync, renameSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { AlprootError, errnoOf } from '../core/errors.ts';
import type { HostPath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { fileError } from './files.ts';
import { makeDirectories } from './make-directories.ts';
import { isOfOurSpace, isProcessAlive, processIdentity, temporaryBeside } from './process-identity.ts';

export interface LockOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

const POLL_MS = 50;
const ATTEMPTS = 12_000;
/** How often a holder says that it lives, to those who cannot see its process. */
const BEAT_MS = 5000;
/** Looks at a holder's file without a beat, after which the holder counts as dead: about a minute. Counted, for clocks may jump. */
const SILENT_LOOKS = 800;

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
  throw new AlprootError('ALP_STORE_BUSY', `${quoteName(path)} is held by process ${readHolder(path)?.text.split(' ')[0] ?? '?'}`, {
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
  const temporary = temporaryBeside(path);
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
  const aside = temporaryBeside(path);
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
