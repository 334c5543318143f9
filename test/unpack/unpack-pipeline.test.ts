/** Packages whose data another thread inflates: the same trees, the same refusals, nothing left open. */
import { build } from 'esbuild';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/digest.ts';
import { isAlprootError } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import { hostPath } from '../../src/core/paths.ts';
import { generateSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { descriptorSource, type CopyJob } from '../../src/system/files/hashed-file.ts';
import { runThread, type Thread } from '../../src/system/thread/thread.ts';
import { openWorkTree } from '../../src/system/tree/work-tree.ts';
import { applyPlan } from '../../src/unpack/apply-plan.ts';
import type { InflateJob } from '../../src/unpack/inflate.ts';
import { keyring, parseTrustedKey } from '../../src/verify/key.ts';
import { verifyPackage } from '../../src/verify/package-file.ts';
import { projectRoot } from '../helpers/cli.ts';
import { makeApk, treeEntries, type RawPackage } from '../helpers/make-apk.ts';
import { picture } from '../helpers/worlds.ts';

let directory: string;
let key: SigningKey;
let script: string;
let trees = 0;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'alproot-supply-'));
  key = await generateSigningKey('test', 2048);
  script = join(directory, 'package-thread.cjs');
  await build({
    entryPoints: [join(projectRoot, 'src/unpack/package-thread.ts')],
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    define: { 'import.meta.url': '__filename' },
    logLevel: 'silent',
  });
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

interface Outcome {
  readonly tree: Record<string, string>;
  readonly error: string | undefined;
  readonly leftOpen: number;
  /** Names whose data were compared with the control part while they were unpacked. */
  readonly verified: readonly string[];
}

interface InstallOptions {
  readonly thread: Thread | undefined;
  /** The hash of the data is left to the unpacker; of the package of that name, somebody changed them. */
  readonly deferred?: { readonly changed: string | undefined } | undefined;
}

/** Installs packages that lie in files, in one transaction. */
async function install(packages: readonly RawPackage[], { thread, deferred }: InstallOptions): Promise<Outcome> {
  const root = join(directory, `tree${trees++}`);
  mkdirSync(join(root, 'etc'), { recursive: true });
  const keys = keyring([parseTrustedKey(key.publicPem, key.publicName)]);
  let leftOpen = 0;
  const verified: string[] = [];
  const files = packages.map((raw, at) => {
    const path = `${root}-${at}.apk`;
    const bytes = makeApk(raw, key);
    if (deferred !== undefined && raw.info?.['pkgname'] === deferred.changed)
      bytes.fill(0xff, bytes.length - 1000, bytes.length - 990);
    writeFileSync(path, bytes);
    const fd = openSync(path, 'r');
    leftOpen++;
    const source = descriptorSource(fd, `${at}.apk`);
    const contents = verifyPackage(
      source,
      deferred === undefined ? { keys } : { keys, deferData: true, hashed: { sha256: sha256Hex(bytes) } },
    ).package;
    return {
      source,
      contents,
      close: () => {
        leftOpen--;
        closeSync(fd);
      },
      onVerified: () => {
        verified.push(contents.record.name);
      },
    };
  });
  const changes = files.map(
    ({ contents: { record } }) =>
      ({ kind: 'install', next: { record, source: { kind: 'file', path: '/x' }, because: ['world'] } }) as const,
  );
  const given = new Set<string>();
  const open = ({ record: { name } }: { readonly record: { readonly name: string } }) => {
    given.add(name);
    const file = files.find(({ contents }) => contents.record.name === name);
    if (file === undefined) throw new Error(`no package ${name}`);
    return file;
  };
  const tree = openWorkTree(hostPath(root));
  let error: string | undefined;
  try {
    await applyPlan({
      tree,
      plan: { arch: 'x86_64', changes, world: [] },
      runScript: undefined,
      owners: 'record',
      emit: silent,
      open,
      thread,
    });
  } catch (thrown) {
    if (!isAlprootError(thrown)) throw thrown;
    error = `${thrown.code}: ${thrown.message}`;
  } finally {
    tree.close();
    for (const file of files) if (!given.has(file.contents.record.name)) file.close();
  }
  return { tree: picture(root), error, leftOpen, verified };
}

async function bothWays(packages: readonly RawPackage[], deferred?: InstallOptions['deferred']): Promise<Outcome> {
  const alone = await install(packages, { thread: undefined, deferred });
  const thread = runThread(hostPath(script));
  try {
    expect(await install(packages, { thread, deferred })).toEqual(alone);
  } finally {
    thread.stop();
  }
  return alone;
}

/** Bytes that hardly compress, the same every time. */
function noise(sizeBytes: number, seed: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0, state = seed; at < sizeBytes; at++)
    bytes[at] = (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 24;
  return bytes;
}

const named = (
  pkgname: string,
  files: Parameters<typeof treeEntries>[0],
  more: Partial<RawPackage> = {},
): RawPackage => ({ info: { pkgname }, entries: treeEntries(files), ...more });
const small = (count: number): RawPackage[] =>
  Array.from({ length: count }, (_, at) =>
    named(`s${at}`, { [`usr/share/s${at}/a`]: `a${at}`, [`usr/share/s${at}/b`]: '' }),
  );

