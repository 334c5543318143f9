/** `alproot run --writable`: the same for the command whether the tree is shown through an overlay or copied. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { runCli } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const needs = capability('upstream', 'bwrap');
const overlaid = capability('overlay');

describe.skipIf(needs.skip)(`a tree that a command may change${needs.reason}`, () => {
  let root: string;
  let mirror: ReleaseMirror;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'alproot-writable-'));
    mirror = await makeReleaseMirror(join(root, 'mirror'), [
      { name: 'app', version: '1-r0', files: { 'opt/app': 'app\n' } },
    ]);
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  // A colon separates the parts of an overlay, so with one in its name the tree is copied.
  it.each([
    ['cache', !overlaid.skip],
    ['ca:che', false],
  ] as const)('is changed for that command alone, in the store %s', async (name, isOverlay) => {
    const cache = join(root, name);
    const run = (script: string) =>
      runCli(['run', '--writable', '-q', ...mirror.args, '-p', 'app', '--', 'sh', '-c', script], { cwd: root, cache });
    const change =
      'echo more >> /opt/app && rm /etc/motd && mkdir -p /new/place && mv /opt /moved && ls -d /etc/motd /new/place /opt /moved 2>&1; cat /moved/app; exit 3';
    const first = await run(change);
    expect(first).toMatchObject({
      status: 3,
      stdout:
        'ls: /etc/motd: No such file or directory\nls: /opt: No such file or directory\n/moved\n/new/place\napp\nmore\n',
    });
    expect((await run(change)).stdout).toBe(first.stdout);
    const snapshot = join(cache, 'snapshots', readdirSync(join(cache, 'snapshots'))[0] ?? '', 'tree');
    expect([
      readFileSync(join(snapshot, 'opt/app'), 'utf8'),
      readdirSync(join(snapshot, 'etc')).includes('motd'),
      readdirSync(join(cache, 'tmp')),
    ]).toEqual(['app\n', true, []]);
    expect((await run('head -n 1 /proc/self/mounts')).stdout.includes(' / overlay ')).toBe(isOverlay);
  });
});
