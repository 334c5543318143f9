/** What the file system of a place cannot hold of a tree: tried out, since names of file systems tell little. */
import { chmodSync, existsSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { AlprootError, errnoOf } from '../../core/errors.ts';
import type { HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';

export type Lack = 'symbolic links' | 'names that differ in case only' | 'programs';

/** How a file system says that it has no such thing at all. */
const NOT_THERE: ReadonlySet<string> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EINVAL']);

/**
 * @param place does not exist yet, nor afterwards; its directory does
 * @throws Error with the errno when nothing can be made there
 */
export function lacksOf(place: HostPath): Lack[] {
  mkdirSync(place, 0o700);
  try {
    writeFileSync(`${place}/a`, '', { flag: 'wx', mode: 0o600 });
    return [
      ...(isRefused(() => symlinkSync('a', `${place}/link`)) ? (['symbolic links'] as const) : []),
      ...(existsSync(`${place}/A`) ? (['names that differ in case only'] as const) : []),
      ...(isRefused(() => chmodSync(`${place}/a`, 0o755)) || (statSync(`${place}/a`).mode & 0o100) === 0
        ? (['programs'] as const)
        : []),
    ];
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function isRefused(work: () => void): boolean {
  try {
    work();
    return false;
  } catch (error) {
    if (NOT_THERE.has(errnoOf(error) ?? '')) return true;
    throw error;
  }
}

/**
 * Refuses a place where no tree can be, before any of it is made.
 *
 * @param place as for lacksOf
 * @param shown what it is for, and how the user calls it: a store, a tree
 * @throws ALP_FILE_WRITE naming what is lacking
 */
export function requireTreePlace(place: HostPath, shown: { readonly what: string; readonly path: HostPath }): void {
  const lacks = lacksOf(place);
  if (lacks.length === 0) return;
  throw new AlprootError(
    'ALP_FILE_WRITE',
    `${quoteName(shown.path)} cannot be ${shown.what}: its file system has no ${lacks.join(', no ')}`,
    {
      hint: 'choose a place on a file system of Linux, such as ext4, xfs or tmpfs',
      facts: { path: shown.path, lacks },
    },
  );
}
