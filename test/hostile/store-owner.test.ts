/** A store that another user made, or can write to: what is in it would run with the rights of who uses it. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/system/process/system-clock.ts';
import type { Sha256Hex } from '../../src/core/digest.ts';
import { hostPath, type HostPath } from '../../src/core/paths.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { builtCommand, runCli } from '../helpers/cli.ts';
import { capability } from '../helpers/capabilities.ts';
import { ANY_RECORD } from '../helpers/records.ts';

const isRoot = process.getuid?.() === 0;
const OTHER = 4321;
const KEY = 'a'.repeat(64) as Sha256Hex;

let place: string;
beforeAll(() => void (place = mkdtempSync(join(tmpdir(), 'alproot-owner-'))));
afterAll(() => rmSync(place, { recursive: true, force: true }));

let count = 0;
const fresh = (): HostPath => hostPath(join(place, `store-${count++}`));
const open = (root: HostPath): Store => openStore(root, { clock: systemClock });

/** A store with one complete snapshot. */
function storeWithSnapshot(): HostPath {
  const root = fresh();
  const store = open(root);
  const work = store.makeTemporary('snapshot');
  mkdirSync(join(work, 'tree'));
  writeFileSync(join(work, 'tree', 'file'), 'content');
  store.publishSnapshot(KEY, work);
  store.putRecord('fact', { a: 1 }, { codec: ANY_RECORD });
  store.putBlob(Buffer.from('bytes'));
  return root;
}

const refused = (path: string, kind: string): unknown =>
  expect.objectContaining({
    code: 'ALP_STORE_OWNER',
    facts: expect.objectContaining({ path, kind }),
    hint: expect.stringMatching(/ALPROOT_CACHE=/),
  });

describe('a store that others can write to', () => {
  it.each(['', 'snapshots', 'records', 'native', 'mirrors', 'alproot-store'])(
    'is refused for the mode of its `%s`',
    (part) => {
      for (const bits of [0o002, 0o020]) {
        const root = storeWithSnapshot();
        const path = join(root, part);
        if (!existsSync(path)) mkdirSync(path);
        chmodSync(path, statSync(path).mode | bits);
        expect(() => open(root)).toThrow(refused(path, 'writable'));
      }
    },
  );

  it('is refused below a directory where anybody can put another in its place', () => {
    const above = join(place, 'open');
    mkdirSync(above);
    chmodSync(above, 0o777);
    expect(() => open(hostPath(join(above, 'store')))).toThrow(refused(above, 'writable'));
    expect(existsSync(join(above, 'store'))).toBe(false);
    // Only the owner can take a name out of one with the sticky bit.
    chmodSync(above, 0o1777);
    expect(open(hostPath(join(above, 'store'))).readOnly).toBe(false);
  });

  it('is refused behind a link too', () => {
    const above = join(place, 'behind');
    mkdirSync(join(above, 'store'), { recursive: true });
    chmodSync(above, 0o777);
    const link = join(place, 'link');
    symlinkSync(join(above, 'store'), link);
    expect(() => open(hostPath(link))).toThrow(refused(above, 'writable'));
  });

  it.each(['', 'tree', 'done'])('has no snapshot whose `%s` others can write to', async (part) => {
    const root = storeWithSnapshot();
    const path = join(root, 'snapshots', KEY, part);
    chmodSync(path, 0o777);
    await expect(open(root).findSnapshot(KEY, () => Promise.resolve(true))).rejects.toThrow(
      refused(path.replace(/\/$/, ''), 'writable'),
    );
  });
});

