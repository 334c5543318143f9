import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyOf, sha256Hex } from '../../src/core/digest.ts';
import { hostPath, joinHost, type HostPath } from '../../src/core/paths.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { bootId, processSpace } from '../../src/system/process/boot.ts';
import { systemClock } from '../../src/system/process/system-clock.ts';
import { ownDisk } from '../../src/system/files/local-disk.ts';
import { capability } from '../helpers/capabilities.ts';
import { ANY_RECORD } from '../helpers/records.ts';

const CODE = join(import.meta.dirname, '..', '..', 'src');
let directory: HostPath;
let root: HostPath;
beforeEach(() => {
  directory = hostPath(mkdtempSync(join(tmpdir(), 'alproot-store-')));
  root = joinHost(directory, 'store');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));
const open = (): Store => openStore(root, { clock: systemClock });

/** Runs a module in a process of its own, with `store` opened on the same root. */
function run(body: string, prefix: readonly string[] = []): Promise<number | null> {
  const program = `
    import { openStore } from '${CODE}/store/store.ts';
    import { systemClock } from '${CODE}/system/process/system-clock.ts';
    import * as fs from 'node:fs';
    const root = ${JSON.stringify(root)};
    const store = openStore(root, { clock: systemClock });
    const ANY_RECORD = { version: 1, parse: (value) => value };
    ${body}`;
  const [file = '', ...args] = [...prefix, process.execPath, '--import', 'tsx', '--input-type=module', '-e', program];
  return new Promise((resolve) =>
    spawn(file, args, { cwd: join(CODE, '..'), stdio: ['ignore', 'inherit', 'inherit'] }).on('exit', resolve),
  );
}

describe('a blob that somebody changed on disk', () => {
  const BYTES = Buffer.from('the right bytes');

  it.each<[string, (path: string) => void]>([
    ['a flipped bit', (path) => writeFileSync(path, Buffer.from(BYTES).fill((BYTES[3] ?? 0) ^ 1, 3, 4))],
    ['a longer file', (path) => writeFileSync(path, `${BYTES.toString()}x`)],
    ['a link to the right bytes', (path) => (renameSync(path, `${path}.x`), symlinkSync(`${path}.x`, path))],
    ['a dangling link', (path) => (rmSync(path), symlinkSync('nowhere', path))],
    ['a link to itself', (path) => (rmSync(path), symlinkSync(path, path))],
    ['a directory', (path) => (rmSync(path), mkdirSync(path))],
    ['a pipe', (path) => (rmSync(path), spawnSync('mkfifo', [path]))],
  ])('into %s is never handed out', (_what, change) => {
    const store = open();
    const { sha256 } = store.putBlob(BYTES);
    change(store.blobPath(sha256));
    expect(store.openBlob(sha256, 'x')).toBeUndefined();
  });

  it('for every bit of it is noticed, and putting it again mends it', () => {
    const store = open();
    const { sha256 } = store.putBlob(BYTES);
    for (let bit = 0; bit < BYTES.length * 8; bit++) {
      const bytes = Buffer.from(BYTES);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(store.blobPath(sha256), bytes);
      expect(store.openBlob(sha256, 'x')).toBeUndefined();
      store.putBlob(BYTES);
    }
    const blob = store.openBlob(sha256, 'x');
    expect(blob?.sizeBytes).toBe(BYTES.length);
    blob?.close();
  });

  it('by a hard link from elsewhere is noticed', () => {
    const store = open();
    const { sha256 } = store.putBlob(BYTES);
    linkSync(store.blobPath(sha256), join(directory, 'outside'));
    writeFileSync(join(directory, 'outside'), 'the evil bytes!');
    expect(store.openBlob(sha256, 'x')).toBeUndefined();
  });

  it('is read through the descriptor that was hashed, whatever comes to stand at its name', () => {
    const store = open();
    const { sha256 } = store.putBlob(BYTES);
    const blob = store.openBlob(sha256, 'x');
    renameSync(store.blobPath(sha256), `${store.blobPath(sha256)}.old`);
    writeFileSync(store.blobPath(sha256), 'the evil bytes!');
    const bytes = Buffer.alloc(BYTES.length);
    blob?.read(bytes, 0);
    blob?.close();
    expect(bytes).toEqual(BYTES);
  });
});

