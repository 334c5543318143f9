/** Directories of the host: made, listed, moved into place. */
import { mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { errnoOf } from '../core/errors.ts';
import type { HostPath } from '../core/paths.ts';
import { fileError } from './files.ts';

/** Makes it and what is missing above it. @throws ALP_STORE_WRITE */
export function makeDirectory(path: HostPath, mode = 0o755): void {
  try {
    mkdirSync(path, { recursive: true, mode });
  } catch (error) {
    throw fileError('make', path, error);
  }
}

/** Its names, sorted; none when it does not exist. @throws ALP_STORE_WRITE */
export function namesOf(path: HostPath): string[] {
  try {
    return readdirSync(path).sort();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw fileError('read', path, error);
  }
}

/** Renames a directory; false when something is there already. @throws ALP_STORE_WRITE */
export function moveDirectory(from: HostPath, to: HostPath): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return false;
    throw fileError('write', to, error);
  }
}

/** Removes a directory that is empty. @throws ALP_STORE_WRITE */
export function removeEmptyDirectory(path: HostPath): void {
  try {
    rmdirSync(path);
  } catch (error) {
    throw fileError('remove', path, error);
  }
}
