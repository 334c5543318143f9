/** All files below a directory of our own work, read whole: what a build installed. Links are not followed. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { HostPath } from '../../core/paths.ts';
import { fileError } from '../../core/file-error.ts';

/** Names hold one character per byte. Modes are permission bits. */
export type WorkFile =
  | { readonly path: string; readonly mode: number; readonly kind: 'file'; readonly bytes: Buffer }
  | { readonly path: string; readonly mode: number; readonly kind: 'directory' }
  | { readonly path: string; readonly mode: number; readonly kind: 'symlink'; readonly target: string };

/** Sorted, parents first. Devices, sockets and pipes are passed over. @throws ALP_FILE_READ */
export function readWorkFiles(directory: HostPath): WorkFile[] {
  const found: WorkFile[] = [];
  const walk = (relative: string): void => {
    const here = Buffer.concat([Buffer.from(directory), Buffer.from(relative === '' ? '' : `/${relative}`, 'latin1')]);
    for (const name of readdirSync(here, { encoding: 'buffer' })
      .map((bytes) => bytes.toString('latin1'))
      .sort()) {
      const path = relative === '' ? name : `${relative}/${name}`;
      const absolute = Buffer.concat([Buffer.from(directory), Buffer.from(`/${path}`, 'latin1')]);
      const stat = lstatSync(absolute);
      const mode = stat.mode & 0o7777;
      if (stat.isSymbolicLink())
        found.push({
          path,
          mode: 0o777,
          kind: 'symlink',
          target: readlinkSync(absolute, { encoding: 'buffer' }).toString('latin1'),
        });
      else if (stat.isFile()) found.push({ path, mode, kind: 'file', bytes: readFileSync(absolute) });
      else if (stat.isDirectory()) {
        found.push({ path, mode, kind: 'directory' });
        walk(path);
      }
    }
  };
  try {
    walk('');
    return found;
  } catch (error) {
    throw fileError('read', directory, error);
  }
}
