/**
 * Runs `/attack` in a tree, in a process that has a terminal: `terminal-run.ts BACKEND terminal|inherit|bare ATTACK`.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BackendName, RunStdio } from '../../src/core/run-description.ts';
import { makeSandbox } from './sandbox.ts';

const [backend = '', kind = '', attack = ''] = process.argv.slice(2);
const target = (process.env['TARGET_TTY'] ?? '').split(' ');

if (kind === 'bare') process.exitCode = spawnSync(attack, target, { stdio: 'inherit' }).status ?? 255;
else {
  const sandbox = makeSandbox();
  try {
    copyFileSync(attack, join(sandbox.tree, 'bin', 'attack'));
    const { status } = await sandbox.sh(backend as BackendName, '', {
      argv: ['/bin/attack', ...target],
      stdio: { kind } as RunStdio,
    });
    process.exitCode = status;
  } finally {
    sandbox.close();
  }
}
