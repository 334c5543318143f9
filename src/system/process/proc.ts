/** Whether the host has a /proc: files of trees are reached through the descriptors that it shows. */
import { readdirSync } from 'node:fs';
import { AlprootError, errnoOf } from '../../core/errors.ts';

/** @throws ALP_FILE_READ where there is none, or one that shows nothing of this process */
export function requireProc(): void {
  try {
    if (readdirSync('/proc/self/fd').length > 0) return;
    throw missing('it is empty');
  } catch (error) {
    throw error instanceof AlprootError ? error : missing(errnoOf(error) ?? String(error), error);
  }
}

const missing = (why: string, cause?: unknown): AlprootError =>
  new AlprootError(
    'ALP_FILE_READ',
    `/proc is not mounted here, or is hidden: cannot read \`/proc/self/fd\` (${why}), ` +
      'through which files of trees are reached',
    {
      hint: 'as root: mount -t proc proc /proc; in a chroot or a container, have it made with a /proc of its own',
      cause,
    },
  );
