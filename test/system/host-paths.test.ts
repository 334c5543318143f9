/** Programs of the host, along a PATH of which not every directory may be read. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findProgram } from '../../src/system/host-paths.ts';

it('passes over directories that may not be read, files that cannot be started, and directories of that name', () => {
  const root = mkdtempSync(join(tmpdir(), 'alproot-path-'));
  try {
    for (const name of ['directory/tool', 'data', 'good', 'circle']) mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, 'data', 'tool'), '', { mode: 0o644 });
    writeFileSync(join(root, 'good', 'tool'), '', { mode: 0o755 });
    execFileSync('ln', ['-s', 'tool', join(root, 'circle', 'tool')]);
    const path = ['relative', ...['missing', 'data/tool', 'circle', 'directory', 'data', 'good'].map((name) => join(root, name))].join(':');
    expect(findProgram('tool', path)).toBe(join(root, 'good', 'tool'));
    expect(findProgram('other', path)).toBeUndefined();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
