/** A store whose files went bad between two runs. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const needs = capability('upstream');

describe.skipIf(needs.skip)(`a damaged package in the store${needs.reason}`, () => {
  let root: string;
  let mirror: ReleaseMirror;
  const create = (name: string): Promise<CliResult> =>
    runCli(['rootfs', 'create', name, ...mirror.args, '-p', 'app'], { cwd: root, cache: join(root, 'cache') });
  /** Changes a byte of the package's blob, and takes the environments away, so that it is needed again. */
  const damage = (): void => {
    const blobs = join(root, 'cache', 'blobs', 'sha256');
    const paths = readdirSync(blobs, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.length > 60)
      .map((name) => join(blobs, name));
    const apk = readFileSync(join(mirror.directory, 'v3.19/main/x86_64/app-1-r0.apk'));
    const path = paths.find((file) => readFileSync(file).equals(apk)) ?? '';
    const bytes = readFileSync(path);
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
    chmodSync(path, 0o644);
    writeFileSync(path, bytes);
    rmSync(join(root, 'cache', 'snapshots'), { recursive: true, force: true });
  };
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'alproot-damage-'));
    mirror = await makeReleaseMirror(join(root, 'mirror'), [
      { name: 'app', version: '1-r0', files: { 'opt/app': 'app'.repeat(1000) } },
    ]);
    expect(await create('one')).toMatchObject({ status: 0 });
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('is noticed, dropped and fetched again', async () => {
    damage();
    const again = await create('two');
    expect(again).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('app-1-r0.apk was damaged in the store and is fetched again'),
    });
    expect(readFileSync(join(root, 'two', 'opt', 'app'))).toEqual(readFileSync(join(root, 'one', 'opt', 'app')));
  });

  it('is an error, not a package, when it cannot be fetched', async () => {
    damage();
    rmSync(join(mirror.directory, 'v3.19/main/x86_64/app-1-r0.apk'));
    expect((await create('three')).status).toBe(10);
    expect(readdirSync(root)).not.toContain('three');
  });
});

describe.skipIf(needs.skip)(`a mirror with changed data in a package${needs.reason}`, () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'alproot-damage-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  // Large packages of a directory are copied and hashed by another thread.
  it.each([
    ['small', (name: string) => name.repeat(1000)],
    ['large', (name: string) => `${name}${randomBytes(5_000_000).toString('base64')}`],
  ])('is refused, leaves no tree, and once repaired is asked again: %s ones', async (_size, content) => {
    const contents = new Map(['first', 'second', 'third'].map((name) => [name, content(name)]));
    const mirror = await makeReleaseMirror(
      join(root, 'mirror'),
      [...contents].map(([name, text]) => ({ name, version: '1-r0', files: { [`opt/${name}`]: text } })),
    );
    const create = (): Promise<CliResult> =>
      runCli(['rootfs', 'create', 'tree', ...mirror.args, '-p', 'first,second,third'], {
        cwd: root,
        cache: join(root, 'cache'),
      });
    writeFileSync(join(root, 'Dockerfile'), 'FROM alpine\nRUN apk add first second third\n');
    const build = (): Promise<CliResult> =>
      runCli(['build', ...mirror.args, '--no-lock', '-f', join(root, 'Dockerfile'), '-o', 'tree', 'mirror/keys'], {
        cwd: root,
        cache: join(root, 'cache'),
      });
    const apk = join(mirror.directory, 'v3.19/main/x86_64/second-1-r0.apk');
    const whole = readFileSync(apk);
    const changed = Buffer.from(whole);
    changed[changed.length - 20] = (changed[changed.length - 20] ?? 0) ^ 1;
    writeFileSync(apk, changed);
    mkdirSync(join(root, 'mirror', 'keys'));
    for (const [time, attempt, status] of [
      ['first', create, 4],
      ['second', create, 4],
      ['in a RUN', build, 8],
    ] as const) {
      expect(await attempt(), time).toMatchObject({
        status,
        stderr: expect.stringMatching(/second-1-r0\.apk`: data hash differs from the signed control part/),
      });
      expect(readdirSync(root).sort(), time).toEqual(['Dockerfile', 'cache', 'mirror']);
    }
    writeFileSync(apk, whole);
    expect(await create()).toMatchObject({ status: 0 });
    for (const [name, text] of contents)
      expect(readFileSync(join(root, 'tree', 'opt', name), 'utf8') === text, name).toBe(true);
  });
});

describe.skipIf(needs.skip)(`a damaged step of a build${needs.reason}`, () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'alproot-damage-'));
    mkdirSync(join(root, 'context'));
    writeFileSync(join(root, 'context', 'a'), 'first');
    writeFileSync(
      join(root, 'context', 'Dockerfile'),
      'FROM alpine AS b\nCOPY a /x\nCOPY a /y\nFROM scratch\nCOPY --from=b /x /y /\n',
    );
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it.each([[2], [600], [1100]])('with other bytes at %i is made again', async (at) => {
    const mirror = await makeReleaseMirror(join(root, `mirror${at}`), []);
    const build = (): Promise<CliResult> =>
      runCli(['build', ...mirror.args, '--no-lock', '-o', 'out', 'context'], {
        cwd: root,
        cache: join(root, `cache${at}`),
      });
    expect(await build()).toMatchObject({ status: 0 });
    const layers = join(root, `cache${at}`, 'layers');
    for (const name of readdirSync(layers)) {
      const bytes = readFileSync(join(layers, name));
      bytes[Math.min(at, bytes.length - 1)] = 0x5a;
      writeFileSync(join(layers, name), bytes);
    }
    rmSync(join(root, 'out'), { recursive: true });
    // With the tree of the last build its layers are not needed.
    rmSync(join(root, `cache${at}`, 'trees'), { recursive: true });
    expect(await build()).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('a step in the cache was damaged and is run again'),
    });
    expect(readdirSync(join(root, 'out')).map((name) => readFileSync(join(root, 'out', name), 'utf8'))).toEqual([
      'first',
      'first',
    ]);
  });
});
