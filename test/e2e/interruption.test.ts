/** Output that nobody reads any more ends the command as a signal would, without a word. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { builtCommand } from '../helpers/cli.ts';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'alproot-pipe-'));
});
afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

/** Runs it with a stdout whose reader is gone before anything is written. */
function runUnread(...args: string[]): Promise<{ status: number | null; stderr: string }> {
  const child = spawn(process.execPath, [builtCommand(), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: home, ALPROOT_CACHE: join(home, 'store') },
  });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (bytes: Buffer) => void (stderr += bytes.toString()));
  return new Promise((resolve) =>
    child.once('close', (status) => {
      resolve({ status, stderr });
    }),
  );
}

it.each([[['--help']], [['cache', 'path']], [['completion', 'bash']]])('%j', async (args) => {
  const { status, stderr } = await runUnread(...args);
  expect(stderr).toBe('');
  expect([0, 141]).toContain(status);
});