describe('a record that is replaced', () => {
  it('is whole for whoever has the old one open, and a link in its place is not written through', () => {
    const store = open();
    store.putRecord('r', { value: 'old' }, { codec: ANY_RECORD });
    const path = store.path('records', 'r.json');
    const fd = openSync(path, 'r');
    store.putRecord('r', { value: 'new' }, { codec: ANY_RECORD });
    expect([readFileSync(fd, 'utf8'), store.getRecord('r', ANY_RECORD)]).toEqual([
      '{"version":1,"value":{"value":"old"}}\n',
      { value: 'new' },
    ]);
    closeSync(fd);
    writeFileSync(join(directory, 'victim'), 'untouched');
    rmSync(path);
    symlinkSync(join(directory, 'victim'), path);
    store.putRecord('r', { value: 'newer' }, { codec: ANY_RECORD });
    expect([readFileSync(join(directory, 'victim'), 'utf8'), store.getRecord('r', ANY_RECORD)]).toEqual([
      'untouched',
      { value: 'newer' },
    ]);
  });
});

describe('half a snapshot', () => {
  it('never counts, and gives way to a whole one', async () => {
    const store = open();
    const key = keyOf('k');
    mkdirSync(store.path('snapshots', key, 'tree', 'half'), { recursive: true });
    expect(await store.findSnapshot(key, () => Promise.resolve(true))).toBeUndefined();
    const work = store.makeTemporary('snapshot');
    mkdirSync(join(work, 'tree', 'whole'), { recursive: true });
    const tree = store.publishSnapshot(key, work);
    expect(readdirSync(tree)).toEqual(['whole']);
    expect(await store.findSnapshot(key, () => Promise.resolve(true))).toBe(tree);
  });

  it('published twice keeps the first and leaves nothing behind', () => {
    const store = open();
    for (const name of ['first', 'second']) {
      const work = store.makeTemporary('snapshot');
      mkdirSync(join(work, 'tree', name), { recursive: true });
      store.publishSnapshot(keyOf('k'), work);
    }
    expect(readdirSync(store.path('snapshots', keyOf('k'), 'tree'))).toEqual(['first']);
    expect(readdirSync(store.path('tmp'))).toEqual([]);
  });
});

describe('a directory that is not a store', () => {
  it('is left as it is, also when only its marker is missing', () => {
    open().putBlob(Buffer.from('x'));
    rmSync(join(root, 'alproot-store'));
    expect(open).toThrow(expect.objectContaining({ code: 'ALP_STORE_FOREIGN' }));
    expect(existsSync(join(root, 'blobs'))).toBe(true);
  });

  it('is not made through a file', () => {
    writeFileSync(root, 'a file');
    expect(open).toThrow(expect.objectContaining({ code: 'ALP_STORE_WRITE' }));
    expect(readFileSync(root, 'utf8')).toBe('a file');
  });
});

/** Loses what another counts meanwhile, unless the lock keeps it out. */
const COUNT_ONE = `
  await store.withLock('count', async () => {
    const { value } = store.getRecord('count', ANY_RECORD);
    await new Promise((resolve) => setImmediate(resolve));
    store.putRecord('count', { value: value + 1 }, { codec: ANY_RECORD });
  });`;

describe('many processes on one store', () => {
  it('put the same blobs and count under a lock without losing anything', async () => {
    open().putRecord('count', { value: 0 }, { codec: ANY_RECORD });
    const body = `
      for (let i = 0; i < 10; i++) {
        ${COUNT_ONE}
        store.putBlob(Buffer.from('blob ' + i));
      }`;
    const statuses = await Promise.all(Array.from({ length: 5 }, () => run(body)));
    expect(statuses).toEqual([0, 0, 0, 0, 0]);
    const store = open();
    expect(store.getRecord('count', ANY_RECORD)).toEqual({ value: 50 });
    expect(readdirSync(join(root, 'locks'))).toEqual([]);
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
    for (let i = 0; i < 10; i++) expect(store.hasBlob(sha256Hex(`blob ${i}`))).toBe(true);
  });

  const traced = capability('strace');
  it.skipIf(traced.skip)(`keep each other out where there are no hard links${traced.reason}`, async () => {
    open().putRecord('count', { value: 0 }, { codec: ANY_RECORD });
    const body = `for (let i = 0; i < 20; i++) { ${COUNT_ONE} }`;
    const linkless = [
      'strace',
      '-f',
      '-qq',
      '-o',
      '/dev/null',
      '-e',
      'trace=/^link',
      '-e',
      'inject=/^link:error=EPERM',
    ];
    expect(await Promise.all([1, 2, 3].map(() => run(body, linkless)))).toEqual([0, 0, 0]);
    expect([open().getRecord('count', ANY_RECORD), readdirSync(join(root, 'locks'))]).toEqual([{ value: 60 }, []]);
  });

  it('take over from one that was killed in the middle of its work', async () => {
    open();
    await run(
      `
      const work = store.makeTemporary('work');
      fs.writeFileSync(work + '/half', 'x');
      const blob = store.createBlob();
      blob.write(Buffer.from('half a blob'));
      await store.withLock('a', async () => { process.kill(process.pid, 'SIGKILL'); await new ` +
        `Promise(() => setTimeout(() => undefined, 60_000)); });`,
    );
    expect(readdirSync(join(root, 'locks'))).toEqual(['a']);
    expect(readdirSync(join(root, 'tmp')).length).toBe(2);
    const store = open();
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
    expect(await store.withLock('a', () => Promise.resolve('mine'))).toBe('mine');
    expect(readdirSync(join(root, 'locks'))).toEqual([]);
  });
});

