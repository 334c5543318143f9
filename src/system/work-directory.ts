/** Directories of the host that hold our own work: removed with all that is in them; and what is asked about files. */
import { lstatSync, rmSync } from 'node:fs';
import type { HostPath } from '../core/paths.ts';
import { fileError } from './files.ts';

/** Removes a file or a whole directory; nothing there is fine. Links are removed, not followed. @throws ALP_STORE_WRITE */
export function removeTree(path: HostPath): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    throw fileError('remove', path, error);
  }
}

/** Size of a regular file; undefined when there is none. */
export function fileSizeBytes(path: HostPath): number | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true ? stat.size : undefined;
}

/** The id of the user who runs us; 0 is root. */
export const currentUid = (): number => process.getuid?.() ?? 0;

/** Modification time in whole seconds; 0 when there is no such file. */
export const fileTime = (path: HostPath): number => Math.floor((lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) / 1000);
