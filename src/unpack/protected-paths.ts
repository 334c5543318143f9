/**
 * Paths whose files belong to the administrator once they were edited: `/etc`, and what `protected_paths.d` says.
 *
 * @see apk-protected_paths(5)
 */
import type { TreePath } from '../core/paths.ts';
import type { WorkTree } from '../system/work-tree.ts';

const DIRECTORY = 'etc/apk/protected_paths.d' as TreePath;
const MAX_BYTES = 64 * 1024;

export type Protection = 'none' | 'changed' | 'symlinks' | 'all' | 'ignore';

const SIGNS: Readonly<Record<string, Protection>> = { '-': 'none', '+': 'changed', '@': 'symlinks', '!': 'all' };

/** @returns how a path is protected: the last rule that fits decides */
export function readProtection(tree: WorkTree): (path: TreePath) => Protection {
  const rules: { protection: Protection; pattern: RegExp }[] = [
    { protection: 'changed', pattern: /^etc(?:\/|$)/ },
    { protection: 'none', pattern: /^etc\/init\.d(?:\/|$)/ },
    { protection: 'none', pattern: /^etc\/apk\/protected_paths\.d(?:\/|$)/ },
  ];
  const names = tree.stat(DIRECTORY)?.kind === 'directory' ? tree.list(DIRECTORY).filter((name) => name.endsWith('.list')) : [];
  for (const name of names) {
    const text = tree.readFile(`${DIRECTORY}/${name}` as TreePath, MAX_BYTES).toString('latin1');
    for (const line of text.split('\n').map((row) => row.trim())) {
      const protection = SIGNS[line.charAt(0)];
      if (protection !== undefined) rules.push({ protection, pattern: globPattern(line.slice(1)) });
    }
  }
  return (path) => rules.findLast(({ pattern }) => pattern.test(path))?.protection ?? 'none';
}

/** A shell pattern of a path and everything below it. */
export const globPattern = (glob: string): RegExp => new RegExp(`^${globBody(glob)}(?:/|$)`);

/** A shell pattern of just that path. */
export const exactPattern = (glob: string): RegExp => new RegExp(`^${globBody(glob)}$`);

const globBody = (glob: string): string => glob.replace(/^\/+|\/+$/g, '').replace(/[.+^${}()|\\]/g, '\\$&').replace(/\*/g, '[^/]*').replace(/\?/g, '[^/]');
