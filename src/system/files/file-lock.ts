/**
 * Locks between processes: a file made with O_EXCL that names its holder. A holder that is dead (by process id, start
 * time and boot) loses it, and so does one of an earlier start of this machine; one of another container or machine
 * does when it gives no sign of life.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { AlprootError, errnoOf } from '../../core/errors.ts';
import type { HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { fileError } from '../../core/file-error.ts';
import { cannotLink } from './hard-link.ts';
import { makeDirectories } from './make-directories.ts';
import { isOfEarlierStart, ownDisk } from './local-disk.ts';
import { isOfOurSpace, isProcessAlive, processIdentity, temporaryBeside } from '../process/process-identity.ts';

export interface LockOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

const POLL_MS = 50;
const ATTEMPTS = 12_000;
/** How often a holder says that it lives, to those who cannot see its process. */
const BEAT_MS = 5000;
/**
 * Looks at a holder's file without a beat, after which the holder counts as dead: about a minute. Counted, for clocks
 * may jump.
 */
const SILENT_POLLS = 800;
/**
 * The same at a file that names nobody, a second or two: without hard links a holder is in it a moment before its
 * name.
 */
const EMPTY_POLLS = 20;

/** Waits for the lock. @throws ALP_STORE_BUSY naming the holder, ALP_FILE_WRITE */
export async function acquireLock(
  path: HostPath,
  { clock, signal }: LockOptions,
): Promise<{ readonly release: () => void }> {
  const countPolls = createWatch(path);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const own = tryLock(path);
    if (own !== undefined) return hold(path, own);
    dropStale(path, countPolls());
    if (signal?.aborted === true) break;
    await clock.sleep(POLL_MS + clock.random() * POLL_MS);
  }
  throw new AlprootError(
    'ALP_STORE_BUSY',
    `${quoteName(path)} is held by process ${readHolder(path)?.split(' ')[0] ?? '?'}`,
    { hint: 'wait for the other alproot to finish, or end it' },
  );
}

function hold(path: HostPath, own: string): { readonly release: () => void } {
  const beat = setInterval(() => {
    try {
      if (readHolder(path) === own) utimesSync(path, new Date(), new Date());
    } catch {
      // It was taken away in this moment.
    }
  }, BEAT_MS).unref();
  return {
    release: () => {
      clearInterval(beat);
      release(path, own);
    },
  };
}

/** Tells, look by look, how often the file has been seen as it is now. */
function createWatch(path: HostPath): () => number {
  let seen = '';
  let looks = 0;
  return () => {
    const stat = statSync(path, { throwIfNoEntry: false });
    const now = `${stat?.ino ?? ''} ${stat?.mtimeMs ?? ''}`;
    looks = now === seen ? looks + 1 : 0;
    seen = now;
    return looks;
  };
}

/** Somebody may have removed or replaced the file meanwhile; another's lock is left alone. */
function release(path: HostPath, own: string): void {
  try {
    if (readHolder(path) === own) unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw fileError('unlock', path, error);
  }
}

/**
 * Makes the file whole under another name and links it into place, so that nobody reads half a holder.
 *
 * @returns what stands in it, which no other lock says; undefined when another holds the lock
 */
function tryLock(path: HostPath): string | undefined {
  const temporary = temporaryBeside(path);
  let own = '';
  try {
    makeDirectories(dirname(path));
    own = holderText(ownDisk(dirname(path)));
    writeFileSync(temporary, own, { flag: 'wx', mode: 0o644 });
  } catch (error) {
    throw fileError('lock', path, error);
  }
  try {
    putInPlace(temporary, path, own);
    return own;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined;
    throw fileError('lock', path, error);
  } finally {
    unlinkSync(temporary);
  }
}

/** Who holds it, on what disk as we see it, and what no other lock says. */
function holderText(disk: string): string {
  const { pid, started } = processIdentity();
  const words = [pid, started === '' ? '0' : started, ...(disk === '' ? [] : [disk]), randomBytes(6).toString('hex')];
  return `${words.join(' ')}\n`;
}

function isHeld(text: string, { path, looks }: { readonly path: HostPath; readonly looks: number }): boolean {
  if (text === '') return looks < EMPTY_POLLS;
  const [pid = '', started = '', ...before] = text.trim().split(' ');
  const holder = { pid: Number(pid), started };
  if (isOfOurSpace(holder)) return isProcessAlive(holder);
  return looks < SILENT_POLLS && !isOfEarlierStart(before.slice(0, 2).join(' '), ownDisk(dirname(path)));
}

/** Fails with EEXIST when something has the name; without hard links it is made there. */
function putInPlace(temporary: HostPath, path: HostPath, text: string): void {
  try {
    linkSync(temporary, path);
  } catch (error) {
    if (!cannotLink(error)) throw error;
    writeFileSync(path, text, { flag: 'wx', mode: 0o644 });
  }
}

/** What stands in a file; undefined when there is none. */
function readHolder(path: HostPath): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Takes a dead holder's file away; if it turns out that somebody else's live one was taken, it is put back. A file
 * that names nobody is what a power failure leaves of one, unless it was made in this moment.
 *
 * @param looks at the file as it is, so far; they count where no process tells whether the holder lives
 */
function dropStale(path: HostPath, looks: number): void {
  const text = readHolder(path);
  if (text === undefined || isHeld(text, { path, looks })) return;
  const staged = temporaryBeside(path);
  try {
    renameSync(path, staged);
    const taken = readHolder(staged);
    if (taken !== undefined && taken !== text) putInPlace(staged, path, taken);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(errnoOf(error) ?? '')) throw fileError('lock', path, error);
  }
  try {
    unlinkSync(staged);
  } catch {
    // It was never moved.
  }
}
