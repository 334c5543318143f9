/** How much space something takes, and how old it is. Links are not followed. */
import { lstatSync, readdirSync } from 'node:fs';
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
