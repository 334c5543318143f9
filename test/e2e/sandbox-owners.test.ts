/** Owners, set-id bits, capabilities and users that no disk of an ordinary user can hold, on every backend. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hostPath, type TreePath } from '../../src/core/paths.ts';
import type { FileOwner } from '../../src/core/run-description.ts';
import { openOwnersLibrary } from '../../src/run/owners/library.ts';
import { capability } from '../helpers/capabilities.ts';
import { makeSandbox, type Sandbox } from '../helpers/sandbox.ts';

const path = (text: string): TreePath => text as TreePath;

describe.each(['bwrap', 'userns', 'proot'] as const)('owners kept beside the tree, under %s', (backend) => {
  const { skip, reason } = capability(backend, 'upstream');
  let sandbox: Sandbox;
  let library: Uint8Array;
  const owners = new Map<TreePath, FileOwner>();
  const run = (script: string, user?: { uid: number; gid: number }): Promise<{ status: number; text: string }> =>
    sandbox.shWithOwners(script, { backend, library, owners, ...(user === undefined ? {} : { user }) });

  beforeAll(async () => {
    if (skip) return;
    sandbox = makeSandbox({ isRoot: false });
    const found = await openOwnersLibrary({
      cache: hostPath(join(sandbox.root, 'cache')),
      searchPath: process.env['PATH'] ?? '',
      arch: 'x86_64',
    });
    if (found.kind === 'absent') throw new Error(found.reason);
    library = found.bytes;
  });
  afterAll(() => {
    if (!skip) sandbox.close();
  });
  beforeEach(() => {
    owners.clear();
  });

  it.skipIf(skip)(`a changed owner is seen at once, by later commands, and by the builder${reason}`, async () => {
    expect(await run('touch /given && chown 1000:1001 /given && stat -c "%u:%g" /given')).toEqual({
      status: 0,
      text: '1000:1001\n',
    });
    expect(owners.get(path('given'))).toEqual({ uid: 1000, gid: 1001 });
    expect(await run('stat -c "%u:%g" /given; mv /given /moved; ls -ln /moved | cut -c 1-50')).toMatchObject({
      status: 0,
      text: expect.stringMatching(/^1000:1001\n-rw-r--r-- +1 1000 +1001/) as string,
    });
    expect([...owners]).toEqual([['moved', { uid: 1000, gid: 1001 }]]);
  });

  it.skipIf(skip)(`adduser, su and install do what they do for root${reason}`, async () => {
    const script = `adduser -D -u 1234 app && su app -c 'id -u; touch /tmp/mine; stat -c %u /tmp/mine; chown 0 /tmp/mine; echo $?'
      su - app -c 'id -un; pwd' && install -d -o app -g app -m 2750 /srv/app && stat -c '%U %a' /srv/app; id -u`;
    const { status, text } = await run(script);
    expect(text.replace(/^chown:.*\n/m, '')).toBe('1234\n1234\n1\napp\n/home/app\napp 2750\n0\n');
    expect(status).toBe(0);
    expect(owners.get(path('srv/app'))).toEqual({ uid: 1234, gid: 1234, mode: 0o2750 });
    expect(owners.get(path('home/app'))?.uid).toBe(1234);
  });

  it.skipIf(skip)(`what another user makes is theirs, and set-id bits stay off the disk${reason}`, async () => {
    const { text } = await run(
      'id -u; id -g; mkdir /tmp/d; : >/tmp/d/f; ln -s f /tmp/d/l; cp /bin/busybox /tmp/d/b; chmod 4755 /tmp/d/b; stat -c "%u:%g %a" /tmp/d/b /etc/passwd',
      { uid: 500, gid: 600 },
    );
    expect(text).toBe('500\n600\n500:600 4755\n0:0 644\n');
    for (const name of ['tmp/d', 'tmp/d/f', 'tmp/d/l']) expect(owners.get(path(name))).toEqual({ uid: 500, gid: 600 });
    expect(owners.get(path('tmp/d/b'))).toEqual({ uid: 500, gid: 600, mode: 0o4755 });
    expect(statSync(join(sandbox.tree, 'tmp/d/b')).mode & 0o7000).toBe(0);
  });

  it.skipIf(skip)(`a program that is set-id by the records becomes its owner${reason}`, async () => {
    await run(
      'cp /bin/busybox /usr/bin/id-as-root && chmod 4755 /usr/bin/id-as-root && ln -sf /usr/bin/id-as-root /usr/bin/id2',
    );
    expect(
      (
        await run('cp /usr/bin/id-as-root /tmp/id && /tmp/id -u; exec -a id /usr/bin/id-as-root -u', {
          uid: 7,
          gid: 7,
        })
      ).text,
    ).toContain('7');
    expect(owners.get(path('usr/bin/id-as-root'))).toEqual({ uid: 0, gid: 0, mode: 0o4755 });
  });

  it.skipIf(skip)(`owners that the builder knows are shown, capabilities among them kept${reason}`, async () => {
    const value = Buffer.from('0100000200040000000000000000000000000000', 'hex').toString('latin1');
    owners.set(path('bin/busybox'), { uid: 3, gid: 4, mode: 0o2755, xattrs: { 'security.capability': value } });
    expect((await run('stat -c "%u:%g %a" /bin/busybox')).text).toBe('3:4 2755\n');
    expect(owners.get(path('bin/busybox'))).toEqual({
      uid: 3,
      gid: 4,
      mode: 0o2755,
      xattrs: { 'security.capability': value },
    });
    await run('chown 0:0 /bin/busybox');
    expect(owners.has(path('bin/busybox'))).toBe(false);
  });

  it.skipIf(skip)(`a removed file's records do not pass to another that gets its number${reason}`, async () => {
    const { text } = await run(
      'for i in 1 2 3 4 5 6 7 8; do touch /tmp/old$i; chown 9 /tmp/old$i; done; rm /tmp/old*; for i in 1 2 3 4 5 6 7 8; do touch /tmp/new$i; done; stat -c %u /tmp/new*',
    );
    expect(text).toBe('0\n'.repeat(8));
  });

  it.skipIf(skip)(`an emptied environment loses neither owners nor users${reason}`, async () => {
    await run('grep -q app /etc/passwd || adduser -D -u 1234 app');
    expect(
      (
        await run(
          'su app -c "env -i /usr/bin/id -u"; env -i /bin/sh -c "touch /tmp/e; /bin/chown 5 /tmp/e; /bin/stat -c %u /tmp/e"',
        )
      ).text,
    ).toBe('1234\n5\n');
  });

  it.skipIf(skip)(`the status is the command's own, and nothing of ours stays in the tree${reason}`, async () => {
    expect((await run('exit 42')).status).toBe(42);
    expect((await run('/bin/sh -c "kill -9 \\$\\$"; exit $?')).status).toBe(137);
    expect((await run('ls -A / | grep -c alproot; exit 0')).text).toBe('1\n');
    expect(statSync(join(sandbox.tree, '.alproot-owners'), { throwIfNoEntry: false })).toBeUndefined();
    await expect(
      sandbox.shWithOwners('true', { backend, library, owners, user: { uid: -1, gid: 0 } }),
    ).rejects.toMatchObject({ code: 'ALP_RUN_OWNERS' });
  });
});
