/** Packages and indexes of apk v3 from the command line: into a tree, and verified. */
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { hostPath } from '../../src/core/paths.ts';
import { serveMirror } from '../../src/mirror/serve.ts';
import { capability } from '../helpers/capabilities.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';
import { upstreamRoot } from '../helpers/upstream.ts';

const needs = capability('upstream', 'proot');
const adb = join(upstreamRoot, 'adb');
let root: string;
let mirror: ReleaseMirror;

interface DumpedFile {
  readonly name: string;
  readonly acl: { readonly mode: number };
  readonly size: number;
  readonly mtime: number;
  readonly hash?: string;
  readonly target?: string;
}
interface Dump {
  readonly paths: readonly {
    readonly name?: string;
    readonly acl: { readonly mode: number };
    readonly files?: readonly DumpedFile[];
  }[];
}

const alproot = (args: readonly string[]): Promise<CliResult> =>
  runCli(args, { cwd: root, cache: join(root, 'cache') });
const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
const short = (digest: Buffer): string => `Q1${digest.subarray(0, 20).toString('base64')}`;
/** One package's lines of the database. */
const entryOf = (tree: string, name: string): string =>
  readFileSync(join(tree, 'lib/apk/db/installed'), 'latin1')
    .split('\n\n')
    .find((text) => text.includes(`\nP:${name}\n`)) ?? '';

beforeAll(async () => {
  if (needs.skip) return;
  root = mkdtempSync(join(tmpdir(), 'alproot-v3-'));
  mirror = await makeReleaseMirror(join(root, 'mirror'), []);
  const main = join(mirror.directory, 'v3.19/main/x86_64');
  rmSync(join(main, 'APKINDEX.tar.gz'));
  for (const name of ['demo-deflate-1.2.3-r4', 'demo-none-1.2.3-r4', 'demo-zstd-1.2.3-r4', 'libdemo-1.0-r0'])
    cpSync(join(adb, `${name}.apk`), join(main, `${name}.apk`));
  writeFileSync(join(root, 'private.rsa'), mirror.key.privatePem);
  const indexed = await alproot([
    'mirror',
    'index',
    main,
    '--format',
    'v3',
    '--sign-with',
    join(root, 'private.rsa'),
    '--description',
    'demo',
  ]);
  if (indexed.status !== 0) throw new Error(indexed.stderr);
  // The index is signed under the name of the private key's file.
  mkdirSync(join(root, 'keys'));
  writeFileSync(join(root, 'keys', 'private.rsa.pub'), mirror.key.publicPem);
});
afterAll(() => {
  if (!needs.skip) rmSync(root, { recursive: true, force: true });
});

