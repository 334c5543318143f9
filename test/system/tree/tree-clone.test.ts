import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { hostPath } from '../../../src/core/paths.ts';
import { cloneTree } from '../../../src/system/tree/tree-clone.ts';

const isRoot = process.getuid?.() === 0;
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'alproot-clone-'));
  mkdirSync(join(root, 'from'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const from = (name = ''): string => join(root, 'from', name);
const to = (name = ''): string => join(root, 'to', name);
const clone = (): Promise<void> =>
  cloneTree(hostPath(join(root, 'from')), hostPath(join(root, 'to')), { owners: isRoot });

function file(name: string, mode: number): void {
  writeFileSync(from(name), name);
  chmodSync(from(name), mode);
  lutimesSync(from(name), 1_000_000_000, 1_234_567_890);
}

const look = (path: string): unknown => {
  const { mode, uid, gid, mtimeMs, size } = lstatSync(path);
  return { mode, uid, gid, seconds: Math.trunc(mtimeMs / 1000), size };
};

it('keeps bytes, modes, times and owners', async () => {
  for (const mode of [0o644, 0o755, 0o600, 0o444, 0o4755, 0o2755, 0o4111, 0o1777]) file(mode.toString(8), mode);
  mkdirSync(from('directory'));
  file('directory/inside', 0o640);
  chmodSync(from('directory'), 0o3770);
  if (isRoot)
    for (const name of ['644', '4755', 'directory', 'directory/inside']) {
      const { mode } = lstatSync(from(name));
      chownSync(from(name), 1234, 5678);
      chmodSync(from(name), mode & 0o7777);
    }
  lutimesSync(from('directory'), 5, 6);
  await clone();
  for (const name of readdirSync(from(), { recursive: true, encoding: 'utf8' }))
    expect([name, look(to(name))]).toEqual([name, look(from(name))]);
  expect(readFileSync(to('directory/inside'), 'utf8')).toBe('directory/inside');
});

it('shares no inode with the source, and keeps hard links together', async () => {
  file('one', 0o644);
  linkSync(from('one'), from('two'));
  await clone();
  expect(lstatSync(to('one')).ino).toBe(lstatSync(to('two')).ino);
  expect(lstatSync(to('one')).nlink).toBe(2);
  expect(lstatSync(to('one')).ino).not.toBe(lstatSync(from('one')).ino);
});

const LARGE = 300_000;

it('copies large files as it copies small ones, and gives their directories their times', async () => {
  mkdirSync(from('inner'));
  for (const name of ['large', 'inner/large', 'inner/su']) {
    writeFileSync(from(name), randomBytes(LARGE));
    chmodSync(from(name), name.endsWith('su') ? 0o4755 : 0o640);
    if (isRoot) chownSync(from(name), 12, 34);
    if (name.endsWith('su')) chmodSync(from(name), 0o4755);
    lutimesSync(from(name), 7, 8);
  }
  linkSync(from('large'), from('twin'));
  file('inner/small', 0o600);
  lutimesSync(from('inner'), 1, 2);
  await clone();
  for (const name of readdirSync(from(), { recursive: true, encoding: 'utf8' })) {
    expect([name, look(to(name))]).toEqual([name, look(from(name))]);
    if (name !== 'inner') expect(readFileSync(to(name)).equals(readFileSync(from(name)))).toBe(true);
  }
  expect(lstatSync(to('twin')).ino).toBe(lstatSync(to('large')).ino);
});

it('copies links as links, and never what they lead to', async () => {
  symlinkSync('/etc/passwd', from('absolute'));
  symlinkSync('nowhere', from('dangling'));
  await clone();
  expect([readlinkSync(to('absolute')), readlinkSync(to('dangling'))]).toEqual(['/etc/passwd', 'nowhere']);
});

it('copies names that are not text', async () => {
  const name = Buffer.from([0xff, 0xfe, 0x41]);
  writeFileSync(Buffer.concat([Buffer.from(`${from()}/`), name]), 'x');
  await clone();
  expect(readdirSync(to(), { encoding: 'buffer' })).toEqual([name]);
});

it.runIf(isRoot)('gives files their own group below a set-group-ID directory', async () => {
  file('plain', 0o644);
  chownSync(root, 0, 4321);
  chmodSync(root, 0o2755);
  mkdirSync(from('sub'));
  file('sub/plain', 0o644);
  chownSync(from('sub'), 0, 0);
  chownSync(from('sub/plain'), 0, 0);
  await clone();
  for (const name of ['plain', 'sub', 'sub/plain']) expect([name, look(to(name))]).toEqual([name, look(from(name))]);
});

it('refuses to copy over something', async () => {
  file('one', 0o644);
  mkdirSync(to());
  await expect(clone()).rejects.toThrow(/EEXIST/);
  expect(existsSync(to('one'))).toBe(false);
});
