import { chmodSync, chownSync, existsSync, linkSync, lstatSync, lutimesSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { hostPath } from '../../src/core/paths.ts';
import { cloneTree } from '../../src/system/tree-clone.ts';

const isRoot = process.getuid?.() === 0;
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'alproot-clone-'));
  mkdirSync(join(root, 'from'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const from = (name = ''): string => join(root, 'from', name);
const to = (name = ''): string => join(root, 'to', name);
const clone = (): void => cloneTree(hostPath(join(root, 'from')), hostPath(join(root, 'to')), { owners: isRoot });

function file(name: string, mode: number): void {
  writeFileSync(from(name), name);
  chmodSync(from(name), mode);
  lutimesSync(from(name), 1_000_000_000, 1_234_567_890);
}

const look = (path: string): unknown => {
  const { mode, uid, gid, mtimeMs, size } = lstatSync(path);
  return { mode, uid, gid, seconds: Math.trunc(mtimeMs / 1000), size };
};

it('keeps bytes, modes, times and owners', () => {
  for (const mode of [0o644, 0o755, 0o600, 0o444, 0o4755, 0o2755, 0o4111, 0o1777]) file(mode.toString(8), mode);
  mkdirSync(from('directory'));
  file('directory/inside', 0o640);
  chmodSync(from('directory'), 0o3770);
  if (isRoot) for (const name of ['644', '4755', 'directory', 'directory/inside']) {
    const { mode } = lstatSync(from(name));
    chownSync(from(name), 1234, 5678);
    chmodSync(from(name), mode & 0o7777);
  }
  lutimesSync(from('directory'), 5, 6);
  clone();
  for (const name of readdirSync(from(), { recursive: true, encoding: 'utf8' })) expect([name, look(to(name))]).toEqual([name, look(from(name))]);
  expect(readFileSync(to('directory/inside'), 'utf8')).toBe('directory/inside');
});

it('shares no inode with the source, and keeps hard links together', () => {
  file('one', 0o644);
  linkSync(from('one'), from('two'));
  clone();
  expect(lstatSync(to('one')).ino).toBe(lstatSync(to('two')).ino);
  expect(lstatSync(to('one')).nlink).toBe(2);
  expect(lstatSync(to('one')).ino).not.toBe(lstatSync(from('one')).ino);
});

it('copies links as links, and never what they lead to', () => {
  symlinkSync('/etc/passwd', from('absolute'));
  symlinkSync('nowhere', from('dangling'));
  clone();
  expect([readlinkSync(to('absolute')), readlinkSync(to('dangling'))]).toEqual(['/etc/passwd', 'nowhere']);
});

it('copies names that are no text', () => {
  const name = Buffer.from([0xff, 0xfe, 0x41]);
  writeFileSync(Buffer.concat([Buffer.from(`${from()}/`), name]), 'x');
  clone();
  expect(readdirSync(to(), { encoding: 'buffer' })).toEqual([name]);
});

it.runIf(isRoot)('gives files their own group below a set-group-ID directory', () => {
  file('plain', 0o644);
  chownSync(root, 0, 4321);
  chmodSync(root, 0o2755);
  mkdirSync(from('sub'));
  file('sub/plain', 0o644);
  chownSync(from('sub'), 0, 0);
  chownSync(from('sub/plain'), 0, 0);
  clone();
  for (const name of ['plain', 'sub', 'sub/plain']) expect([name, look(to(name))]).toEqual([name, look(from(name))]);
});

it('refuses to copy over something', () => {
  file('one', 0o644);
  mkdirSync(to());
  expect(clone).toThrow(/EEXIST/);
  expect(existsSync(to('one'))).toBe(false);
});
