/**
 * Queries of the host's paths, among which some cannot be reached; programs along a PATH of which not every directory
 * may be read.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findProgram, isDirectory, isFile } from '../../../src/system/files/host-paths.ts';

it('passes over directories that may not be read, files that cannot be started, and directories of that name', () => {
  const root = mkdtempSync(join(tmpdir(), 'alproot-path-'));
  try {
    for (const name of ['directory/tool', 'data', 'good', 'circle']) mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, 'data', 'tool'), '', { mode: 0o644 });
    writeFileSync(join(root, 'good', 'tool'), '', { mode: 0o755 });
    execFileSync('ln', ['-s', 'tool', join(root, 'circle', 'tool')]);
    const path = [
      'relative',
      ...['missing', 'data/tool', 'circle', 'directory', 'data', 'good'].map((name) => join(root, name)),
    ].join(':');
    expect(findProgram('tool', path)).toBe(join(root, 'good', 'tool'));
    expect(findProgram('other', path)).toBeUndefined();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

it('what cannot be reached is neither file nor directory: below a file, behind a loop, with a name too long', () => {
  const root = mkdtempSync(join(tmpdir(), 'alproot-path-'));
  try {
    writeFileSync(join(root, 'file'), '');
    execFileSync('ln', ['-s', 'loop', join(root, 'loop')]);
    for (const name of ['file/below', 'loop', 'loop/below', 'x'.repeat(300), 'missing'])
      expect([isFile(join(root, name)), isDirectory(join(root, name))], name.slice(0, 20)).toEqual([false, false]);
    expect([isFile(join(root, 'file')), isDirectory(root)]).toEqual([true, true]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
