/** How much space something takes, and how old it is. Links are not followed. */
import { lstatSync, readdirSync, utimesSync } from 'node:fs';
import type { HostPath } from '../core/paths.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Bytes of all regular files under `path`; what vanishes meanwhile counts nothing. */
export function sizeOfTree(path: HostPath | string): number {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.isFile() ? stat.size : 0;
  try {
    return readdirSync(path).reduce((sum, name) => sum + sizeOfTree(`${path}/${name}`), 0);
  } catch {
    return 0;
  }
}

/** Days since the last change, with a fraction. */
export const ageDays = (path: HostPath): number => (Date.now() - (lstatSync(path, { throwIfNoEntry: false })?.ctimeMs ?? Date.now())) / DAY_MS;

/** Says that something of ours is used now; a store that cannot be written keeps no such marks. */
export function markUsed(path: HostPath): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // Only cleaning up is the worse for it.
  }
}

/** When a file or directory was last marked, or made: milliseconds since 1970; 0 when there is none. */
export const lastUsedMs = (path: HostPath): number => lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