const userns = capability('userns');
describe.skipIf(userns.skip)(`containers that share a store${userns.reason}`, () => {
  /** Each process is number 1 of its own. */
  const CONTAINER = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--mount', '--mount-proc'];

  it('hold locks against each other, though their processes have the same number', async () => {
    open();
    const at = (name: string): string => join(directory, name);
    const wait = (...names: string[]): string =>
      `while (!${JSON.stringify(names.map(at))}.some(fs.existsSync)) await new Promise((resolve) => ` +
      `setImmediate(resolve));`;
    // The holder goes when the other has looked three times, or has come in.
    const holder = run(
      `
      await store.withLock('a', async () => {
        fs.writeFileSync(${JSON.stringify(at('held'))}, String(process.pid));
        ${wait('looked', 'inside')}
        process.exitCode = fs.existsSync(${JSON.stringify(at('inside'))}) ? 7 : 0;
      });`,
      CONTAINER,
    );
    const other = run(
      `
      ${wait('held')}
      let looks = 0;
      const sleep = async () => { if (++looks === 3) ` +
        `fs.writeFileSync(${JSON.stringify(at('looked'))}, ''); await new Promise((resolve) => setImmediate(resolve)); };
      const patient = openStore(root, { clock: { ...systemClock, sleep } });
      await patient.withLock('a', () => ` +
        `Promise.resolve(fs.writeFileSync(${JSON.stringify(at('inside'))}, String(process.pid))));`,
      CONTAINER,
    );
    expect(await Promise.all([holder, other])).toEqual([0, 0]);
    expect([readFileSync(at('held'), 'utf8'), readFileSync(at('inside'), 'utf8')]).toEqual(['1', '1']);
    expect(readdirSync(join(root, 'locks'))).toEqual([]);
  });

  it("leave each other's unfinished work alone, and take over from one that was killed", async () => {
    open();
    await run(
      `
      fs.writeFileSync(store.makeTemporary('work') + '/half', 'x');
      await store.withLock('a', async () => { process.kill(process.pid, 'SIGTERM'); process.exit(9); });`,
      CONTAINER,
    );
    expect(readdirSync(join(root, 'locks'))).toEqual(['a']);
    let looks = 0;
    const store = openStore(root, { clock: { ...systemClock, sleep: () => Promise.resolve(void looks++) } });
    expect(readdirSync(join(root, 'tmp')).filter((name) => name.includes('-work-'))).toHaveLength(1);
    expect(await store.withLock('a', () => Promise.resolve('mine'))).toBe('mine');
    expect(looks).toBeGreaterThan(700);
  });
});

