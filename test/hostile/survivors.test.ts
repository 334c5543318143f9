/** alproot killed while it starts a sandbox: whatever the moment, no process of the sandbox stays behind. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackendName } from '../../src/core/run-description.ts';
import { capability } from '../helpers/capabilities.ts';
import { builtCommand } from '../helpers/cli.ts';
import { enter } from '../helpers/ledger.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';
import { processesWith, survivors } from '../helpers/survivors.ts';

const upstream = capability('upstream');
let root: string;
let mirror: ReleaseMirror;
beforeAll(async () => {
  if (upstream.skip) return;
  root = mkdtempSync(join(tmpdir(), 'alproot-survivors-'));
  mirror = await makeReleaseMirror(join(root, 'mirror'), []);
  mkdirSync(join(root, 'work'));
});
afterAll(() => {
  if (!upstream.skip) rmSync(root, { recursive: true, force: true });
});

/** The command leaves a daemon in a session of its own, and waits. */
const SCRIPT = 'echo up; (setsid sleep 1000 &); sleep 1000';

/** @param word what only these processes have in their environment */
function start(backend: BackendName, word: string, prefix: readonly string[] = []): ChildProcess {
  const [file = '', ...args] = [
    ...prefix,
    process.execPath,
    builtCommand(),
    'run',
    '--backend',
    backend,
    ...mirror.args,
    '-e',
    'WORD',
    '--',
    'sh',
    '-c',
    SCRIPT,
  ];
  return spawn(file, args, {
    cwd: join(root, 'work'),
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'] ?? '', HOME: root, TMPDIR: root, ALPROOT_CACHE: join(root, 'cache'), WORD: word },
  });
}

const ended = (child: ChildProcess): Promise<void> => new Promise((resolve) => child.once('exit', () => resolve()));
const whenUp = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => child.stdout?.once('data', () => resolve()));

/** Who survives; nobody does after that. */
async function leftOf(word: string): Promise<string[]> {
  const left = await survivors(word);
  for (const { pid } of processesWith(word)) process.kill(pid, 'SIGKILL');
  return left;
}

/** How long it takes until the command runs, in milliseconds; everything is in the store afterwards. */
async function timeToStart(backend: BackendName): Promise<number> {
  let took = 0;
  for (let turn = 0; turn < 2; turn++) {
    const began = performance.now();
    const child = start(backend, `${root}-warm`);
    await whenUp(child);
    took = performance.now() - began;
    child.kill('SIGKILL');
    await ended(child);
  }
  return took;
}

describe.each(['bwrap', 'userns', 'chroot', 'proot', 'loader'] as const)('under %s', (backend) => {
  const needs = capability('upstream', ...(backend === 'loader' ? [] : [backend]));
  const traced = capability('upstream', 'strace', ...(backend === 'loader' ? [] : [backend]));

  it.skipIf(needs.skip)(`a kill at any time of the start leaves no process${needs.reason}`, async () => {
    const took = await timeToStart(backend);
    for (let turn = 0; turn < 10; turn++) {
      const word = `${root}-${backend}-${turn}`;
      const child = start(backend, word);
      const timer = setTimeout(() => child.kill('SIGKILL'), took * (0.7 + turn * 0.05));
      await ended(child);
      clearTimeout(timer);
      const left = await leftOf(word);
      enter({ kind: 'fault', area: 'kill while a sandbox starts', ok: left.length === 0 });
      expect(left).toEqual([]);
    }
  });

  it.skipIf(traced.skip)(
    `a kill between the start of a sandbox and its wish to end with us leaves no process${traced.reason}`,
    async () => {
      await timeToStart(backend);
      const word = `${root}-${backend}-slow`;
      // Every process takes its time over prctl, which is how it asks for a signal when its parent dies.
      const tracer = start(backend, word, [
        'strace',
        '-f',
        '-qq',
        '-o',
        '/dev/null',
        '-e',
        'trace=prctl',
        '-e',
        'inject=prctl:delay_enter=300000',
      ]);
      const alproot = await firstBelow(tracer.pid ?? 0, (text) => text.startsWith(process.execPath));
      await firstBelow(alproot, () => true);
      process.kill(alproot, 'SIGKILL');
      expect(await leftOf(word)).toEqual([]);
    },
  );
});

/** The first child of `parent` whose command line is such, as soon as there is one. */
async function firstBelow(parent: number, isIt: (text: string) => boolean): Promise<number> {
  for (;;) {
    const children = spawnSync('pgrep', ['-P', String(parent)])
      .stdout.toString()
      .split('\n')
      .filter(Boolean)
      .map(Number);
    const known = processesWith(root);
    const found = children.find((pid) => known.some((one) => one.pid === pid && isIt(one.text)));
    if (found !== undefined) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
