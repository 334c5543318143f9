/** One pass over a file's bytes for tell-tale strings and source paths; memory stays at one window. */
import type { ByteSource } from '../core/bytes.ts';

const WINDOW = 4 * 1024 * 1024;
/** Longer than any needle or path that is looked for, so that none is lost between two windows. */
const OVERLAP = 4096;
const PATHS_CAP = 50;

const SOURCE_PATH =
  /(?<![\w.+@~-])\/(?:[\w.+@~-]+\/){1,40}[\w.+@~-]{1,200}\.(?:c|cc|cpp|cxx|h|hpp|S|s|rs|go|zig)(?![\w.])/g;

export interface StringScan {
  /** The needles that occur, in the order in which they were given. */
  readonly found: readonly string[];
  /** Absolute paths of source files, sorted, at most 50: left by assertions, debug information, embedded panics. */
  readonly sourcePaths: readonly string[];
}

/** Looks for `needles` (latin1) and absolute source paths in all of `source`. */
export function scanStrings(source: ByteSource, needles: readonly string[]): StringScan {
  const found = new Set<string>();
  const paths = new Set<string>();
  const window = Buffer.alloc(Math.min(WINDOW + OVERLAP, source.sizeBytes));
  for (let at = 0; at < source.sizeBytes; at += WINDOW) {
    const bytes = window.subarray(0, fill(source, window, at));
    for (const needle of needles) if (!found.has(needle) && bytes.includes(needle, 0, 'latin1')) found.add(needle);
    if (paths.size < PATHS_CAP) collectPaths(bytes, paths);
    if (bytes.length < window.length) break;
  }
  return { found: needles.filter((needle) => found.has(needle)), sourcePaths: [...paths].sort() };
}

function fill(source: ByteSource, window: Buffer, at: number): number {
  let filled = 0;
  while (filled < window.length) {
    const count = source.read(window.subarray(filled), at + filled);
    if (count <= 0) break;
    filled += count;
  }
  return filled;
}

function collectPaths(bytes: Buffer, paths: Set<string>): void {
  for (const [path] of bytes.toString('latin1').matchAll(SOURCE_PATH)) {
    paths.add(path);
    if (paths.size >= PATHS_CAP) return;
  }
}
