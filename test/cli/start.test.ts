import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { builtCommand } from '../helpers/cli.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'alproot-start-'));
  mkdirSync(join(root, 'dist'));
  copyFileSync(builtCommand(), join(root, 'dist', 'alproot.cjs'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const start = (...args: string[]): string => execFileSync(process.execPath, [join(root, 'dist', 'alproot.cjs'), ...args], { encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: root } });
const caches = (): string[] => readdirSync(join(root, 'dist')).filter((name) => name.endsWith('.cache'));

it('tells the version without the rest of the program', () => {
  expect(start('--version')).toMatch(/^alproot \d+\.\d+\.\d+\n$/);
  expect(caches()).toEqual([]);
});

it('keeps the compiled form, uses it again, and never for another program', () => {
  const engine = join(root, 'dist', 'engine.cjs');
  writeFileSync(engine, 'process.stdout.write("one\\n");\n');
  expect([start(), start()]).toEqual(['one\n', 'one\n']);
  const [first] = caches();
  expect(caches()).toHaveLength(1);
  rmSync(engine);
  writeFileSync(engine, 'process.stdout.write("two\\n");\n');
  expect(start()).toBe('two\n');
  expect(caches()).toHaveLength(1);
  expect(caches()[0]).not.toBe(first);
});

it('starts with a cache that is damaged', () => {
  copyFileSync(join(dirname(builtCommand()), 'engine.cjs'), join(root, 'dist', 'engine.cjs'));
  expect(start('--help')).toContain('alproot');
  for (const name of caches()) writeFileSync(join(root, 'dist', name), 'not a cache');
  expect(start('--help')).toContain('alproot');
});
