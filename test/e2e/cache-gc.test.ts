/** `alproot cache gc` beside others at work. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostPath } from '../../src/core/paths.ts';
import { openStore } from '../../src/store/store.ts';
import { systemClock } from '../../src/system/process/system-clock.ts';
import { capability } from '../helpers/capabilities.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';
import { picture } from '../helpers/worlds.ts';

const needs = capability('upstream');

describe.skipIf(needs.skip)(`cache gc${needs.reason}`, () => {
  let root: string;
  let mirror: ReleaseMirror;
  const cli = (...args: string[]): Promise<CliResult> => runCli(args, { cwd: root, cache: join(root, 'cache') });
  const snapshots = (): string[] =>
    existsSync(join(root, 'cache', 'snapshots')) ? readdirSync(join(root, 'cache', 'snapshots')) : [];
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'alproot-gc-'));
    mkdirSync(join(root, 'cache'));
    mirror = await makeReleaseMirror(join(root, 'mirror'), [
      { name: 'app', version: '1-r0', files: { 'opt/app': 'app' } },
    ]);
    expect(await cli('run', ...mirror.args, '-p', 'app', '--', 'true')).toMatchObject({ status: 0 });
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('keeps by itself what was used of late, and takes numbers only', async () => {
    expect((await cli('cache', 'gc')).stdout).toContain('removed 0 entries');
    expect((await cli('cache', 'gc', '--older-than', 'all')).status).toBe(2);
    expect(snapshots()).toHaveLength(1);
  });

  it('leaves what another process may be using, and takes what was there before it', async () => {
    const store = openStore(hostPath(join(root, 'cache')), { clock: systemClock });
    const presence = store.makeTemporary('session');
    try {
      expect(await store.findSnapshot(snapshots()[0] as never, () => Promise.resolve(false))).toBeDefined();
      // Of this very process it would be its own.
      expect(await cli('cache', 'gc', '--older-than', '0')).toMatchObject({
        status: 0,
        stdout: expect.stringContaining('that another alproot may be using are left'),
      });
      expect(snapshots()).toHaveLength(1);
      utimesSync(join(root, 'cache', 'snapshots', snapshots()[0] ?? ''), 1, 1);
      await cli('cache', 'gc', '--older-than', '0');
      expect(snapshots()).toEqual([]);
    } finally {
      rmSync(presence, { recursive: true });
    }
  });

  it('beside commands that install takes nothing from under them', async () => {
    const place = join(root, 'beside');
    const beside = (...args: string[]): Promise<CliResult> => runCli(args, { cwd: root, cache: place });
    mkdirSync(place);
    for (let round = 0; round < 4; round++) {
      let isOver = false;
      const installs = Promise.all(
        [0, 1].map((n) => beside('rootfs', 'create', `beside-${round}-${n}`, ...mirror.args, '-p', 'app')),
      ).finally(() => (isOver = true));
      while (!isOver) expect(await beside('cache', 'gc', '--older-than', '0')).toMatchObject({ status: 0 });
      expect(await installs).toEqual([expect.objectContaining({ status: 0 }), expect.objectContaining({ status: 0 })]);
      expect(picture(join(root, `beside-${round}-0`))).toEqual(picture(join(root, `beside-${round}-1`)));
    }
    expect(readFileSync(join(root, 'beside-3-0/opt/app'), 'utf8')).toBe('app');
  });

  it('like a hand that removes all blobs, is made up for by the next command', async () => {
    expect(await cli('rootfs', 'create', 'before', ...mirror.args, '-p', 'app')).toMatchObject({ status: 0 });
    rmSync(join(root, 'cache', 'blobs'), { recursive: true });
    rmSync(join(root, 'cache', 'snapshots'), { recursive: true });
    expect(await cli('rootfs', 'create', 'after', ...mirror.args, '-p', 'app')).toMatchObject({ status: 0 });
    expect(picture(join(root, 'after'))).toEqual(picture(join(root, 'before')));
  });

  it('takes everything when nobody is there', async () => {
    expect(await cli('cache', 'gc', '--older-than', '0')).toMatchObject({ status: 0 });
    expect((await cli('cache', 'ls')).stdout).toBe('');
    expect(await cli('rootfs', 'create', 'two', ...mirror.args, '-p', 'app')).toMatchObject({ status: 0 });
  });
});
