/**
 * Removing things: what stands where a tree of ours was is not followed, what is not ours is not touched, and being
 * interrupted twice leaves nothing half-removed.
 */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyOf } from '../../src/core/digest.ts';
import { hostPath, TREE_ROOT, type HostPath, type TreePath } from '../../src/core/paths.ts';
import { openStore } from '../../src/store/store.ts';
import { systemClock } from '../../src/system/process/system-clock.ts';
import { removeTree } from '../../src/system/files/remove-tree.ts';
import { openWorkTree } from '../../src/system/tree/work-tree.ts';
import { capability } from '../helpers/capabilities.ts';
import { builtCommand, runCli } from '../helpers/cli.ts';
import { makeReleaseMirror } from '../helpers/release-mirror.ts';
import { swapDoor } from '../helpers/swapper.ts';
import { picture } from '../helpers/worlds.ts';

let place: string;
let victim: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'alproot-clean-'));
  victim = join(place, 'home');
  mkdirSync(join(victim, '.ssh'), { recursive: true });
  writeFileSync(join(victim, '.ssh/id_rsa'), 'secret', { mode: 0o600 });
});
afterEach(() => rmSync(place, { recursive: true, force: true }));
const at = (...parts: string[]): HostPath => hostPath(join(place, ...parts));
const untouched = (): void =>
  expect([
    readdirSync(join(victim, '.ssh')),
    readFileSync(join(victim, '.ssh/id_rsa'), 'utf8'),
    lstatSync(join(victim, '.ssh/id_rsa')).mode & 0o777,
  ]).toEqual([['id_rsa'], 'secret', 0o600]);

describe('removing a tree', () => {
  it('that somebody replaced by a link removes the link', () => {
    symlinkSync(victim, at('tree'));
    removeTree(at('tree'));
    expect(existsSync(at('tree'))).toBe(false);
    untouched();
  });

  it('removes the links in it, whatever they lead to, and what nobody may read', () => {
    mkdirSync(at('tree', 'closed/deeper'), { recursive: true });
    for (const name of ['a', 'closed/b', 'closed/deeper/c']) symlinkSync(victim, at('tree', name));
    chmodSync(at('tree', 'closed/deeper'), 0o000);
    chmodSync(at('tree', 'closed'), 0o000);
    removeTree(at('tree'));
    expect(readdirSync(place)).toEqual(['home']);
    untouched();
  });

  it("while a directory of it is swapped for a link to somebody's home touches nothing there", async () => {
    mkdirSync(at('tree'));
    const swapper = await swapDoor(at('tree'), victim);
    const tree = openWorkTree(at('tree'));
    try {
      for (let round = 0; round < 2000; round++) {
        try {
          tree.remove(`door/.ssh` as TreePath);
          for (const name of tree.list('door' as TreePath)) tree.remove(`door/${name}` as TreePath);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^ALP_UNPACK_/) });
        }
      }
    } finally {
      await swapper.terminate();
      tree.remove(TREE_ROOT);
      tree.close();
    }
    untouched();
  });
});

describe('the store', () => {
  it('with links for its parts clears and collects nothing beyond them', async () => {
    const store = openStore(at('store'), { clock: systemClock });
    const key = keyOf('k');
    const work = store.makeTemporary('snapshot');
    mkdirSync(join(work, 'tree'));
    store.publishSnapshot(key, work);
    const snapshot = store.path('snapshots', key);
    renameSync(snapshot, at('moved'));
    symlinkSync(victim, snapshot);
    symlinkSync(victim, store.path('tmp', '4194000-0-left-by-the-dead'));
    mkdirSync(store.path('locks'), { recursive: true });
    symlinkSync(victim, store.path('locks', 'x.tmp-4194000-0-left-by-the-dead'));
    utimesSync(at('moved'), 0, 0);
    const { status, stderr } = await runCli(['cache', 'gc', '--older-than', '0'], { cache: at('store') });
    expect([status, stderr]).toEqual([0, expect.any(String)]);
    expect(readdirSync(store.path('tmp'))).toEqual([]);
    expect(existsSync(snapshot)).toBe(false);
    untouched();
  });

  it.each([['gc', '--older-than', '0'], ['verify'], ['ls']])(
    'is not seen by `cache %s` in a directory that is something else',
    async (...words) => {
      mkdirSync(at('project/blobs'), { recursive: true });
      writeFileSync(at('project/thesis.txt'), 'my only copy');
      const before = picture(at('project'));
      const { status, stderr } = await runCli(['cache', ...words], { cache: at('project') });
      expect([status, stderr]).toEqual([9, expect.stringContaining('not an alproot store')]);
      expect(picture(at('project'))).toEqual(before);
    },
  );

  it('is not made of a home directory through a link', async () => {
    symlinkSync(victim, at('link'));
    const { status } = await runCli(['cache', 'gc', '--older-than', '0'], { cache: at('link') });
    expect(status).toBe(9);
    untouched();
  });
});

const needs = capability('upstream', 'bwrap');
describe.skipIf(needs.skip)(`Ctrl-C twice${needs.reason}`, () => {
  it('ends at once with 130, and the next run finds old or new things, never half of one', async () => {
    const mirror = await makeReleaseMirror(join(place, 'mirror'), [
      { name: 'app', version: '1-r0', files: { 'usr/share/app': 'app\n' } },
    ]);
    const words = ['run', '--backend', 'bwrap', ...mirror.args, '-p', 'app', '--', 'sh', '-c', 'echo up; sleep 1000'];
    const child = spawn(process.execPath, [builtCommand(), ...words], {
      cwd: place,
      env: { PATH: process.env['PATH'] ?? '', HOME: place, ALPROOT_CACHE: at('cache') },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGINT');
    child.kill('SIGINT');
    expect(await new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)))).toBe(130);
    const { status, stdout } = await runCli(
      ['run', '--backend', 'bwrap', ...mirror.args, '-p', 'app', '--', 'cat', '/usr/share/app'],
      { cwd: place, cache: at('cache') },
    );
    expect([status, stdout]).toEqual([0, 'app\n']);
    expect(readdirSync(at('cache', 'tmp'))).toEqual([]);
    untouched();
  });
});
