/** Which failures of the host concern the store, and which a file of the user's: told apart by where the file is. */
import { AlprootError, isAlprootError } from '../core/errors.ts';
import type { HostPath } from '../core/paths.ts';

/** The same error under the store's code when its path lies in the store; anything else comes back as it is. */
export function failureOfStore(error: unknown, root: HostPath): unknown {
  if (!isAlprootError(error, 'ALP_FILE_READ', 'ALP_FILE_WRITE')) return error;
  const { path } = error.facts;
  if (typeof path !== 'string' || !(path === root || path.startsWith(`${root}/`))) return error;
  return new AlprootError('ALP_STORE_WRITE', error.message, {
    hint: error.hint,
    cause: error.cause,
    facts: error.facts,
  });
}
