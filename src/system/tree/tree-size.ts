/** How much space something takes, and how old it is. Links are not followed. */
import { lstatSync, readdirSync, utimesSync } from 'node:fs';
import { sha256Hex, type Sha256Hex } from '../../core/digest.ts';
import type { HostPath } from '../../core/paths.ts';

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

/**
 * Of the kind of every entry under `root`, and of the sizes of regular files: what a power failure takes from files,
 * it shows.
 */
export function digestOfSizes(root: HostPath): Sha256Hex {
  const lines: string[] = [];
  const walk = (directory: string): void => {
    const at = (name: string): Buffer =>
      Buffer.concat([Buffer.from(root), Buffer.from(`${directory}/${name}`, 'latin1')]);
    for (const entry of readdirSync(at(''), { encoding: 'latin1', withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const other = entry.isDirectory() ? 'directory' : 'other';
      const size = entry.isFile() ? lstatSync(at(entry.name)).size : other;
      lines.push(`${directory}/${entry.name} ${size}`);
      if (entry.isDirectory()) walk(`${directory}/${entry.name}`);
    }
  };
  if (lstatSync(root, { throwIfNoEntry: false })?.isDirectory() === true) walk('');
  return sha256Hex(lines.join('\n'));
}

/** Days since the last change, with a fraction. */
export const ageDays = (path: HostPath): number =>
  (Date.now() - (lstatSync(path, { throwIfNoEntry: false })?.ctimeMs ?? Date.now())) / DAY_MS;

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
