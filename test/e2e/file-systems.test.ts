/**
 * File systems that cannot do everything, and mounts in odd places: what is possible works, and the rest is refused
 * before any of it is made.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { builtCommand, runArgv, type CliResult } from '../helpers/cli.ts';
import {
  type Bench,
  digestOf,
  failSyscall,
  fillPlace,
  makeFaultBench,
  type Operation,
  OPERATIONS,
  tryFault,
} from '../helpers/faults.ts';
import { enter } from '../helpers/ledger.ts';

const needs = capability('upstream', 'bwrap');
const [create, build] = ['rootfs create', 'build'].map(
  (wanted) => OPERATIONS.find(({ name }) => name === wanted) as Operation,
) as [Operation, Operation];
let bench: Bench;
let place: string;
beforeAll(async () => {
  if (!needs.skip) bench = await makeFaultBench([create, build]);
});
afterAll(() => {
  if (!needs.skip) bench.close();
});
beforeEach(() => {
  if (needs.skip) return;
  place = mkdtempSync(join(bench.root, 'place-'));
  fillPlace(place);
  mkdirSync(join(place, 'tmp'));
  chmodSync(join(place, 'tmp'), 0o777);
});
afterEach(() => {
  if (!needs.skip) rmSync(place, { recursive: true, force: true });
});

interface Where {
  readonly cwd?: string;
  readonly store?: string;
  readonly prefix?: readonly string[];
}

const alproot = (
  args: readonly string[],
  { cwd = place, store = join(place, 'cache'), prefix = [] }: Where = {},
): Promise<CliResult> =>
  runArgv(
    [
      ...prefix,
      process.execPath,
      builtCommand(),
      ...args,
      ...(['cache', 'run'].includes(args[0] ?? '') ? [] : bench.mirror.args),
    ],
    {
      cwd,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: join(place, 'home'),
        TMPDIR: join(place, 'tmp'),
        LC_ALL: 'C.UTF-8',
        ALPROOT_CACHE: store,
      },
    },
  );

const said = (area: string, ok: boolean): void => enter({ kind: 'fault', area, ok });
const wanted = (operation: Operation): string | undefined => bench.wanted.get(operation.name)?.digest;
const failing = (calls: string, error: string): string[] => [
  'strace',
  '-f',
  '-qq',
  '-o',
  '/dev/null',
  '-e',
  `trace=${calls}`,
  '-e',
  `inject=${calls}:error=${error}`,
];

const traced = capability('upstream', 'bwrap', 'strace');
describe.skipIf(traced.skip)(`a file system without${traced.reason}`, () => {
  it('hard links keeps a store, and gets copies of what has two names', async () => {
    writeFileSync(
      join(place, 'Dockerfile'),
      'FROM alpine:3.19\nRUN mkdir /two && echo two > /two/a && chmod 750 /two/a && ln /two/a /two/b\nFROM scratch\nCOPY --from=0 /two /\n',
    );
    expect(await alproot(['build', '-o', 'first', '.'])).toMatchObject({ status: 0 });
    const again = await alproot(['build', '-o', 'again', '.'], { prefix: failing('/^link', 'EPERM') });
    expect(again.status, again.stderr).toBe(0);
    expect(digestOf(join(place, 'again'))).toBe(digestOf(join(place, 'first')));
    // Which backend works is known by then: one is tried with links.
    expect(await alproot(['run', ...bench.mirror.args, '--', 'true'], { store: join(place, 'new') })).toMatchObject({
      status: 0,
    });
    const ran = await alproot(['run', '-p', 'app', ...bench.mirror.args, '--', 'cat', '/etc/app.conf'], {
      prefix: failing('/^link', 'EPERM'),
      store: join(place, 'new'),
    });
    expect([ran.status, ran.stdout], ran.stderr).toEqual([0, 'conf']);
    said('no hard links', true);
  });

  it.each(['EPERM', 'ENOSYS'])('symbolic links (%s) is told so before anything is made', async (error) => {
    const prefix = failing('/^symlink', error);
    for (const store of ['cache', 'other']) {
      // The second time there is a store already.
      if (store === 'other')
        expect(await alproot(['cache', 'ls'], { store: join(place, store) })).toMatchObject({ status: 0 });
      const before = readdirSync(place);
      expect(await alproot(create.args, { prefix, store: join(place, store) })).toMatchObject({
        status: store === 'cache' ? 9 : 12,
        stderr: expect.stringMatching(
          /its file system has no symbolic links \[ALP_(?:STORE|FILE)_WRITE\]\nhint: choose a place/,
        ) as string,
      });
      expect(readdirSync(place).filter((name) => name !== store)).toEqual(before.filter((name) => name !== store));
      if (store === 'cache') expect(readdirSync(join(place, store))).toEqual([]);
    }
    said('no symbolic links', true);
  });

  it.each([
    ['rename', 'EXDEV'],
    ['rename', 'ESTALE'],
    ['openat', 'ESTALE'],
    ['mkdir', 'EEXIST'],
    ['unlink', 'EBUSY'],
  ] as const)('%s, which fails with %s each time or late, is said and recovered from', async (call, error) => {
    for (const at of ['1+', 300] as const) {
      if (call === 'openat' && at === '1+') continue;
      const { wrong } = await tryFault(bench, create, failSyscall(call, at, error));
      said(`every ${call} fails`, wrong.length === 0);
      expect(wrong).toEqual([]);
    }
  });
});

const exfat = capability('upstream', 'bwrap', 'exfat');
describe.skipIf(exfat.skip)(`exFAT${exfat.reason}`, () => {
  let stick: string;
  let device: string;
  beforeAll(() => {
    const image = join(bench.root, 'exfat.img');
    writeFileSync(image, '');
    truncateSync(image, 256 * 2 ** 20);
    execFileSync('mkfs.exfat', [image], { stdio: 'ignore' });
    stick = mkdtempSync(join(bench.root, 'stick-'));
    device = execFileSync('losetup', ['-f', '--show', image], { encoding: 'utf8' }).trim();
    // As for its owner alone: a stick that everybody may write to could not hold a store for another reason.
    execFileSync('mount.exfat-fuse', ['-o', 'umask=022', device, stick], { stdio: 'ignore' });
  });
  afterAll(() => {
    spawnSync('umount', [stick]);
    if (device !== '') spawnSync('losetup', ['-d', device]);
  });

  it.each([
    ['the store', 'cache'],
    ['a tree', 'tree'],
  ])('is told not to be fit for %s, which it then has no part of', async (what, name) => {
    const store = name === 'cache' ? join(stick, 'cache') : join(place, 'cache');
    expect(await alproot(create.args, { cwd: name === 'tree' ? stick : place, store })).toMatchObject({
      status: name === 'cache' ? 9 : 12,
      stderr: expect.stringContaining(
        `/${name}\` cannot be ${what}: its file system has no symbolic links, no names that differ in case only`,
      ) as string,
    });
    expect(readdirSync(stick, { recursive: true })).toEqual(name === 'cache' ? ['cache'] : []);
    rmSync(join(stick, 'cache'), { recursive: true, force: true });
  });

  it('takes a program, a tar and a bundle, and says which file of a whole tree it cannot take', async () => {
    const out = join(stick, 'out');
    expect(await alproot(['build', '-o', out, '.'])).toMatchObject({
      status: 12,
      stderr: expect.stringMatching(
        /cannot write `bin\/\w+` to `\S+`: its file system has no symbolic links \[ALP_FILE_WRITE\]\nhint: write it as one file/,
      ) as string,
    });
    expect(readdirSync(stick)).toEqual([]);
    expect(await alproot(['build', '-o', `type=tar,dest=${stick}/out.tar`, '.'])).toMatchObject({ status: 0 });
    expect(await alproot(['bundle', 'create', '-o', join(stick, 'app.alproot'), '.'])).toMatchObject({ status: 0 });
    writeFileSync(join(place, 'Dockerfile'), 'FROM scratch\nCOPY data /\n');
    const one = await alproot(['build', '-o', out, '.']);
    expect(one.status, one.stderr).toBe(0);
    expect(readFileSync(join(out, 'data'), 'utf8')).toBe('data\n');
    writeFileSync(join(place, 'Dockerfile'), 'FROM scratch\nCOPY data /\nCOPY data /DATA\n');
    expect(await alproot(['build', '-o', out, '.'])).toMatchObject({
      status: 12,
      stderr: expect.stringMatching(/its file system takes it for (?:data|DATA) /) as string,
    });
    expect(readdirSync(stick).sort()).toEqual(['app.alproot', 'out', 'out.tar']);
    said('exFAT', true);
  });
});

const mounts = capability('upstream', 'bwrap', 'chroot');
describe.skipIf(mounts.skip)(`mounts${mounts.reason}`, () => {
  /** Nobody but the command sees them. */
  const bound = (...pairs: readonly (readonly [from: string, to: string])[]): string[] => [
    'unshare',
    '--mount',
    'sh',
    '-c',
    `${pairs.map(([from, to]) => `mount --bind '${from}' '${to}' && `).join('')}cd "$PWD" && exec "$@"`,
    'sh',
  ];
  let other: string;
  beforeEach(() => void (other = mkdtempSync(join('/dev/shm', 'alproot-other-'))));
  afterEach(() => rmSync(other, { recursive: true, force: true }));

  it.each(['the same file system', 'another one'])(
    'of %s as the directory of an output get what is built',
    async (which) => {
      const source = which === 'another one' ? other : mkdtempSync(join(bench.root, 'source-'));
      writeFileSync(join(source, 'kept'), '');
      mkdirSync(join(place, 'out'));
      const built = await alproot(build.args, { prefix: bound([source, join(place, 'out')]) });
      expect(built.status, built.stderr).toBe(0);
      rmSync(join(source, 'kept'));
      // The directory itself keeps its own mode.
      chmodSync(source, 0o755);
      expect(digestOf(source)).toBe(wanted(build));
    },
  );

  it.each(['the same file system', 'another one'])('of %s are no place for a tree, and are told so', async (which) => {
    const source = which === 'another one' ? other : mkdtempSync(join(bench.root, 'source-'));
    mkdirSync(join(place, 'tree'));
    expect(await alproot(create.args, { prefix: bound([source, join(place, 'tree')]) })).toMatchObject(
      which === 'another one'
        ? { status: 7, stderr: expect.stringContaining('is a mount point') as string }
        : {
            status: 12,
            stderr: expect.stringMatching(/\(EBUSY\) \[ALP_FILE_WRITE\]\nhint: something is mounted there/) as string,
          },
    );
    expect([readdirSync(source), readdirSync(place).filter((name) => name.includes('tree'))]).toEqual([[], ['tree']]);
  });

  it('that show one store in two places share it, also at once', async () => {
    const [one, two] = [join(place, 'one'), join(place, 'two')];
    for (const path of [one, two]) mkdirSync(path);
    const results = await Promise.all(
      [one, two, one, two].map((at, number) => {
        const cwd = join(place, `work-${number}`);
        mkdirSync(cwd);
        fillPlace(cwd);
        return alproot(build.args, { cwd, store: at, prefix: bound([other, one], [other, two]) });
      }),
    );
    expect(results.map(({ status, stderr }) => (status === 0 ? '' : stderr))).toEqual(['', '', '', '']);
    expect([0, 1, 2, 3].map((number) => digestOf(join(place, `work-${number}`, 'out')))).toEqual(
      Array(4).fill(wanted(build)),
    );
    expect(await alproot(['cache', 'verify'], { store: other })).toMatchObject({ status: 0 });
    expect(readdirSync(join(other, 'tmp'))).toEqual([]);
    said('a store in two places', true);
  });

  it.each([
    ['root', 0, 12345],
    ['a member of the group', 12346, 12345],
  ] as const)(
    'and directories that belong to somebody else and to a group are written to by %s',
    async (_who, uid, gid) => {
      const shared = join(place, 'shared');
      chmodSync(bench.root, 0o755);
      chmodSync(place, 0o755);
      mkdirSync(shared);
      chownSync(shared, 54321, gid);
      chmodSync(shared, 0o775);
      const become = uid === 0 ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
      // Trees may lie there, and no store, whose programs would be that somebody's.
      expect(await alproot(create.args, { cwd: shared, store: join(shared, 'cache'), prefix: become })).toMatchObject({
        status: 9,
        stderr: expect.stringContaining('[ALP_STORE_OWNER]') as string,
      });
      const own = join(place, 'own');
      mkdirSync(own);
      chownSync(own, uid, gid);
      const made = await alproot(create.args, { cwd: shared, store: join(own, 'cache'), prefix: become });
      expect(made.status, made.stderr).toBe(0);
      if (uid === 0) expect(digestOf(join(shared, 'tree'))).toBe(wanted(create));
      expect(readdirSync(shared).sort()).toEqual(['tree']);
    },
  );
});

describe.skipIf(needs.skip)(`links${needs.reason}`, () => {
  it.each([
    ['a circle', 'loop', 'ELOOP'],
    ['nothing', 'nowhere', 'EEXIST'],
  ])('to %s in the way of a store or a tree are named, and left alone', async (_what, target, errno) => {
    symlinkSync(target, join(place, 'loop'));
    const before = readdirSync(place).sort();
    for (const [args, where] of [
      [create.args, { store: join(place, 'loop') }],
      [['rootfs', 'create', 'loop/tree'], {}],
      [['build', '-o', 'loop/out', '.'], {}],
    ] as const) {
      const { status, stderr } = await alproot(args, where);
      expect([2, 7, 9, 12], stderr).toContain(status);
      expect(stderr).toMatch(
        new RegExp(`loop\\S*: (?:${errno}|ENOENT|ENOTDIR|.*\\((?:${errno}|ENOENT|ENOTDIR)\\))|is not a directory`),
      );
      expect(stderr).toMatch(/^hint: ./m);
    }
    expect(
      readdirSync(place)
        .filter((name) => name !== 'cache')
        .sort(),
    ).toEqual(before);
  });
});
