/** A setuid bubblewrap is told from an ordinary one before it is ever started. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hostPath } from '../../src/core/paths.ts';
import { BACKENDS } from '../../src/run/backend.ts';
import { findHostTools } from '../../src/run/host-tools.ts';
import { probeBackend } from '../../src/run/probe.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'alproot-setuid-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

async function probe(mode: number): Promise<Awaited<ReturnType<typeof probeBackend>>> {
  const program = join(directory, 'bwrap');
  writeFileSync(program, '#!/bin/sh\necho started\nexit 1\n');
  chmodSync(program, mode);
  const host = findHostTools({
    searchPath: directory,
    isRoot: false,
    kernel: '6.1',
    cache: hostPath(join(directory, 'native')),
    arch: 'x86_64',
    scratch: () => hostPath(mkdtempSync(join(directory, 'scratch-'))),
  });
  const backend = BACKENDS.find(({ id }) => id === 'bwrap');
  if (backend === undefined) throw new Error('no bwrap backend');
  return probeBackend(backend, host, hostPath('/'));
}

test('a setuid bubblewrap is refused with the way out', async () => {
  const program = join(directory, 'bwrap');
  expect(await probe(0o4755)).toMatchObject({
    works: false,
    reason: `${program} is setuid`,
    fix: `as root: chmod u-s ${program}`,
  });
});

test('one without the bit is probed by what it does', async () => {
  expect(await probe(0o755)).toMatchObject({ works: false, reason: 'started' });
});
