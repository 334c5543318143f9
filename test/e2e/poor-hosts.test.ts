/**
 * Hosts that lack what others have: a store mounted noexec, a low limit of processes, no /proc. Each is said in plain
 * words, before anything is fetched.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { builtCommand, runArgv, type CliResult } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const needs = capability('upstream', 'bwrap', 'chroot');
let root: string;
let mirror: ReleaseMirror;
beforeAll(async () => {
  if (needs.skip) return;
  root = mkdtempSync(join(tmpdir(), 'alproot-poor-'));
  chmodSync(root, 0o755);
  mirror = await makeReleaseMirror(join(root, 'mirror'), [
    { name: 'app', version: '1-r0', files: { 'usr/share/app': 'app' } },
  ]);
  mkdirSync(join(root, 'project'));
  writeFileSync(join(root, 'project', 'Dockerfile'), 'FROM alpine:3.19\nRUN true\n');
});
afterAll(() => {
  if (!needs.skip) rmSync(root, { recursive: true, force: true });
});

interface Where {
  readonly store: string;
  readonly prefix: readonly string[];
}

const alproot = (args: readonly string[], { store, prefix }: Where): Promise<CliResult> =>
  runArgv([...prefix, process.execPath, builtCommand(), ...args], {
    cwd: join(root, 'project'),
    env: { PATH: process.env['PATH'] ?? '', HOME: join(root, 'home'), LC_ALL: 'C.UTF-8', ALPROOT_CACHE: store },
  });

const run = (): string[] => ['run', '-p', 'app', ...mirror.args, '--', 'cat', '/usr/share/app'];

describe.skipIf(needs.skip)(`a store that is mounted noexec${needs.reason}`, () => {
  let disk: string;
  /** Nobody but the command sees the mount; what it leaves is listed at its end. */
  const noexec = (options = 'noexec'): Where => ({
    store: join(disk, 'store'),
    prefix: [
      'unshare',
      '--mount',
      'sh',
      '-c',
      `mount -t tmpfs -o ${options} none "$0" && "$@"; status=$?; find "$0" -path '*/blobs/*' -type f | sed 's/^/left: /'; exit $status`,
      disk,
    ],
  });
  beforeAll(() => void (disk = mkdtempSync(join(root, "the 'disk' "))));

  it.each([
    ['run', run],
    ['cc', (): string[] => ['cc', '--version']],
    ['build', (): string[] => ['build', ...mirror.args, '-o', '../out', '.']],
  ] as const)('is refused by %s before anything is fetched', async (_name, args) => {
    const { status, stdout, stderr } = await alproot(args(), noexec());
    expect([status, stdout]).toEqual([125, '']);
    expect(stderr).toContain(
      `the store \`${disk}/store\` cannot be used to run anything: the file system at \`${disk}\` is mounted noexec`,
    );
    expect(stderr).toMatch(
      /^hint: choose a directory on another file system \(for the store: --cache or ALPROOT_CACHE\), or as root: mount -o remount,exec '/m,
    );
    expect(existsSync(join(root, 'out'))).toBe(false);
  });

  it('is what doctor says of it, and of each backend', async () => {
    const { status, stdout } = await alproot(['doctor'], noexec());
    expect(status).toBe(1);
    expect(stdout).toMatch(/^store .*mounted noexec: no program can be started there\n +fix: choose a directory/m);
    expect(stdout).toMatch(/^no {2}bwrap +the file system at \S.* is mounted noexec/m);
    expect(stdout).not.toMatch(/^ok /m);
  });

  it('does not hinder what runs nothing, nor is one where programs may be started', async () => {
    const made = await alproot(['rootfs', 'create', '../tree', '-p', 'app', ...mirror.args], noexec());
    expect(made.status, made.stderr).toBe(0);
    expect(existsSync(join(root, 'tree', 'usr/share/app'))).toBe(true);
    const ran = await alproot(run(), noexec('exec'));
    expect([ran.status, ran.stdout.split('left: ')[0]], ran.stderr).toEqual([0, 'app']);
  });

  it('does not hide that a tree elsewhere is on such a file system', async () => {
    await mirror.publish({
      name: 'set-up',
      version: '1-r0',
      files: { 'usr/share/set-up': 'x' },
      scripts: { 'post-install': '#!/bin/sh\n:\n' },
    });
    const { prefix } = noexec();
    const { status, stderr } = await alproot(
      ['rootfs', 'create', join(disk, 'tree'), '-p', 'set-up', ...mirror.args],
      { prefix, store: join(root, 'store') },
    );
    expect(status, stderr).toBe(125);
    expect(stderr).toContain(`the file system at \`${disk}\` is mounted noexec`);
  });
});

