/** Directories of the host: made, listed, moved into place. */
import { lstatSync, mkdtempSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../../core/errors.ts';
import { hostPath, joinHost, type HostPath } from '../../core/paths.ts';
import { isProcessAlive } from '../process/process-identity.ts';
import { fileError } from '../../core/file-error.ts';
import { makeDirectories } from './make-directories.ts';
import { removeTree } from './remove-tree.ts';
import { temporaryRoot } from '../process/temporary-root.ts';

/** Makes it and what is missing above it; returns it. @throws ALP_FILE_WRITE */
export function makeDirectory(path: HostPath, mode = 0o755): HostPath {
  try {
    makeDirectories(path, mode);
    return path;
  } catch (error) {
    throw fileError('make', path, error);
  }
}

const WORK = 'alproot-work-';

/**
 * A new directory for unfinished work, outside a store that can only be read; those of dead processes are removed.
 *
 * @throws ALP_FILE_WRITE
 */
export function makeWorkDirectory(): HostPath {
  const root = temporaryRoot();
  for (const name of namesOf(root).filter((entry) => entry.startsWith(WORK))) {
    const path = joinHost(root, name);
    const isOurs = lstatSync(path, { throwIfNoEntry: false })?.uid === process.getuid?.();
    if (isOurs && !isProcessAlive({ pid: Number(name.slice(WORK.length).split('-', 1)[0]), started: '' }))
      removeTree(path);
  }
  try {
    return hostPath(mkdtempSync(join(root, `${WORK}${process.pid}-`)));
  } catch (error) {
    throw fileError('make', root, error);
  }
}

/** Its names, sorted; none when it does not exist. @throws ALP_FILE_READ */
export function namesOf(path: HostPath): string[] {
  try {
    return readdirSync(path).sort();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw fileError('read', path, error);
  }
}

/** Renames a directory; false when something is there already. @throws ALP_FILE_WRITE */
export function moveDirectory(from: HostPath, to: HostPath): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return false;
    throw fileError('write', to, error);
  }
}

/** Removes a directory that is empty. @throws ALP_FILE_WRITE */
export function removeEmptyDirectory(path: HostPath): void {
  try {
    rmdirSync(path);
  } catch (error) {
    throw fileError('remove', path, error);
  }
}
