/**
 * What a hostile program in a sandbox can reach: SECURITY row "sandbox escape probes", from inside, on each backend.
 */
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostPath, treePathFromUser } from '../../src/core/paths.ts';
import { capability } from '../helpers/capabilities.ts';
import { makeSandbox, type Sandbox } from '../helpers/sandbox.ts';

const running = (marker: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) &&
        Number(pid) !== process.pid &&
        readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(marker)
      );
    } catch {
      return false;
    }
  });

/** A killed process needs a moment to go. */
async function survivors(marker: string): Promise<string[]> {
  for (let tries = 0; tries < 200 && running(marker).length > 0; tries++)
    await new Promise((resolve) => setTimeout(resolve, 5));
  return running(marker);
}

const USERS = [
  { as: 'the caller', options: {} },
  { as: 'an ordinary user', options: { isRoot: false } },
] as const;

describe.each([
  ...(['bwrap', 'userns'] as const).flatMap((backend) => USERS.map((user) => ({ backend, ...user, isolated: true }))),
  { backend: 'chroot' as const, ...USERS[0], isolated: true },
  { backend: 'proot' as const, ...USERS[0], isolated: false },
])('a program under $backend as $as', ({ backend, options, isolated }) => {
  const { skip, reason } = capability(backend, 'upstream');
  let sandbox: Sandbox;
  let outside: string;
  let server: Server;
  let port: number;

  beforeAll(async () => {
    if (skip) return;
    sandbox = makeSandbox(options);
    outside = mkdtempSync(join(tmpdir(), 'alproot-canary-'));
    writeFileSync(join(outside, 'secret'), 'c4nary');
    process.env['ALPROOT_TEST_SECRET'] = 'c4nary';
    server = createServer((socket) => socket.end('c4nary'));
    port = await new Promise((resolve) =>
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
    );
  });
  afterAll(() => {
    if (skip) return;
    delete process.env['ALPROOT_TEST_SECRET'];
    server.close();
    sandbox.close();
    rmSync(outside, { recursive: true });
  });

  it.skipIf(skip)(`sees no variable but those it was given${reason}`, async () => {
    const { text } = await sandbox.sh(backend, 'env', { env: { PATH: '/bin:/usr/bin', ONE: "two 'three' $four" } });
    const names = text
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0])
      .filter((name) => name !== 'PROOT_TMP_DIR')
      .sort();
    expect(names).toEqual(['ONE', 'PATH', 'PWD', 'SHLVL'].filter((name) => names.includes(name)));
    expect(text).toContain("ONE=two 'three' $four\n");
  });

  it.skipIf(skip)(`has three descriptors and no terminal${reason}`, async () => {
    const { text } = await sandbox.sh(
      backend,
      'ls /proc/$$/fd; (: </dev/tty) 2>/dev/null && echo terminal; readlink /proc/self/fd/0',
    );
    expect(text.split('\n').filter((line) => /^\d+$/.test(line) && Number(line) < 10)).toEqual(['0', '1', '2']);
    expect(text).not.toContain('terminal');
  });

  it.skipIf(skip || !isolated)(
    `cannot read the host's files, by their path or through processes${reason}`,
    async () => {
      const { text } = await sandbox.sh(
        backend,
        `cat ${outside}/secret; for p in /proc/[0-9]*; do cat $p/root${outside}/secret $p/cwd/secret ` +
          `$p/environ; done; true`,
      );
      expect(text).not.toContain('c4nary');
    },
  );

  it.skipIf(skip || !isolated)(`cannot see or signal the host's processes${reason}`, async () => {
    const victim = spawn('sleep', ['600'], { stdio: 'ignore' });
    const { text } = await sandbox.sh(
      backend,
      `kill -9 ${victim.pid ?? 0} 2>/dev/null && echo killed; ls -d /proc/[0-9]* | wc -l`,
    );
    expect(text).not.toContain('killed');
    expect(Number(text.trim().split('\n').at(-1))).toBeLessThan(10);
    expect(victim.exitCode ?? victim.signalCode).toBeNull();
    victim.kill();
  });

  it.skipIf(skip || !isolated)(`has no network without leave, and the host's with it${reason}`, async () => {
    const script =
      `cat /proc/net/dev | tail -n +3 | grep -vc ' lo:\\| *lo:'; wc -l </proc/net/unix; nc -w 2 ` +
      `127.0.0.1 ${port} </dev/null && echo reached`;
    expect((await sandbox.sh(backend, script)).text).not.toMatch(/c4nary|reached/);
    expect((await sandbox.sh(backend, script, { network: 'host' })).text).toContain('c4nary');
  });

  it.skipIf(skip || !isolated)(`cannot change a read-only tree, nor what is bound read-only${reason}`, async () => {
    const { text } = await sandbox.sh(
      backend,
      'echo x >/etc/motd; touch /new /seen/new; mount -o remount,rw /seen; mount -o remount,bind,rw /; ' +
        'echo x >/seen/secret; touch /again; echo done',
      {
        writable: false,
        mounts: [{ kind: 'bind', source: hostPath(outside), target: treePathFromUser('seen'), writable: false }],
      },
    );
    expect(text).toContain('done');
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('c4nary');
    expect(
      existsSync(join(sandbox.tree, 'new')) ||
        existsSync(join(sandbox.tree, 'again')) ||
        existsSync(join(sandbox.tree, 'seen')),
    ).toBe(false);
    expect(readFileSync(join(sandbox.tree, 'etc/motd'), 'utf8')).not.toBe('x\n');
  });

  it.skipIf(skip)(
    `a mount point that passes a link of the tree is refused before anything is started${reason}`,
    async () => {
      rmSync(join(sandbox.tree, 'trap'), { force: true });
      symlinkSync(outside, join(sandbox.tree, 'trap'));
      for (const target of ['trap', 'trap/new']) {
        await expect(
          sandbox.sh(backend, 'echo ran >/tmp/ran', {
            mounts: [{ kind: 'bind', source: hostPath('/usr'), target: treePathFromUser(target), writable: false }],
          }),
        ).rejects.toMatchObject({ code: 'ALP_RUN_MOUNT' });
      }
      expect(readdirSync(outside)).toEqual(['secret']);
      expect(existsSync(join(sandbox.tree, 'tmp/ran'))).toBe(false);
    },
  );

  it.skipIf(skip)(`finds mounts where they were asked for, and the tree as it was afterwards${reason}`, async () => {
    const source = join(outside, 'given');
    mkdirSync(source);
    const before = readdirSync(sandbox.tree);
    const { text, status } = await sandbox.sh(
      backend,
      'cd /work/deep && pwd && touch made && touch /scratch/x && echo fine',
      {
        mounts: [
          { kind: 'bind', source: hostPath(source), target: treePathFromUser('work/deep'), writable: true },
          { kind: 'tmpfs', target: treePathFromUser('scratch') },
        ],
      },
    );
    expect({ text, status }).toEqual({ text: '/work/deep\nfine\n', status: 0 });
    expect(readdirSync(source)).toEqual(['made']);
    expect(readdirSync(sandbox.tree)).toEqual(before);
    rmSync(source, { recursive: true });
  });

  it.skipIf(skip)(`leaves no process when it ends or is called off${reason}`, async () => {
    const marker = `4711${process.pid}${backend.length}`;
    await sandbox
      .sh(backend, `sleep ${marker} >/dev/null 2>&1 & (setsid sleep ${marker} >/dev/null 2>&1 &) ; exit 3`)
      .then(({ status }) => expect(status).toBe(3));
    expect(await survivors(marker)).toEqual([]);
    const calledOff = new AbortController();
    const run = sandbox.sh(backend, `echo up; setsid sleep ${marker} & sleep ${marker}`, {
      signal: calledOff.signal,
      stdio: { kind: 'pipe', onOutput: () => calledOff.abort(new Error('called off')) },
    });
    await expect(run).rejects.toThrow('called off');
    expect(await survivors(marker)).toEqual([]);
  });

  it.skipIf(skip)(`its status is its own, and a program that is not there is 127's${reason}`, async () => {
    expect((await sandbox.sh(backend, 'exit 42')).status).toBe(42);
    expect((await sandbox.sh(backend, 'sh -c "kill -15 \\$\\$"; exit $?')).status).toBe(143);
    await expect(sandbox.sh(backend, '', { argv: ['no-such-program'] })).rejects.toMatchObject({
      code: 'ALP_RUN_NOT_FOUND',
    });
  });

  it.skipIf(skip)(`is the user that was asked for${reason}`, async () => {
    expect((await sandbox.sh(backend, 'id -u; id -g', { user: { uid: 1000, gid: 1001 } })).text).toBe('1000\n1001\n');
    expect((await sandbox.sh(backend, 'id -u; id -g')).text).toBe('0\n0\n');
  });
});

describe.skipIf(capability('upstream', 'bwrap').skip)('the environment of a command', () => {
  it('is not among the arguments that every user of the host can read', async () => {
    const sandbox = makeSandbox();
    try {
      const seen = sandbox.sh('bwrap', 'cat /proc/1/environ | tr "\\0" "\\n"; sleep 0.2', {
        env: { PATH: '/usr/bin:/bin', TOKEN: 'top secret words', LD_PRELOAD: '/no/such/library.so' },
      });
      const arguments_ = (): string =>
        readdirSync('/proc')
          .filter((name) => /^\d+$/.test(name))
          .map((pid) => {
            try {
              return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
            } catch {
              return '';
            }
          })
          .join('\n');
      let all = '';
      const watch = setInterval(() => (all += arguments_()), 5);
      const { text } = await seen;
      clearInterval(watch);
      expect(all).toContain('bwrap');
      expect(all).not.toContain('top secret words');
      expect(text).not.toContain('error while loading');
    } finally {
      sandbox.close();
    }
  });
});
