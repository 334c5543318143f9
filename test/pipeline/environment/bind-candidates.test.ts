import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostPath } from '../../../src/core/paths.ts';
import {
  bindCandidates,
  candidateMounts,
  isSystemPath,
  projectRoot,
  protectStore,
  requireShowable,
} from '../../../src/pipeline/environment/bind-candidates.ts';

let root: string;
beforeEach(() => void (root = realpathSync(mkdtempSync(join(tmpdir(), 'alproot-candidates-')))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('directories that can be shown', () => {
  it.each([
    '/root',
    '/tmp',
    '/opt',
    '/home',
    '/srv',
    '/mnt',
    '/media',
    '/work',
    '/dev/shm',
    '/dev/shm/x',
    '/home/me',
    '/var',
    '/var/lib/x',
    '/var/tmp',
    '/run/user/1000',
    '/usr/src',
    '/usr/src/app',
    '/usr/local/src',
    '/usr/local/lib/x',
    '/usr/share/cmake-3.25/Modules',
    '/usr/lib/jvm/include',
    '/etc/x',
    '/libs',
    '/binary',
    '/devices',
    '/usr/library',
  ])('%s may', (path) => {
    expect(isSystemPath(path)).toBe(false);
    expect(() => requireShowable(path)).not.toThrow();
  });

  it.each([
    '/',
    '/usr',
    '/bin',
    '/sbin/x',
    '/lib',
    '/lib64',
    '/lib/x86_64-linux-gnu',
    '/etc',
    '/proc',
    '/proc/1',
    '/sys/x',
    '/dev',
    '/dev/pts',
    '/run',
    '/var/run',
    '/usr/bin',
    '/usr/lib',
    '/usr/lib/gcc/x',
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib/aarch64-linux-gnu/x',
    '/usr/include',
    '/usr/include/x',
    '/usr/share',
    '/usr/local',
    '/usr/local/lib',
    '/usr/local/bin',
    '/usr/local/include',
  ])("%s is the tree's own, and refused as a working directory", (path) => {
    expect(isSystemPath(path)).toBe(true);
    expect(() => requireShowable(path)).toThrow(
      expect.objectContaining({
        code: 'ALP_RUN_MOUNT',
        message: expect.stringContaining(path) as string,
        hint: expect.stringContaining('--workdir') as string,
      }),
    );
  });
});

describe('what a command sees', () => {
  const candidates = (named: string[], written?: string[]) =>
    bindCandidates({
      directory: join(root, 'p/build'),
      home: undefined,
      named,
      ...(written === undefined ? {} : { written }),
    });
  beforeEach(() => {
    for (const name of ['p/build', 'other/deep', 'real']) mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, 'p/Makefile'), '');
  });

  it('the project around the working directory, and what is named, each once', () => {
    expect(candidates([join(root, 'other/deep'), join(root, 'other'), join(root, 'p/build')])).toEqual([
      { path: join(root, 'other'), access: 'write' },
      { path: join(root, 'p'), access: 'write' },
    ]);
  });

  it('what is named below /usr is read only, unless it is written to', () => {
    expect(candidates(['/usr/share/x'])).toContainEqual({ path: '/usr/share/x', access: 'read' });
    expect(candidates(['/usr/src/x', '/usr/src'], ['/usr/src/x'])).toEqual(
      expect.arrayContaining([
        { path: '/usr/src', access: 'read' },
        { path: '/usr/src/x', access: 'write' },
      ]),
    );
    expect(bindCandidates({ directory: '/usr/src/app', home: undefined, named: ['/usr/src/app/x'] })).toEqual([
      { path: '/usr/src/app', access: 'write' },
    ]);
  });

  it("none of the system's own", () => {
    expect(candidates(['/usr/include', '/usr/lib/x86_64-linux-gnu', '/', '/proc/self'])).toEqual([
      { path: join(root, 'p'), access: 'write' },
    ]);
  });

  it('a link under its own name and under that of what it leads to', () => {
    symlinkSync('real', join(root, 'link'));
    expect(candidateMounts(candidates([join(root, 'link')])).map(({ target }) => `/${target}`)).toEqual([
      join(root, 'link'),
      join(root, 'p'),
      join(root, 'real'),
    ]);
  });

  it('never the home directory as a project', () => {
    expect(projectRoot(join(root, 'p/build'), join(root, 'p'))).toBe(join(root, 'p/build'));
    expect(projectRoot(join(root, 'p/build'), undefined)).toBe(join(root, 'p'));
  });

  it('the store read-only where it lies inside', () => {
    mkdirSync(join(root, 'p/cache/é'), { recursive: true });
    const mounts = candidateMounts(candidates([]));
    const [project, store] = protectStore(mounts, hostPath(join(root, 'p/cache/é')));
    expect(project).toEqual(mounts[0]);
    expect(store).toEqual({
      kind: 'bind',
      source: join(root, 'p/cache/é'),
      target: Buffer.from(join(root, 'p/cache/é').slice(1)).toString('latin1'),
      writable: false,
    });
    expect(protectStore(mounts, hostPath(join(root, 'other')))).toEqual(mounts);
  });
});
