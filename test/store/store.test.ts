import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { keyOf, sha256Hex } from '../../src/core/digest.ts';
import { hostPath, type HostPath } from '../../src/core/paths.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { systemClock } from '../../src/system/process/system-clock.ts';
import { ANY_RECORD } from '../helpers/records.ts';

const roots: string[] = [];
const newRoot = (): HostPath => {
  const root = mkdtempSync(join(tmpdir(), 'alproot-store-'));
  roots.push(root);
  return hostPath(join(root, 'store'));
};
const open = (root: HostPath): Store => openStore(root, { clock: systemClock });
afterEach(() => roots.splice(0).forEach((root) => rmSync(root, { recursive: true, force: true })));

describe('the store', () => {
  it('gives back the bytes that it was given, under their SHA-256', () => {
    const store = open(newRoot());
    const { sha256 } = store.putBlob(Buffer.from('hello'));
    expect(sha256).toBe(sha256Hex('hello'));
    const blob = store.openBlob(sha256, 'x');
    const bytes = Buffer.alloc(5);
    blob?.read(bytes, 0);
    blob?.close();
    expect(bytes.toString()).toBe('hello');
  });

  it.each([
    ['a flipped byte', (path: string): void => writeFileSync(path, 'hellp')],
    ['a cut', (path: string): void => truncateSync(path, 2)],
    ['an empty file', (path: string): void => truncateSync(path, 0)],
  ])('drops a blob damaged by %s instead of handing it out', (_what, damage) => {
    const store = open(newRoot());
    const { sha256 } = store.putBlob(Buffer.from('hello'));
    damage(store.blobPath(sha256));
    expect(store.openBlob(sha256, 'x')).toBeUndefined();
    expect(store.hasBlob(sha256)).toBe(false);
  });

  it('does not follow a link that stands where a blob should be', () => {
    const store = open(newRoot());
    const { sha256 } = store.putBlob(Buffer.from('hello'));
    const path = store.blobPath(sha256);
    rmSync(path);
    symlinkSync('/etc/passwd', path);
    expect(store.openBlob(sha256, 'x')).toBeUndefined();
  });

  it('refuses a directory that holds something else', () => {
    const root = newRoot();
    mkdirSync(root);
    writeFileSync(join(root, 'thesis.tex'), '');
    expect(() => open(root)).toThrow(expect.objectContaining({ code: 'ALP_STORE_FOREIGN' }));
    expect(readdirSync(root)).toEqual(['thesis.tex']);
  });

  it('clears what dead processes left beside records and locks, nothing of the living or of other machines', () => {
    const root = newRoot();
    open(root).putRecord('kept', 1, { codec: ANY_RECORD });
    mkdirSync(join(root, 'locks'), { recursive: true });
    // No process has this number: they end at 2^22.
    const left = ['records/a.json', 'locks/x', 'alproot-store'].map(
      (name) => `${name}.tmp-4999999-0-file-0123456789ab`,
    );
    // Another container's process may have any number.
    const alive = [
      `records/b.json.tmp-${process.pid}-0-file-0123456789ab`,
      'records/c.json.tmp-4999999-12345deadbeef-file-0123456789ab',
    ];
    for (const name of [...left, ...alive]) writeFileSync(join(root, name), '');
    expect(open(root).getRecord('kept', ANY_RECORD)).toBe(1);
    expect(left.filter((name) => existsSync(join(root, name)))).toEqual([]);
    expect(alive.filter((name) => existsSync(join(root, name)))).toEqual(alive);
  });

  it.each(['', 'x', '{"schema":', '[1]'])('says that its marker is damaged when it is %j', (text) => {
    const root = newRoot();
    open(root);
    writeFileSync(join(root, 'alproot-store'), text);
    expect(() => open(root)).toThrow(expect.objectContaining({ code: 'ALP_STORE_DAMAGED' }));
  });

  it('refuses a store of a newer schema', () => {
    const root = newRoot();
    open(root);
    writeFileSync(join(root, 'alproot-store'), '{"schema":99}');
    expect(() => open(root)).toThrow(expect.objectContaining({ code: 'ALP_USAGE_VERSION' }));
  });

  it('shows a snapshot only when it was published whole', async () => {
    const store = open(newRoot());
    const key = keyOf('a');
    const work = store.makeTemporary('snapshot');
    mkdirSync(join(work, 'tree'));
    expect(await store.findSnapshot(key, () => Promise.resolve(true))).toBeUndefined();
    const tree = store.publishSnapshot(key, work);
    expect(await store.findSnapshot(key, () => Promise.resolve(true))).toBe(tree);
    rmSync(join(tree, '..', 'done'));
    expect(await store.findSnapshot(key, () => Promise.resolve(true))).toBeUndefined();
  });

  it('verifies a snapshot of an earlier boot, and makes it again when a file is short or differs', async () => {
    const store = open(newRoot());
    const key = keyOf('a');
    const publish = (): string => {
      const work = store.makeTemporary('snapshot');
      mkdirSync(join(work, 'tree', 'usr'), { recursive: true });
      writeFileSync(join(work, 'tree', 'usr', 'a\u00e9'), 'content');
      return store.publishSnapshot(key, work);
    };
    const tree = publish();
    const file = join(tree, 'usr', 'a\u00e9');
    const mark = join(tree, '..', 'done');
    const fromBefore = (): void => {
      writeFileSync(
        mark,
        JSON.stringify({ ...(JSON.parse(readFileSync(mark, 'utf8')) as object), boot: 'another start' }),
      );
    };
    let verified = 0;
    const find = (): Promise<HostPath | undefined> =>
      store.findSnapshot(key, () => Promise.resolve(++verified > 0 && readFileSync(file, 'utf8') === 'content'));
    // In the start that made it nobody reads it all.
    expect([await find(), verified]).toEqual([tree, 0]);
    fromBefore();
    expect([await find(), verified]).toEqual([tree, 1]);
    // It has been read from the disk since: that is not asked again.
    writeFileSync(file, '');
    expect([await find(), verified]).toEqual([tree, 1]);
    fromBefore();
    expect([await find(), verified]).toEqual([undefined, 1]);
    writeFileSync(file, '\0'.repeat('content'.length));
    expect([await find(), verified]).toEqual([undefined, 2]);
    publish();
    expect(readFileSync(file, 'utf8')).toBe('content');
    expect([await find(), verified]).toEqual([tree, 2]);
  });

  it('removes what a dead process left, and nothing of a living one', () => {
    const root = newRoot();
    const store = open(root);
    const living = store.makeTemporary('work');
    mkdirSync(join(root, 'tmp', '4194304-1-dead', 'x'), { recursive: true });
    open(root);
    expect(readdirSync(join(root, 'tmp'))).toEqual([living.split('/').at(-1)]);
  });

  it('leaves the work of another machine that shares the store alone, for a day', () => {
    const root = newRoot();
    open(root);
    const other = join(root, 'tmp', '4194304-12345deadbeef-session-0123456789ab');
    mkdirSync(other, { recursive: true });
    open(root);
    expect(readdirSync(join(root, 'tmp'))).toHaveLength(1);
    utimesSync(other, 1e9, 1e9);
    open(root);
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
  });

  it('lets one at a time through a lock, and takes it over from a dead holder', async () => {
    const root = newRoot();
    const store = open(root);
    mkdirSync(join(root, 'locks'), { recursive: true });
    writeFileSync(join(root, 'locks', 'a'), '4194304 1\n');
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 5 }, () =>
        store.withLock('a', async () => {
          most = Math.max(most, ++inside);
          await new Promise((resolve) => setImmediate(resolve));
          inside--;
        }),
      ),
    );
    expect(most).toBe(1);
    expect(readdirSync(join(root, 'locks'))).toEqual([]);
  });

  it('treats a damaged record as none', () => {
    const store = open(newRoot());
    store.putRecord('r', { a: 1 }, { codec: ANY_RECORD });
    expect(store.getRecord('r', ANY_RECORD)).toEqual({ a: 1 });
    writeFileSync(store.path('records', 'r.json'), '{"a":');
    expect(store.getRecord('r', ANY_RECORD)).toBeUndefined();
  });
});