describe('a lock', () => {
  it("that was taken away or replaced meanwhile does not take another's with it", async () => {
    const store = open();
    await store.withLock('a', () => Promise.resolve(rmSync(store.path('locks', 'a'))));
    await store.withLock('a', () =>
      Promise.resolve(
        (renameSync(store.path('locks', 'a'), join(directory, 'held')),
        writeFileSync(store.path('locks', 'a'), '1 other\n')),
      ),
    );
    expect(readFileSync(store.path('locks', 'a'), 'utf8')).toBe('1 other\n');
  });

  it('that is held for too long is an error that names its holder', async () => {
    const store = openStore(root, {
      clock: { ...systemClock, sleep: () => Promise.resolve() },
      signal: AbortSignal.abort(),
    });
    mkdirSync(store.path('locks'), { recursive: true });
    writeFileSync(store.path('locks', 'a'), `${process.ppid} \n`);
    await expect(store.withLock('a', () => Promise.resolve())).rejects.toMatchObject({
      code: 'ALP_STORE_BUSY',
      message: expect.stringContaining(String(process.ppid)),
    });
  });

  it.each(['', '\0'.repeat(20)])("of which a power failure left a name and no holder is nobody's", async (left) => {
    const store = openStore(root, { clock: { ...systemClock, sleep: () => Promise.resolve() } });
    mkdirSync(store.path('locks'), { recursive: true });
    writeFileSync(store.path('locks', 'a'), left);
    expect(await store.withLock('a', () => Promise.resolve('mine'))).toBe('mine');
    expect(readdirSync(store.path('locks'))).toEqual([]);
  });

  it('of another machine whose holder gives signs of life is waited for, whatever its clock says', async () => {
    const path = (): string => join(root, 'locks', 'a');
    let looks = 0;
    const sleep = (): Promise<void> => {
      if (++looks % 500 === 0) utimesSync(path(), looks, looks);
      if (looks === 5000) rmSync(path());
      return Promise.resolve();
    };
    const store = openStore(root, { clock: { ...systemClock, sleep } });
    mkdirSync(store.path('locks'), { recursive: true });
    writeFileSync(path(), `${process.pid} 12345deadbeef\n`);
    expect(await store.withLock('a', () => Promise.resolve('mine'))).toBe('mine');
    expect(looks).toBe(5000);
  });

  describe.skipIf(ownDisk(tmpdir()) === '')(
    `of another ` +
      `start${ownDisk(tmpdir()) === '' ? ' (the temporary directory is on no disk of this machine alone)' : ''}`,
    () => {
      /** How often one looks at a lock as a process leaves it that holds it, when the machine then starts anew. */
      const looksAt = async (left: (text: string) => string): Promise<number> => {
        let looks = 0;
        const store = openStore(root, { clock: { ...systemClock, sleep: () => Promise.resolve(void looks++) } });
        const path = store.path('locks', 'a');
        let text = '';
        await store.withLock('a', () => Promise.resolve(void (text = readFileSync(path, 'utf8'))));
        writeFileSync(path, left(text));
        expect(await store.withLock('a', () => Promise.resolve('mine'))).toBe('mine');
        return looks;
      };
      const startedAnew = (text: string): string =>
        text.replace(processSpace(), 'deadbeef').replace(bootId(), 'c0ffee00-0000-4000-8000-000000000000');

      it('is taken at once when this machine left it on its own disk', async () => {
        expect(await looksAt(startedAnew)).toBe(1);
      });

      it.each<[string, (text: string) => string]>([
        ['another container of this start', (text) => text.replace(processSpace(), 'deadbeef')],
        [
          'one who saw another file system there',
          (text) => startedAnew(text).replace(/ (?:ext|xfs|btrfs|overlay|tmpfs|f2fs|zfs|bcachefs) /, ' elsewhere '),
        ],
        [
          'one who saw a file system that others may have',
          (text) => `${startedAnew(text).split(' ').slice(0, 2).join(' ')}\n`,
        ],
      ])('is waited for when it may be that of %s', async (_whose, left) => {
        expect(await looksAt(left)).toBeGreaterThan(700);
      });
    },
  );

  it('is released when the work under it fails', async () => {
    const store = open();
    await expect(store.withLock('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(readdirSync(store.path('locks'))).toEqual([]);
  });
});

describe.skipIf(process.getuid?.() === 0)('a store that cannot be written', () => {
  it('still gives what it has', () => {
    const { sha256 } = open().putBlob(Buffer.from('x'));
    const modes = ['', 'tmp', 'records'].map((name) => join(root, name)).filter(existsSync);
    for (const path of modes) chmodSync(path, 0o555);
    try {
      const store = open();
      expect(store.readOnly).toBe(true);
      store.openBlob(sha256, 'x')?.close();
      expect(store.hasBlob(sha256)).toBe(true);
      store.putRecord('a', 1, { codec: ANY_RECORD });
      expect(statSync(root).mode & 0o777).toBe(0o555);
    } finally {
      for (const path of modes) chmodSync(path, 0o755);
    }
  });
});