describe.skipIf(!isRoot)(`a store that belongs to another user${isRoot ? '' : ' (skipped: not root)'}`, () => {
  it.each(['', 'snapshots', 'records', 'native', 'alproot-store'])(
    'is refused by root for the owner of its `%s`',
    (part) => {
      const root = storeWithSnapshot();
      const path = join(root, part);
      if (!existsSync(path)) mkdirSync(path);
      chownSync(path, OTHER, OTHER);
      expect(() => open(root)).toThrow(refused(path, 'owner'));
    },
  );

  it('is refused below a directory of another user', () => {
    const above = join(place, 'theirs');
    mkdirSync(join(above, 'store'), { recursive: true });
    chownSync(above, OTHER, OTHER);
    expect(() => open(hostPath(join(above, 'store')))).toThrow(refused(above, 'owner'));
  });

  it.each(['', 'tree', 'done'])('has no snapshot whose `%s` belongs to another', async (part) => {
    const root = storeWithSnapshot();
    const path = join(root, 'snapshots', KEY, part);
    chownSync(path, OTHER, OTHER);
    await expect(open(root).findSnapshot(KEY, () => Promise.resolve(true))).rejects.toThrow(
      refused(path.replace(/\/$/, ''), 'owner'),
    );
  });

  it('has no blob and no record that belongs to another, and makes them anew', () => {
    const root = storeWithSnapshot();
    const store = open(root);
    const { sha256 } = store.putBlob(Buffer.from('bytes'));
    expect([store.hasBlob(sha256), store.getRecord('fact', ANY_RECORD)]).toEqual([true, { a: 1 }]);
    chownSync(store.blobPath(sha256), OTHER, OTHER);
    chownSync(join(root, 'records', 'fact.json'), OTHER, OTHER);
    expect([store.hasBlob(sha256), store.openBlob(sha256, 'a blob'), store.getRecord('fact', ANY_RECORD)]).toEqual([
      false,
      undefined,
      undefined,
    ]);
    store.putBlob(Buffer.from('bytes'));
    store.putRecord('fact', { a: 2 }, { codec: ANY_RECORD });
    expect([store.hasBlob(sha256), store.getRecord('fact', ANY_RECORD), statSync(store.blobPath(sha256)).uid]).toEqual(
      [true, { a: 2 }, 0],
    );
  });

  it('says so on the command line, with what to do, and changes nothing', async () => {
    const root = storeWithSnapshot();
    execFileSync('chown', ['-R', String(OTHER), root]);
    const { status, stderr } = await runCli(['cache', 'ls'], { cache: root });
    expect(status).toBe(9);
    expect(stderr).toContain(`belongs to user ${OTHER}`);
    expect(stderr).toContain(`chown -R 0 ${root}`);
    expect(stderr).toMatch(/ALPROOT_CACHE=DIR/);
    expect(readFileSync(join(root, 'snapshots', KEY, 'tree', 'file'), 'utf8')).toBe('content');
  });

  it("is root's for everybody else, to be read", async () => {
    const root = storeWithSnapshot();
    chmodSync(place, 0o755);
    const asOther = ['setpriv', `--reuid=${OTHER}`, `--regid=${OTHER}`, '--clear-groups'];
    const { status, stdout, stderr } = await runCli(['cache', 'ls'], {
      cache: root,
      prefix: asOther,
      env: { HOME: '/nonexistent' },
    });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(KEY);
    chownSync(root, OTHER + 1, OTHER);
    expect(
      (await runCli(['cache', 'ls'], { cache: root, prefix: asOther, env: { HOME: '/nonexistent' } })).stderr,
    ).toContain(`belongs to user ${OTHER + 1}`);
  });
});

const userns = capability('userns');

describe.skipIf(userns.skip)(`in a user namespace that does not know the host's root${userns.reason}`, () => {
  it('a store is used below directories of the host, and refused when its own owner has no number there', () => {
    const root = join(place, 'mapped');
    mkdirSync(root);
    if (isRoot) execFileSync('chown', ['-R', `${OTHER}`, root]);
    chmodSync(place, 0o755);
    const user = isRoot ? ['setpriv', `--reuid=${OTHER}`, `--regid=${OTHER}`, '--clear-groups'] : [];
    const inside = (store: string): string => {
      const [file = '', ...args] = [
        ...user,
        'unshare',
        '-r',
        'sh',
        '-c',
        '"$@" 2>&1; echo "status $?"',
        'sh',
        process.execPath,
        builtCommand(),
        'cache',
        'ls',
        '--cache',
        store,
      ];
      return execFileSync(file, args, {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' },
      });
    };
    expect(inside(join(root, 'store'))).toMatch(/status 0\n$/);
    if (!isRoot) return;
    const foreign = storeWithSnapshot();
    expect(inside(foreign)).toMatch(/belongs to a user whom this container does not know[^]*status 9\n$/);
  });
});
