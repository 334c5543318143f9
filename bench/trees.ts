/**
 * Two trees are the same when every entry has the same type, mode, content or target, links and all, and the package
 * databases are equal.
 */
import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Locks, device nodes (made by root alone) and what the caches of either keep are not part of the tree. */
const IGNORED = /^(?:lib\/apk\/db\/lock|var\/cache\/apk\/.*|dev\/.*)$/;

function picture(root: string): Map<string, string> {
  const lines = new Map<string, string>();
  const first = new Map<number, string>();
  const walk = (directory: string): void => {
    for (const name of readdirSync(join(root, directory), { encoding: 'latin1' }).sort()) {
      const path = directory === '' ? name : `${directory}/${name}`;
      if (IGNORED.test(path)) continue;
      const absolute = Buffer.from(join(root, path), 'latin1');
      const stat = lstatSync(absolute);
      const mode = (stat.mode & 0o7777).toString(8);
      if (stat.isSymbolicLink()) lines.set(path, `-> ${readlinkSync(absolute, { encoding: 'latin1' })}`);
      else if (stat.isDirectory()) {
        lines.set(path, `directory ${mode}`);
        walk(path);
      } else {
        const duplicate = stat.nlink > 1 ? first.get(stat.ino) : undefined;
        first.set(stat.ino, path);
        lines.set(
          path,
          `file ${mode} ${createHash('sha256').update(readFileSync(absolute)).digest('hex')} ${duplicate ?? ''}`,
        );
      }
    }
  };
  walk('');
  return lines;
}

/** How many entries are the same. @throws Error naming the first ones that differ */
export function compareTrees(ours: string, theirs: string): string {
  const [a, b] = [picture(ours), picture(theirs)];
  const different = [...new Set([...a.keys(), ...b.keys()])].filter((path) => a.get(path) !== b.get(path));
  if (different.length > 0)
    throw new Error(
      `${different.length} entries differ: ${different
        .slice(0, 8)
        .map((path) => `${path} (${a.get(path) ?? 'missing'} | ${b.get(path) ?? 'missing'})`)
        .join(', ')}`,
    );
  return `${a.size} entries equal: type, mode, content, links, package database`;
}
