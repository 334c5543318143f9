import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { packedDirectory } from '../helpers/cli.ts';

const shipped = (name: string): string => join(packedDirectory(), 'dist', name);

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'alproot-start-'));
  mkdirSync(join(root, 'dist'));
  copyFileSync(shipped('alproot.cjs'), join(root, 'dist', 'alproot.cjs'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const start = (...args: string[]): string =>
  execFileSync(process.execPath, [join(root, 'dist', 'alproot.cjs'), ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: root },
  });
const script = (word: string): string => `({'main.js'() { process.stdout.write('${word}\\n'); }})\n`;
const caches = (): string[] => readdirSync(join(root, 'dist')).filter((name) => name.endsWith('.cache'));

it('tells the version without the rest of the program', () => {
  expect(start('--version')).toMatch(/^alproot \d+\.\d+\.\d+\n$/);
  expect(caches()).toEqual([]);
});

it('keeps the compiled form, uses it again, and never for another program', () => {
  const engine = join(root, 'dist', 'engine.cjs');
  writeFileSync(engine, script('one'));
  expect([start(), start()]).toEqual(['one\n', 'one\n']);
  const [first] = caches();
  expect(caches()).toHaveLength(1);
  rmSync(engine);
  writeFileSync(engine, script('two'));
  expect(start()).toBe('two\n');
  expect(caches()).toHaveLength(1);
  expect(caches()[0]).not.toBe(first);
});

it('keeps one for every command that ended well, since each uses other functions', () => {
  const engine = join(root, 'dist', 'engine.cjs');
  writeFileSync(engine, `({'main.js'() { process.exitCode = process.argv[2] === 'run' ? 0 : 2; }})\n`);
  start('run');
  expect(() => start('typo')).toThrow();
  expect(caches()).toEqual([expect.stringContaining('-run-')]);
});

it('takes modules of another file from there', () => {
  for (const name of readdirSync(shipped('')))
    if (/^engine.*\.cjs$/.test(name)) copyFileSync(shipped(name), join(root, 'dist', name));
  mkdirSync(join(root, 'keys'));
  writeFileSync(join(root, 'keys', 'minirootfs.sha512'), '');
  expect(start('cache', 'path')).toContain('alproot');
  expect(
    caches()
      .map((name) => name.replace(/-v.*/, ''))
      .sort(),
  ).toEqual(['engine', 'engine-more']);
});

it('loads those modules of Node that few commands need when one of them is used', () => {
  writeFileSync(
    join(root, 'dist', 'engine.cjs'),
    `({'main.js'(exports, require) {
    const isLoaded = () => process.moduleLoadList.includes('NativeModule zlib');
    const zlib = require('node:zlib');
    const before = isLoaded();
    process.stdout.write([before, zlib.gunzipSync(zlib.gzipSync('same')).toString(), isLoaded()].join(' '));
  }})`,
  );
  expect(start()).toBe('false same true');
});

const strace = capability('strace');
it.skipIf(strace.skip)(
  `has the compiled form on the disk before it has its name${strace.reason}: V8 dies of one with zeros in it`,
  () => {
    writeFileSync(join(root, 'dist', 'engine.cjs'), script('one'));
    const log = join(root, 'log');
    execFileSync(
      'strace',
      [
        '-f',
        '-qq',
        '-y',
        '-o',
        log,
        '-e',
        'trace=write,pwrite64,fsync,/^rename',
        process.execPath,
        join(root, 'dist', 'alproot.cjs'),
      ],
      { env: { PATH: process.env['PATH'], HOME: root } },
    );
    const calls = readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line.includes('.cache'))
      .map((line) => / (\w+)\(/.exec(line)?.[1]);
    expect([...new Set(calls)]).toEqual([expect.stringMatching(/write/), 'fsync', expect.stringMatching(/^rename/)]);
  },
);

it('starts with a cache that is damaged', () => {
  copyFileSync(shipped('engine.cjs'), join(root, 'dist', 'engine.cjs'));
  expect(start('--help')).toContain('alproot');
  for (const name of caches()) writeFileSync(join(root, 'dist', name), 'not a cache');
  expect(start('--help')).toContain('alproot');
});