describe('with a thread that inflates', () => {
  it('trees are the same: packages larger than the ring, more of them than are opened ahead, empty ones', async () => {
    const { tree, error, leftOpen } = await bothWays([
      ...small(12),
      named('large', {
        'usr/lib/large': { content: noise(9 * 1024 * 1024, 1) },
        'usr/lib/zeros': { content: Buffer.alloc(20 * 1024 * 1024) },
      }),
      { info: { pkgname: 'empty', size: '0' }, entries: [] },
      named('last', { 'usr/lib/last': { content: noise(300_000, 2) } }),
    ]);
    expect([error, leftOpen]).toEqual([undefined, 0]);
    expect(Object.keys(tree).filter((path) => path.startsWith('usr/'))).toHaveLength(41);
  });

  const spoilt = (spoil: (data: Buffer) => Buffer): RawPackage =>
    named('bad', { 'usr/lib/bad': { content: noise(600_000, 3) } }, { spoil });
  it.each<[string, string, RawPackage]>([
    [
      'a wrong CRC',
      'ALP_FORMAT_GZIP',
      spoilt((data) => Buffer.concat([data.subarray(0, -8), Buffer.alloc(4), data.subarray(-4)])),
    ],
    ['a wrong length', 'ALP_FORMAT_GZIP', spoilt((data) => Buffer.concat([data.subarray(0, -4), Buffer.alloc(4)]))],
    ['a stream that is cut off', 'ALP_FORMAT_GZIP', spoilt((data) => data.subarray(0, 200_000))],
    ['bytes after it', 'ALP_FORMAT_APK', spoilt((data) => Buffer.concat([data, Buffer.from('more')]))],
    [
      'a stream that is none',
      'ALP_FORMAT_GZIP',
      spoilt((data) => Buffer.concat([data.subarray(0, 10), Buffer.alloc(9, 0xff), data.subarray(19)])),
    ],
    [
      'a file that differs from its checksum',
      'ALP_VERIFY_DIGEST',
      named('bad', { 'usr/lib/bad': { content: noise(600_000, 3), checksum: '0'.repeat(40) } }),
    ],
    [
      'a name that leaves the tree',
      'ALP_UNPACK_PATH',
      { info: { pkgname: 'bad' }, entries: [{ name: '../out', content: 'x' }] },
    ],
    [
      'more than the cap',
      'ALP_LIMIT_SIZE',
      named(
        'bad',
        { 'usr/lib/bad': { content: Buffer.alloc(70 * 1024 * 1024) } },
        { info: { pkgname: 'bad', size: '1' } },
      ),
    ],
  ])('%s is refused alike, and the tree is what it was', async (_what, code, bad) => {
    const { tree, error, leftOpen } = await bothWays([...small(2), bad, ...small(12).slice(2)]);
    expect(error).toMatch(new RegExp(`^${code}: `));
    expect([Object.keys(tree), leftOpen]).toEqual([['etc'], 0]);
  });

  it('data whose hash was left to it are compared before they are inflated', async () => {
    const bad = named('bad', { 'usr/lib/bad': { content: noise(600_000, 3) } });
    const { tree, error, leftOpen, verified } = await bothWays([...small(2), bad, ...small(12).slice(2)], {
      changed: 'bad',
    });
    expect(error).toMatch(/^ALP_VERIFY_DIGEST: .*data hash differs from the signed control part$/);
    expect([Object.keys(tree), leftOpen, verified]).toEqual([['etc'], 0, ['s0', 's1']]);
    expect((await bothWays(small(3), { changed: undefined })).verified).toEqual(['s0', 's1', 's2']);
  });

  it('copies files, and hashes them from some place on as well, until it has something to inflate', async () => {
    const thread = runThread(hostPath(script));
    const bytes = noise(1_000_000, 4);
    writeFileSync(join(directory, 'from'), bytes);
    const [from, to] = [openSync(join(directory, 'from'), 'r'), openSync(join(directory, 'to'), 'w')];
    try {
      const tails = [0, 1, 262_143, 262_144, 262_145, 999_999, 1_000_000, 2_000_000];
      const copied = await Promise.all(
        tails.map((tailStart) => thread.ask({ from, to, tailStart } satisfies CopyJob)),
      );
      expect(copied).toEqual(
        tails.map((start) => ({
          sha256: sha256Hex(bytes),
          sizeBytes: bytes.length,
          tail: { start, sha256: sha256Hex(bytes.subarray(start)) },
        })),
      );
      expect(readFileSync(join(directory, 'to')).equals(Buffer.concat(tails.map(() => bytes)))).toBe(true);
      await expect(thread.ask({ from: to, to: from, tailStart: 0 } satisfies CopyJob)).rejects.toThrow('EBADF');
      await expect(thread.ask({ from, to, tailStart: 0 } satisfies CopyJob)).resolves.toMatchObject({
        sizeBytes: bytes.length,
      });
      const data = { kind: 'checked', start: 0 } as const;
      const receive = thread.begin({ descriptor: from, name: 'from', data, maxBytes: 1 } satisfies InflateJob);
      await expect(thread.ask({ from, to, tailStart: 0 } satisfies CopyJob)).rejects.toThrow('asked too late');
      expect(() => receive(() => undefined)).toThrow('not a gzip member');
    } finally {
      thread.stop();
      closeSync(from);
      closeSync(to);
    }
    await expect.poll(() => thread.ask({}).then(() => '', String)).toContain('the thread has ended');
  });

  it('is done without where the thread has ended by itself', async () => {
    const broken = join(directory, 'broken.cjs');
    writeFileSync(broken, 'throw new Error("no memory");');
    const thread = runThread(hostPath(broken));
    await expect(thread.ask({})).rejects.toThrow('no memory');
    expect(await install(small(3), { thread })).toEqual(await install(small(3), { thread: undefined }));
  });

  it('leaves no thread behind', async () => {
    const before = readdirSync('/proc/self/task').length;
    const thread = runThread(hostPath(script));
    await install(small(3), { thread });
    thread.stop();
    await expect.poll(() => readdirSync('/proc/self/task').length).toBeLessThanOrEqual(before);
  });
});
