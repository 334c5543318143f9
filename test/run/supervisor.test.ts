/** The supervisor alone: it starts a program, tells how that ended, and leaves nobody behind. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archOfNode } from '../../src/core/arch.ts';
import { hostPath, type HostPath } from '../../src/core/paths.ts';
import { SUPERVISOR } from '../../src/run/native-parts.ts';
import { openProgram } from '../../src/run/native-program.ts';
import { runProcess } from '../../src/system/process/spawn.ts';
import { capability } from '../helpers/capabilities.ts';
import { survivors } from '../helpers/survivors.ts';

let root: string;
let supervisor: HostPath;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'alproot-supervisor-'));
  const found = await openProgram(SUPERVISOR, {
    cache: hostPath(join(root, 'cache')),
    searchPath: process.env['PATH'] ?? '',
    arch: archOfNode(process.arch) ?? '',
  });
  if (found === undefined) throw new Error('no supervisor can be made here');
  supervisor = found;
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const PATH = '/usr/bin:/bin';
/** @param word what tells the processes of one test */
const supervised = (script: string, word = 'none'): ReturnType<typeof runProcess> =>
  runProcess(['/bin/sh', '-c', script], { env: { PATH, WORD: word }, stdio: 'pipe', detached: true, supervisor });

/** A process between us and the supervisor, that can be killed. */
function startBetween(script: string, word: string): ChildProcess {
  return spawn('/bin/sh', ['-c', '"$1" $$ /bin/sh -c "$2" & wait', 'sh', supervisor, script], {
    env: { PATH, WORD: word },
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
}

const firstOutput = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => child.stdout?.once('data', () => resolve()));
const wordOf = (name: string): string => `${join(root, 'word')}-${name}`;

describe('how the program ended', () => {
  it.each([0, 1, 7, 126, 255])('a status of %i is passed on', async (status) =>
    expect(await supervised(`exit ${status}`)).toEqual({ status, signal: undefined }),
  );
  it.each(['SIGKILL', 'SIGTERM', 'SIGSEGV', 'SIGINT', 'SIGUSR1'] as const)('%s is passed on', async (signal) => {
    expect(await supervised(`kill -${signal.slice(3)} $$`)).toEqual({
      status: 128 + constants.signals[signal],
      signal,
    });
  });
  it.each([
    ['/missing/program', 127],
    ['/etc/passwd', 126],
  ] as const)('%s cannot be started: %i', async (program, status) => {
    expect((await runProcess([program], { env: { PATH }, stdio: 'pipe', supervisor })).status).toBe(status);
  });
  it('the program has the signals that it would have without a supervisor', async () => {
    const lines: Buffer[] = [];
    await runProcess(['/bin/sh', '-c', 'exec grep Sig /proc/self/status'], {
      env: { PATH },
      stdio: 'pipe',
      supervisor,
      onOutput: (_stream, bytes) => void lines.push(bytes),
    });
    const text = Buffer.concat(lines).toString();
    expect(text).toMatch(/^SigBlk:\t0+$/m);
    expect(text).toMatch(/^SigIgn:\t0+$/m);
  });
});

describe('pipes that the program can open again', () => {
  const leftovers = (): string[] =>
    readdirSync(tmpdir()).filter((name) => name.startsWith(`alproot-pipe-${process.pid}-`));
  const printed = async (
    script: string,
    { program = '/bin/sh', signal }: { readonly program?: string; readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly status: number; readonly stdout: string; readonly stderr: string }> => {
    const kept = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    const { status } = await runProcess([program, '-c', script], {
      env: { PATH },
      stdio: 'reopenable',
      detached: true,
      supervisor,
      onOutput: (stream, bytes) => void kept[stream].push(bytes),
      ...(signal === undefined ? {} : { signal }),
    });
    expect(leftovers()).toEqual([]);
    return { status, stdout: Buffer.concat(kept.stdout).toString(), stderr: Buffer.concat(kept.stderr).toString() };
  };

  it('pass on what is printed, and what is printed to them by name', async () => {
    expect(await printed('echo a; echo b >/dev/stdout; echo c >&2; echo d >/proc/self/fd/2; exit 3')).toEqual({
      status: 3,
      stdout: 'a\nb\n',
      stderr: 'c\nd\n',
    });
  });
  it('may be opened again by whatever user the program becomes', async () => {
    expect((await printed('stat -L -c %F,%a /dev/stdout /dev/stderr')).stdout).toBe('fifo,666\nfifo,666\n');
  });
  it('pass on everything, also after the program has ended', async () => {
    expect(
      (await printed('head -c 3000000 /dev/zero | tr "\\0" x; head -c 300000 /dev/zero >&2')).stdout,
    ).toHaveLength(3_000_000);
  });
  it('may have nothing to pass on', async () =>
    expect(await printed('exit 0')).toEqual({ status: 0, stdout: '', stderr: '' }));
  it('pass on what is wrong with the program', async () => {
    expect(await printed('', { program: '/missing/program' })).toEqual({
      status: 127,
      stdout: '',
      stderr: '/missing/program: not found\n',
    });
  });
  it.each([0, 1, 2, 5, 10])('end with a run that is ended after %i turns', async (turns) => {
    const asked = new AbortController();
    const run = printed('sleep 1000', { signal: asked.signal });
    for (let turn = 0; turn < turns; turn++) await new Promise((next) => setImmediate(next));
    asked.abort(new Error('enough'));
    await expect(run).rejects.toThrow('enough');
    expect(leftovers()).toEqual([]);
  });
  it('are done without where none can be made', () => {
    expect(
      execFileSync(supervisor, [String(process.pid), '-p', '/missing', '/bin/sh', '-c', 'echo here'], {
        encoding: 'utf8',
        env: { PATH },
      }),
    ).toBe('nhere\n');
  });
});

describe('nobody is left', () => {
  const DAEMONS = '(setsid sh -c "sleep 1000 & sleep 1000" &); setsid sleep 1000 & sleep 1000 &';

  it('when the program has ended', async () => {
    const word = wordOf('ended');
    expect((await supervised(`${DAEMONS} exit 3`, word)).status).toBe(3);
    expect(await survivors(word)).toEqual([]);
  });
  it('when it is asked to end', async () => {
    const word = wordOf('aborted');
    const asked = new AbortController();
    const run = runProcess(
      ['/bin/sh', '-c', `trap "" TERM INT HUP QUIT; ${DAEMONS} echo up; while :; do sleep 1000; done`],
      {
        env: { PATH, WORD: word },
        stdio: 'pipe',
        detached: true,
        supervisor,
        signal: asked.signal,
        onOutput: () => asked.abort(new Error('enough')),
      },
    );
    await expect(run).rejects.toThrow('enough');
    expect(await survivors(word)).toEqual([]);
  });
  it('when the process that started it is killed', async () => {
    const word = wordOf('killed');
    const between = startBetween(`${DAEMONS} echo up; sleep 1000`, word);
    await firstOutput(between);
    between.kill('SIGKILL');
    expect(await survivors(word)).toEqual([]);
  });
  it('when the whole group of the process that started it is killed', async () => {
    const word = wordOf('group');
    const between = startBetween(`${DAEMONS} echo up; sleep 1000`, word);
    await firstOutput(between);
    process.kill(-(between.pid ?? 0), 'SIGKILL');
    expect(await survivors(word)).toEqual([]);
  });
  it('when the supervisor itself is killed, of the program', async () => {
    const word = wordOf('supervisor');
    const between = startBetween('echo up; exec sleep 1000', word);
    await firstOutput(between);
    const pid = readFileSync(`/proc/${between.pid ?? 0}/task/${between.pid ?? 0}/children`, 'utf8').trim();
    process.kill(Number(pid), 'SIGKILL');
    expect(await survivors(word)).toEqual([]);
  });
});

describe('what PRoot keeps in /tmp', () => {
  /** Stands in for PRoot: a program that has a file and a directory of its name there, and is killed. */
  const KEEPER =
    'mkdir -p /tmp/proot-$$-glue/a/b && : >/tmp/proot-$$-glue/a/b/c && ln -s /etc /tmp/proot-$$-glue/link && : >/tmp/prooted-$$-loader && : >/tmp/prooted-$$0-other && : >/tmp/proot.$$ && echo $$';
  const kept = (pid: string): string[] =>
    readdirSync('/tmp')
      .filter((name) => new RegExp(`^proot(?:ed)?[-.]${pid}0?(?:-|$)`).test(name))
      .sort();

  it('goes when it was killed, and nothing else does', async () => {
    const between = startBetween(`${KEEPER}; exec sleep 1000`, wordOf('kept'));
    let pid = '';
    between.stdout?.on('data', (bytes: Buffer) => (pid += bytes.toString()));
    await firstOutput(between);
    pid = pid.trim();
    try {
      expect(kept(pid)).toHaveLength(4);
      between.kill('SIGKILL');
      expect(await survivors(wordOf('kept'))).toEqual([]);
      expect(kept(pid)).toEqual([`proot.${pid}`, `prooted-${pid}0-other`]);
      expect(readdirSync('/etc').length).toBeGreaterThan(0);
    } finally {
      for (const name of kept(pid)) rmSync(join('/tmp', name), { recursive: true });
    }
  });
});

const proot = capability('proot');
it.skipIf(proot.skip)(`leaves no loader of PRoot when alproot is killed${proot.reason}`, async () => {
  const loaders = (): string[] => readdirSync('/tmp').filter((name) => name.startsWith('prooted-'));
  const between = startBetween('exec proot -0 sh -c "echo up; sleep 1000"', wordOf('proot'));
  await firstOutput(between);
  const pid = readFileSync(`/proc/${between.pid ?? 0}/task/${between.pid ?? 0}/children`, 'utf8').trim();
  const child = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  expect(loaders().filter((name) => name.startsWith(`prooted-${child}-`)).length).toBeGreaterThan(0);
  between.kill('SIGKILL');
  expect(await survivors(wordOf('proot'))).toEqual([]);
  expect(loaders().filter((name) => name.startsWith(`prooted-${child}-`))).toEqual([]);
});

it('starts nothing when its parent is gone already', async () => {
  const made = join(root, 'made');
  const { status, signal } = await runProcess([supervisor, '2147483647', '/bin/touch', made], {
    env: { PATH },
    stdio: 'pipe',
  });
  expect({ status, signal }).toEqual({ status: 137, signal: undefined });
  expect(() => readFileSync(made)).toThrow('ENOENT');
});

it('is one small static file that asks nothing of the host', () => {
  const bytes = readFileSync(supervisor);
  expect(bytes.length).toBeLessThan(32_768);
  expect(execFileSync(supervisor, [String(process.pid), '/bin/echo', 'a b', ''], { env: {} }).toString()).toBe(
    'a b \n',
  );
});
