/** Why a program could not be started, in words that say what to do. */
import { AlprootError, errnoOf } from '../../core/errors.ts';
import { quoteName } from '../../core/redact.ts';
import { noexecMountOf } from './mounts.ts';
import { RAISE_PROCESSES, TOO_MANY_PROCESSES } from './process-limit.ts';

/** ALP_RUN_NOT_FOUND or ALP_RUN_EXEC. */
export function spawnError(file: string, error: Error): AlprootError {
  const errno = errnoOf(error);
  if (errno === 'ENOENT')
    return new AlprootError('ALP_RUN_NOT_FOUND', `cannot start ${quoteName(file)}: not found`, { cause: error });
  const { reason = errno ?? error.message, hint } = explainSpawnFailure(file, errno);
  return new AlprootError('ALP_RUN_EXEC', `cannot start ${quoteName(file)}: ${reason}`, { cause: error, hint });
}

function explainSpawnFailure(
  file: string,
  errno: string | undefined,
): { readonly reason?: string; readonly hint?: string } {
  switch (errno) {
    case 'EAGAIN':
      return { reason: `${TOO_MANY_PROCESSES} (EAGAIN)`, hint: RAISE_PROCESSES };
    case 'ENOMEM':
      return {
        reason: 'there is not enough memory (ENOMEM)',
        hint: 'end something that uses memory, or raise the limit (ulimit -v, or that of the container)',
      };
    case 'EACCES': {
      const mount = noexecMountOf(file);
      if (mount === undefined)
        return {
          reason: 'permission denied (EACCES)',
          hint: 'check that the file and the directories above it may be read and executed',
        };
      return {
        reason: `its file system (${quoteName(mount)}) is mounted noexec`,
        hint: 'choose a directory on another file system; ALPROOT_CACHE says where the store is',
      };
    }
    default:
      return {};
  }
}
