/** Whether something can be written where the user wants it, found out before the work whose result it is. */
import { accessSync, constants, lstatSync, statSync } from 'node:fs';
import { AlprootError, errnoOf } from '../../core/errors.ts';
import { parentOfHost, type HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { fileError, HINTS } from '../../core/file-error.ts';

/**
 * Changes nothing. A disk that is full, or fills up, is only found out by writing.
 *
 * @param options `into`: files go into the directory `path`; otherwise `path` itself is made or replaced
 * @throws ALP_FILE_WRITE with the errno
 */
export function requireWritablePlace(path: HostPath, { into = false }: { readonly into?: boolean } = {}): void {
  for (let at = into ? path : parentOfHost(path); ; at = parentOfHost(at)) {
    try {
      if (!statSync(at).isDirectory())
        throw new AlprootError(
          'ALP_FILE_WRITE',
          `cannot write ${quoteName(path)}: ${quoteName(at)} is not a directory`,
          { hint: HINTS['ENOTDIR'], facts: { errno: 'ENOTDIR', path } },
        );
      accessSync(at, constants.W_OK | constants.X_OK);
      return;
    } catch (error) {
      // ENOTDIR: a file stands further up, and is met there.
      const isMissing = ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '') && !isDangling(at);
      if (!isMissing || at === parentOfHost(at)) throw fileError('write', path, error);
    }
  }
}

const isDangling = (path: HostPath): boolean => {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
};
