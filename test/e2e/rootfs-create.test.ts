/** `alproot rootfs create`, asked for again and again: the first tree is made in place, later ones are copies. */
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { runCli } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';
import { picture } from '../helpers/worlds.ts';

const needs = capability('upstream');

describe.skipIf(needs.skip)(`trees of the same packages${needs.reason}`, () => {
  let root: string;
  let mirror: ReleaseMirror;
  const snapshots = (): number =>
    existsSync(join(root, 'cache', 'snapshots')) ? readdirSync(join(root, 'cache', 'snapshots')).length : 0;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'alproot-create-'));
    mkdirSync(join(root, 'cache'));
    mirror = await makeReleaseMirror(join(root, 'mirror'), [
      { name: 'app', version: '1-r0', files: { 'opt/app': 'app' } },
    ]);
  });
  afterAll(() => {
    rmSync(root, { recursive: true, force: true });
  });

  it('are equal and share no file, and the store keeps an environment from the second on', async () => {
    const counts: number[] = [];
    for (const name of ['one', 'two', 'three']) {
      expect(
        await runCli(['rootfs', 'create', name, ...mirror.args, '-p', 'app'], {
          cwd: root,
          cache: join(root, 'cache'),
        }),
      ).toMatchObject({ status: 0 });
      counts.push(snapshots());
    }
    expect(counts).toEqual([0, 1, 1]);
    expect(picture(join(root, 'two'))).toEqual(picture(join(root, 'one')));
    expect(picture(join(root, 'three'))).toEqual(picture(join(root, 'one')));
    expect(lstatSync(join(root, 'three', 'opt', 'app')).nlink).toBe(1);
  });
});
