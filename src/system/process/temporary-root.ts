/** Where short-lived files go: what TMPDIR names, or the usual directories where it names none that can be used. */
import { accessSync, constants, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { AlprootError } from '../../core/errors.ts';
import { hostPath, type HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';

const USUAL = ['/tmp', '/var/tmp', '/dev/shm'];

/**
 * The first directory that can be written.
 *
 * @param candidates absolute or relative to the working directory, in order
 * @throws ALP_STORE_WRITE naming all that were tried
 */
export function temporaryRoot(candidates: readonly string[] = [tmpdir(), ...USUAL]): HostPath {
  const paths = [...new Set(candidates.map((path) => resolve(path)))];
  const found = paths.find(isWritableDirectory);
  if (found !== undefined) return hostPath(found);
  throw new AlprootError(
    'ALP_STORE_WRITE',
    `no directory for temporary files can be written: tried ${paths.map(quoteName).join(', ')}`,
    { hint: 'set TMPDIR to a directory that exists and can be written' },
  );
}

function isWritableDirectory(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
