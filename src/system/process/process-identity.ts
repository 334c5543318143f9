/**
 * Who a process is, also when its number is given to another; and what unfinished work is called, so that one knows
 * whose it is.
 */
import { lstatSync, readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { errnoOf } from '../../core/errors.ts';
import type { HostPath } from '../../core/paths.ts';
import { processSpace } from './boot.ts';

export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since boot, and the boot; '' where /proc does not say. */
  readonly started: string;
}

/** Of the processes' space, at the end of a start time. */
const SPACE_DIGITS = 8;
/** Between the name of a file and whose it is until then. */
const BESIDE = '.tmp-';

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

/** The id of the user who runs us; 0 is root. */
export const currentUid = (): number => process.getuid?.() ?? 0;

let own: ProcessIdentity | undefined;

/** Ours, looked up once. */
export const processIdentity = (): ProcessIdentity => (own ??= { pid: process.pid, started: startOf(process.pid) });

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
export function temporaryName(purpose: string): string {
  const { pid, started } = processIdentity();
  return `${pid}-${started}-${purpose}-${randomBytes(6).toString('hex')}`;
}

/** Where a file stands until it has the name of `path`. */
export const temporaryBeside = (path: HostPath): HostPath => `${path}${BESIDE}${temporaryName('file')}` as HostPath;

/** Whose work beside a file bears the name; undefined for another name. */
export function workerBeside(name: string): ProcessIdentity | undefined {
  const at = name.lastIndexOf(BESIDE);
  return at < 0 ? undefined : workerOf(name.slice(at + BESIDE.length));
}

/** Whose work bears the name, one that `temporaryName` made. */
export function workerOf(name: string): ProcessIdentity {
  const [pid = '', started = ''] = name.split('-');
  return { pid: Number(pid), started };
}

/** Of work that another boot, another machine or a container left: it may go on there. */
const FOREIGN_WORK_MS = 24 * 60 * 60 * 1000;

/** Whether process ids mean the same to it as to us: neither another container, nor another machine or start of it. */
export const isOfOurSpace = ({ started }: ProcessIdentity): boolean =>
  started.slice(-SPACE_DIGITS) === processSpace() || started.length <= SPACE_DIGITS;

/**
 * Whether the unfinished work at `path` is nobody's any more. What machines or containers share counts as somebody's
 * for a day.
 */
export function isAbandoned(worker: ProcessIdentity, path: HostPath): boolean {
  if (isOfOurSpace(worker)) return !isProcessAlive(worker);
  return Date.now() - (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) > FOREIGN_WORK_MS;
}
