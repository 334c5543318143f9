/**
 * Which directories of the host a compiler must see: the project around the working directory, and whatever the
 * arguments name outside it. Directories that the environment has itself are never covered.
 */
import { dirname, resolve } from 'node:path';
import type { HostPath } from '../core/paths.ts';
import { exists, isDirectory, realPath } from '../system/host-paths.ts';

const MARKERS = ['.git', '.hg', 'configure', 'configure.ac', 'CMakeLists.txt', 'Makefile', 'meson.build'];

/** Top-level directories that belong to the tree; the host's are not shown. */
const OWN = new Set(['', 'bin', 'dev', 'etc', 'lib', 'lib64', 'proc', 'run', 'sbin', 'sys', 'usr']);

/** Whether a host directory may appear inside under its own name. Directories of shared memory are ordinary ones. */
export const isShareable = (path: string): boolean => path.startsWith('/dev/shm/') || (!OWN.has(path.split('/')[1] ?? '') && path.split('/').length > 2);

/**
 * The highest directory above `directory` that looks like the top of a project, else `directory`. The home
 * directory and directories right under the root are never taken.
 */
export function projectRoot(directory: string, home: string | undefined): string {
  let best = directory;
  for (let at = directory; at !== home && at.split('/').length > 2; at = dirname(at)) {
    if (MARKERS.some((marker) => exists(`${at}/${marker}`))) best = at;
  }
  return best;
}

/**
 * @param directory absolute working directory
 * @param args the compiler's arguments; each that names an existing path counts, `-I/x`, `-L/x`, `--sysroot=/x`,
 *   `@file` and `-Wl,-Map=/x` included
 * @returns directories without links between them or doubles, none inside another
 */
export function visibleDirectories(directory: string, args: readonly string[], home: string | undefined): HostPath[] {
  const wanted = [projectRoot(directory, home), directory];
  for (const arg of args) {
    for (const candidate of pathsIn(arg)) {
      const path = resolve(directory, candidate);
      if (isDirectory(path)) wanted.push(path);
      else if (exists(path) || isDirectory(dirname(path))) wanted.push(dirname(path));
    }
  }
  const real = wanted.flatMap((path) => [path, realPath(path) ?? path]).filter(isShareable);
  const sorted = [...new Set(real)].sort();
  return sorted.filter((path) => !sorted.some((other) => other !== path && path.startsWith(`${other}/`))) as HostPath[];
}

function pathsIn(arg: string): string[] {
  const tails = [arg.replace(/^@/, ''), arg.replace(/^-[A-Za-z]+/, ''), ...arg.split(/[=,]/).slice(1)];
  return tails.filter((tail) => (tail.includes('/') || tail === '..') && !tail.startsWith('-'));
}
