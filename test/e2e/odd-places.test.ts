/** Places and limits that a host may have: odd names, a store that can only be read, few descriptors, small files. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { builtCommand, runArgv, type CliResult } from '../helpers/cli.ts';
import { digestOf } from '../helpers/faults.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const needs = capability('upstream', 'bwrap');
let root: string;
let mirror: ReleaseMirror;
let wanted: string;
beforeAll(async () => {
  if (needs.skip) return;
  root = mkdtempSync(join(tmpdir(), 'alproot-places-'));
  mirror = await makeReleaseMirror(join(root, 'mirror'), [
    { name: 'app', version: '1-r0', files: { 'usr/share/app': 'app' } },
  ]);
  expect((await create(join(root, 'plain'), join(root, 'plain', 'store'))).status).toBe(0);
  wanted = digestOf(join(root, 'plain', 'tree'));
});
afterAll(() => {
  if (!needs.skip) rmSync(root, { recursive: true, force: true });
});

interface Place {
  readonly store: string;
  readonly prefix?: readonly string[];
}

function alproot(args: readonly string[], work: string, { store, prefix = [] }: Place): Promise<CliResult> {
  mkdirSync(work, { recursive: true });
  return runArgv([...prefix, process.execPath, builtCommand(), ...args], {
    cwd: work,
    env: { PATH: process.env['PATH'] ?? '', HOME: join(root, 'home'), LC_ALL: 'C.UTF-8', ALPROOT_CACHE: store },
  });
}

const create = (work: string, store: string, prefix: readonly string[] = []): Promise<CliResult> =>
  alproot(['rootfs', 'create', './tree', '-p', 'app', ...mirror.args], work, { store, prefix });
const say = (work: string, store: string, prefix: readonly string[] = []): Promise<CliResult> =>
  alproot(['run', '-p', 'app', ...mirror.args, '--', 'sh', '-c', 'cat /usr/share/app; touch here'], work, {
    store,
    prefix,
  });

describe.skipIf(needs.skip)(`names of directories${needs.reason}`, () => {
  it.each(['a b', 'a:b', 'a,b', '-a', "a'b", 'a"b', 'a$b', 'a\\b', 'é', '%s', '*'])(
    'a tree, a store and a working directory below %j',
    async (name) => {
      const work = join(root, 'odd', name);
      const made = await create(work, join(work, 'store'));
      expect(made.status, made.stderr).toBe(0);
      expect(digestOf(join(work, 'tree'))).toBe(wanted);
      const ran = await say(work, join(work, 'store'));
      expect([ran.status, ran.stdout], ran.stderr).toEqual([0, 'app']);
      expect(existsSync(join(work, 'here'))).toBe(true);
    },
  );

  it('a working directory whose name is more than one line is refused', async () => {
    const work = join(root, 'odd', 'a\nb');
    expect(await say(work, join(root, 'plain', 'store'))).toMatchObject({
      status: 7,
      stderr: expect.stringContaining('control character') as string,
    });
  });

  it('a store behind a link is used, one behind a loop is refused', async () => {
    const work = join(root, 'links');
    mkdirSync(join(work, 'real'), { recursive: true });
    symlinkSync('real', join(work, 'store'));
    symlinkSync('loop', join(work, 'loop'));
    expect((await create(work, join(work, 'store'))).status).toBe(0);
    expect(existsSync(join(work, 'real', 'alproot-store'))).toBe(true);
    expect(await create(join(work, 'other'), join(work, 'loop'))).toMatchObject({
      status: 9,
      stderr: expect.stringContaining('ELOOP') as string,
    });
  });

  it('a tree is not made in the place of a link or a file', async () => {
    const work = join(root, 'taken');
    mkdirSync(join(work, 'real'), { recursive: true });
    for (const target of ['real', 'nowhere', 'tree']) {
      symlinkSync(target, join(work, 'tree'));
      expect(await create(work, join(root, 'plain', 'store')), target).toMatchObject({
        status: 7,
        stderr: expect.stringContaining('is not a directory, but a file or a link') as string,
      });
      expect([readlinkSync(join(work, 'tree')), readdirSync(work).sort(), readdirSync(join(work, 'real'))]).toEqual([
        target,
        ['real', 'tree'],
        [],
      ]);
      unlinkSync(join(work, 'tree'));
    }
    writeFileSync(join(work, 'tree'), 'mine');
    expect(await create(work, join(root, 'plain', 'store'))).toMatchObject({ status: 7 });
    expect(readFileSync(join(work, 'tree'), 'utf8')).toBe('mine');
  });

  it('a name that is not UTF-8 is refused, for what Node makes of it is another place', async () => {
    const work = join(root, 'bytes');
    mkdirSync(work, { recursive: true });
    const below = (script: string): Promise<CliResult> =>
      alproot(['rootfs', 'create', './tree', '-p', 'app', ...mirror.args], work, {
        store: join(root, 'plain', 'store'),
        prefix: ['sh', '-c', `d=$(printf 'a\\377'); mkdir "$d"; ${script}`, 'sh'],
      });
    expect(await below('cd "$d"; exec "$@"')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('not UTF-8') as string,
    });
    expect(await below('ALPROOT_CACHE="$PWD/$d/store" exec "$@"')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('not UTF-8') as string,
    });
    expect(readdirSync(work, 'buffer')).toEqual([Buffer.from('a\xff', 'latin1')]);
  });

  it('a tree on another file system than the store is the same', async () => {
    const other = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : root, 'alproot-places-'));
    try {
      expect((await create(other, join(root, 'plain', 'store'))).status).toBe(0);
      expect(digestOf(join(other, 'tree'))).toBe(wanted);
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });
});

const isRoot = process.getuid?.() === 0;
describe.skipIf(needs.skip)(`a store that can only be read${needs.reason}`, () => {
  it.skipIf(!isRoot)('serves what it has, and says that it cannot take what it has not', async () => {
    const store = join(root, 'plain', 'store');
    const work = join(root, 'read-only');
    expect((await say(work, store)).status).toBe(0);
    rmSync(join(work, 'here'));
    // Nobody but the command sees the store as it is mounted here.
    const readOnly = [
      'unshare',
      '--mount',
      'sh',
      '-c',
      'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"',
      store,
    ];
    const ran = await say(work, store, readOnly);
    expect([ran.status, ran.stdout], ran.stderr).toEqual([0, 'app']);
    const more = await alproot(['run', '--release', '3.18', ...mirror.args.slice(0, 4), '--', 'true'], work, {
      store,
      prefix: readOnly,
    });
    expect(more.status, more.stderr).not.toBe(70);
    expect(more.status).not.toBe(0);
  });
});

describe.skipIf(needs.skip)(`limits of the process${needs.reason}`, () => {
  const limited = (limit: string): string[] => ['sh', '-c', `ulimit ${limit} && exec "$@"`, 'sh'];
  it.each(['-n 32', '-n 64', '-n 256', '-f 64', '-f 20000'])(
    'under ulimit %s a tree is whole, or there is none and the reason is said',
    async (limit) => {
      const work = join(root, `limit${limit.replace(' ', '')}`);
      const { status, stderr } = await create(work, join(work, 'store'), limited(limit));
      expect(stderr).not.toContain('this is a bug');
      expect([0, 9]).toContain(status);
      expect(digestOf(join(work, 'tree'))).toBe(status === 0 ? wanted : '');
      const again = await create(work, join(work, 'store'));
      if (status !== 0) expect([again.status, digestOf(join(work, 'tree'))], again.stderr).toEqual([0, wanted]);
    },
  );
});