describe.skipIf(needs.skip)(`a low limit of processes${needs.reason}`, () => {
  // Processes are counted by user: this one has no others.
  const USER = 47_131;
  const limited = (limit: string): string[] => [
    'prlimit',
    `--nproc=${limit}`,
    'setpriv',
    `--reuid=${USER}`,
    `--regid=${USER}`,
    '--clear-groups',
  ];

  it('is said, and never makes a weaker backend take over, now or later', async () => {
    const store = join(root, 'own', 'store');
    mkdirSync(join(root, 'own'));
    chownSync(join(root, 'own'), USER, USER);
    const first = await alproot(['run', '-p', 'app', ...mirror.args, '--', 'true'], {
      store,
      prefix: limited('1000'),
    });
    expect(first.status, first.stderr).toBe(0);
    const seen: string[] = [];
    for (const limit of [14, 12, 11, 10, 9, 8, 7]) {
      for (const name of readdirSync(join(store, 'records')).filter((record) => record.startsWith('backend-')))
        rmSync(join(store, 'records', name));
      const { status, stdout, stderr } = await alproot(run(), { store, prefix: limited(String(limit)) });
      expect(stderr).not.toMatch(/using \w+;|this is a bug|^ +at /m);
      if (status === 0) expect(stdout).toBe('app');
      else {
        expect(status).toBe(125);
        expect(stderr).toMatch(/no more processes or threads may be started/);
        expect(stderr).toMatch(
          /^hint: end some of this user's processes, or raise the limit \(ulimit -u, or pids\.max of the container\)$/m,
        );
      }
      seen.push(status === 0 ? 'works' : 'said');
    }
    expect(seen).toContain('said');
    const later = await alproot(run(), { store, prefix: limited('1000') });
    expect([later.status, later.stdout, later.stderr]).toEqual([0, 'app', '']);
  });
});

describe.skipIf(needs.skip)(`a host without /proc${needs.reason}`, () => {
  it.each([
    ['that is not mounted', 'umount -l /proc'],
    ['that is hidden', 'mount -t tmpfs none /proc'],
  ])('%s is told so, and nothing is made', async (_how, hide) => {
    const prefix = ['unshare', '--mount', 'sh', '-c', `${hide} && exec "$@"`, 'sh'];
    const store = join(root, 'no-proc');
    for (const args of [
      ['doctor'],
      run(),
      ['rootfs', 'create', '../never', '-p', 'app', ...mirror.args],
      ['build', ...mirror.args, '-o', '../never', '.'],
    ]) {
      const { status, stderr } = await alproot(args, { store, prefix });
      expect(status).toBe(12);
      expect(stderr).toContain('/proc is not mounted here, or is hidden: cannot read `/proc/self/fd`');
      expect(stderr).toMatch(/^hint: as root: mount -t proc proc \/proc; in a chroot or a container/m);
    }
    expect([existsSync(store), existsSync(join(root, 'never'))]).toEqual([false, false]);
  });
});

describe.skipIf(needs.skip)(`a backend that cannot do what is asked${needs.reason}`, () => {
  it('was named by the user, and a better one works: that is the hint', async () => {
    const { status, stderr } = await alproot(['build', '--backend', 'loader', ...mirror.args, '-o', '../out', '.'], {
      store: join(root, 'store'),
      prefix: [],
    });
    expect(status).toBe(125);
    expect(stderr).toContain('loader cannot show a tree as /, which a Dockerfile needs');
    expect(stderr).toMatch(/^hint: leave --backend loader \(ALPROOT_BACKEND\) out: bwrap works here$/m);
    const ran = await alproot(
      ['run', '--backend', 'loader', '-v', '/usr:/elsewhere', '-p', 'app', ...mirror.args, '--', 'true'],
      { store: join(root, 'store'), prefix: [] },
    );
    expect([ran.status, ran.stderr]).toEqual([
      125,
      expect.stringMatching(
        /directories of the host; leave --backend loader \(ALPROOT_BACKEND\) out: bwrap works here$/m,
      ) as string,
    ]);
  });

  it('is forbidden by the kernel although it is installed: nothing is to be installed', async () => {
    // A namespace that lets no other be made below it; whoever is root in it only is not the host's root.
    const forbidden = [
      'unshare',
      '--user',
      '--map-root-user',
      'sh',
      '-c',
      'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"',
      'sh',
    ];
    const { status, stderr } = await alproot(
      ['run', '--backend', 'bwrap', '-p', 'app', ...mirror.args, '--', 'true'],
      { store: join(root, 'store'), prefix: forbidden },
    );
    expect(status, stderr).toBe(125);
    expect(stderr).toContain('bwrap cannot be used here: no user namespace is allowed');
    expect(stderr).toMatch(/^hint: as root: sysctl user\.max_user_namespaces=10000$/m);
    expect(stderr).not.toContain('install');
  });
});