describe.skipIf(needs.skip)(`a mirror of apk v3${needs.reason}`, () => {
  it.each(['deflate', 'none', 'zstd'])(
    'demo-%s becomes the tree that the dump describes, and a database as apk 3 writes it',
    async (kind) => {
      const tree = join(root, `tree-${kind}`);
      const made = await alproot(['rootfs', 'create', tree, '-p', `demo-${kind}`, ...mirror.args]);
      expect(made, made.stderr).toMatchObject({ status: 0 });
      const { paths } = parse(readFileSync(join(adb, 'demo-zstd.dump.yaml'), 'utf8')) as Dump;
      const lines: string[] = [];
      for (const { name: directory, files = [] } of paths) {
        if (directory === undefined) continue;
        lines.push(`F:${directory}`);
        expect(statSync(join(tree, directory)).mode & 0o7777).toBe(0o755);
        for (const {
          name,
          acl: { mode },
          size,
          mtime,
          hash,
          target,
        } of files) {
          const path = join(tree, directory, name);
          const found = lstatSync(path);
          lines.push(`R:${name}`);
          const text = target === undefined ? '' : Buffer.from(target, 'hex').subarray(2).toString();
          const isLink = target?.startsWith('00a0') === true;
          if (isLink) expect(readlinkSync(path)).toBe(text);
          else {
            const content = readFileSync(path);
            expect([content.length, found.mode & 0o7777, sha256(content).toString('hex'), found.mtimeMs]).toEqual([
              size,
              Number.parseInt(String(mode), 8),
              hash,
              mtime * 1000,
            ]);
            if (target !== undefined) expect(found.ino).toBe(statSync(join(tree, text)).ino);
          }
          if (isLink || mode !== 644) lines.push(`a:0:0:${isLink ? '777' : mode}`);
          lines.push(`Z:${short(isLink ? sha256(Buffer.from(text)) : Buffer.from(hash ?? '', 'hex'))}`);
        }
      }
      const entry = entryOf(tree, `demo-${kind}`);
      expect(entry.split('\n').filter((line) => /^[FRaMZ]:/.test(line))).toEqual(lines);
      const listed = parse(readFileSync(join(adb, 'Packages.dump.yaml'), 'utf8')) as {
        packages: { name: string; hashes: string }[];
      };
      const hashes = listed.packages.find(({ name }) => name === `demo-${kind}`)?.hashes ?? '';
      expect(entry).toContain(`C:${short(Buffer.from(hashes, 'hex'))}\nP:demo-${kind}\nV:1.2.3-r4\n`);
      expect(entry).toContain('\nf:S\n');
      expect(existsSync(join(tree, 'etc/demo/demo.conf'))).toBe(true);
      expect(entryOf(tree, 'libdemo')).toContain('f:S');
    },
  );

  it.each([
    ['v3', 'v3.19/main'],
    ['ndx', 'v3.19/main/x86_64/Packages.adb'],
  ])('a %s line of etc/apk/repositories finds them', async (keyword, place) => {
    const server = await serveMirror({
      directory: hostPath(mirror.directory),
      now: Date.now(),
      emit: () => undefined,
    });
    try {
      const context = join(root, `context-${keyword}`);
      mkdirSync(context);
      cpSync(join(root, 'keys'), join(context, 'keys'), { recursive: true });
      writeFileSync(
        join(context, 'Dockerfile'),
        [
          'FROM alpine:3.19',
          'COPY keys/ /etc/apk/keys/',
          `RUN echo '${keyword} ${server.url}/${place}' > /etc/apk/repositories && apk add demo-zstd && rm /usr/bin/demo && apk fix demo-zstd && cp /usr/bin/demo /demo`,
          'FROM scratch',
          'COPY --from=0 /demo /lib/apk/db/installed /',
        ].join('\n'),
      );
      const built = await alproot([
        'build',
        context,
        '-o',
        join(root, `out-${keyword}`),
        ...mirror.args,
        '--backend',
        'proot',
      ]);
      expect(built, built.stderr).toMatchObject({ status: 0 });
      expect(readFileSync(join(root, `out-${keyword}`, 'installed'), 'latin1')).toContain('P:demo-zstd\nV:1.2.3-r4\n');
    } finally {
      await server.close();
    }
  });

  it('its index and packages are verified, and a changed byte is not', async () => {
    const key = [
      '--key',
      join(adb, 'keys/test-rsa.rsa.pub'),
      '--key',
      join(adb, 'keys/test-ec.pub'),
      '--key',
      join(root, 'keys/private.rsa.pub'),
    ];
    const main = join(mirror.directory, 'v3.19/main/x86_64');
    const good = await alproot([
      'verify',
      ...key,
      join(main, 'Packages.adb'),
      join(main, 'libdemo-1.0-r0.apk'),
      join(main, 'demo-zstd-1.2.3-r4.apk'),
    ]);
    expect(good, good.stderr).toMatchObject({ status: 0 });
    const bytes = readFileSync(join(main, 'demo-none-1.2.3-r4.apk'));
    bytes[100_000] = (bytes[100_000] ?? 0) ^ 1;
    writeFileSync(join(root, 'changed.apk'), bytes);
    expect(await alproot(['verify', ...key, join(root, 'changed.apk')])).toMatchObject({ status: 4 });
  });

  it('a package that is not the one of the index is refused, and nothing of it is installed', async () => {
    const bad = join(root, 'bad');
    cpSync(mirror.directory, bad, { recursive: true });
    cpSync(join(adb, 'libdemo-1.0-r0.apk'), join(bad, 'v3.19/main/x86_64/demo-none-1.2.3-r4.apk'));
    const made = await runCli(
      [
        'rootfs',
        'create',
        join(root, 'tree-bad'),
        '-p',
        'demo-none',
        '--mirror',
        bad,
        '--key',
        mirror.keyFile,
        '--release',
        '3.19',
      ],
      { cwd: root },
    );
    expect(made.status).not.toBe(0);
    expect(existsSync(join(root, 'tree-bad/usr/bin/demo'))).toBe(false);
  });
});
