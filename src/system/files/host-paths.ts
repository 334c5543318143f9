/** Questions about paths of the host, answered without following the last component where that matters. */
import {
  existsSync,
  lstatSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statSync,
  statfsSync as statfs,
  accessSync,
  constants,
  type Stats,
} from 'node:fs';
import { userInfo } from 'node:os';
import { errnoOf } from '../../core/errors.ts';
import { hostPath, joinHost, type HostPath } from '../../core/paths.ts';

/** A file stands where a directory would have to be: there is nothing under the name then, either. */
function unlessBelowFile(look: () => Stats | undefined): Stats | undefined {
  try {
    return look();
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

const entryAt = (path: string): Stats | undefined => unlessBelowFile(() => lstatSync(path, { throwIfNoEntry: false }));

const targetAt = (path: string): Stats | undefined => unlessBelowFile(() => statSync(path, { throwIfNoEntry: false }));

/** A directory, and no link to one. */
export const isRealDirectory = (path: string): boolean => entryAt(path)?.isDirectory() === true;

export const isDirectory = (path: string): boolean => reach(path)?.isDirectory() === true;

export const isFile = (path: string): boolean => reach(path)?.isFile() === true;

/**
 * undefined for whatever cannot be reached: below a file, in a directory that is closed to us, behind a loop of links.
 */
function reach(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (['ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

export const exists = (path: string): boolean => existsSync(path);

/** A program that runs with the rights of its owner, whoever starts it. */
export const isSetuid = (path: string): boolean => ((targetAt(path)?.mode ?? 0) & 0o4000) !== 0;

/** Anything at all under this name, a dangling link included. */
export const isTaken = (path: string): boolean => entryAt(path) !== undefined;

export const isWritable = (path: string): boolean => allows(path, constants.W_OK);

/** A file that can be started; none on a file system without programs can. */
export const isExecutable = (path: string): boolean => allows(path, constants.X_OK) && isFile(path);

function allows(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** What HOME names, else the home that the system knows for this user; undefined when there is none. */
export function homeOf(env: Readonly<Record<string, string | undefined>>): HostPath | undefined {
  const named = env['HOME'];
  if (named?.startsWith('/') === true) return hostPath(named);
  try {
    const { homedir } = userInfo();
    return homedir.startsWith('/') ? hostPath(homedir) : undefined;
  } catch {
    return undefined;
  }
}

/** What a link says; undefined for anything else. */
export function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** The path without links; undefined when it does not exist. */
export function realPath(path: string): HostPath | undefined {
  try {
    return hostPath(realpathSync(path));
  } catch {
    return undefined;
  }
}

/** Names in a directory, sorted; empty when it is none. */
export function namesIn(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

/** Where another file system begins; a part of the same one that is bound there does not show. */
export const isOtherDevice = (path: string): boolean => statSync(path).dev !== statSync(`${path}/..`).dev;

/** The first executable of this name in the directories of `searchPath`. */
export function findProgram(name: string, searchPath: string): HostPath | undefined {
  for (const directory of searchPath.split(':')) {
    if (!directory.startsWith('/')) continue;
    const candidate = joinHost(hostPath(directory), name);
    if (isExecutable(candidate)) return candidate;
  }
  return undefined;
}

/** Bytes free for us and in all on the file system of `path`. */
export function statfsSync(path: string): { readonly free: number; readonly total: number } {
  const { bavail, blocks, bsize } = statfs(path);
  return { free: bavail * bsize, total: blocks * bsize };
}

/** Size of a regular file; undefined when there is none. */
export function fileSizeBytes(path: HostPath): number | undefined {
  const stat = entryAt(path);
  return stat?.isFile() === true ? stat.size : undefined;
}

/** Modification time in whole seconds; 0 when there is no such file. */
export const fileTime = (path: HostPath): number => Math.floor((entryAt(path)?.mtimeMs ?? 0) / 1000);
