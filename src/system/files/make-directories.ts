/**
 * A directory and what is missing above it. Node's own way says ENOENT for whatever keeps it from making a parent,
 * such as a read-only file system.
 */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from '../../core/errors.ts';

/**
 * @throws Error with the errno of the step that failed; a directory that is there already, or comes meanwhile, is fine
 */
export function makeDirectories(path: string, mode = 0o755): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' && dirname(path) !== path) {
      makeDirectories(dirname(path), mode);
      mkdirOrFind(path, mode);
    } else if (!isExistingDirectory(path)) throw error;
  }
}

function mkdirOrFind(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (!isExistingDirectory(path)) throw error;
  }
}

const isExistingDirectory = (path: string): boolean => {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
};
