/** What there is, what is installed, and why: the verbs that only look, over a small mirror and trees made of it. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';
import { upstreamRoot } from '../helpers/upstream.ts';

const needs = capability('upstream');
const root = capability('upstream', 'chroot');
let work: string;
let mirror: ReleaseMirror;

beforeAll(async () => {
  if (needs.skip) return;
  work = mkdtempSync(join(tmpdir(), 'alproot-explain-'));
  mirror = await makeReleaseMirror(join(work, 'mirror'), [
    { name: 'libz', version: '1.3-r0', provides: ['so:z.so.1=1.3'], files: { 'usr/lib/libz.txt': 'z' } },
    { name: 'libz-dev', version: '1.3-r0', depends: ['libz=1.3-r0'], files: { 'usr/include/z.h': 'h' } },
    { name: 'gcc', version: '13.2-r1', depends: ['libz', 'binutils'], files: { 'usr/bin/gcc': 'gcc' } },
    { name: 'binutils', version: '2.41-r0', depends: ['so:z.so.1'], files: { 'usr/bin/ld': 'ld' } },
    { name: 'strict', version: '1-r0', depends: ['libz>2'] },
  ]);
  const made = await alproot('rootfs', 'create', 'tree', '-p', 'gcc');
  expect(made.status, made.stderr).toBe(0);
});
afterAll(() => {
  if (!needs.skip) rmSync(work, { recursive: true, force: true });
});

const alproot = (...args: readonly string[]): Promise<CliResult> =>
  runCli([...args, ...mirror.args], { cwd: work, cache: join(work, 'cache') });

/** Status, standard output and warnings as one text. */
async function said(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await alproot(...args);
  return `${stdout}${stderr}status ${status}\n`.replaceAll(mirror.directory, '<mirror>').replaceAll(work, '<work>');
}

describe.skipIf(needs.skip)(`questions about the mirror${needs.reason}`, () => {
  it('finds packages by parts of names and by what they provide', async () => {
    expect(await said('search', '-v', 'libz')).toMatchInlineSnapshot(`
      "libz-1.3-r0 - libz
      libz-dev-1.3-r0 - libz-dev
      status 0
      "
    `);
    expect(await said('search', '-q', '-e', 'so:z.so.1')).toMatchInlineSnapshot(`
      "libz
      status 0
      "
    `);
  });

  it('names what is spelt like a pattern that finds nothing', async () => {
    expect(await said('search', 'gcxc')).toMatchInlineSnapshot(`
      "warning: there is no package \`gcxc\` in <mirror>/v3.19/main (there is \`gcc\`)
      status 1
      "
    `);
    expect(await said('info', 'libs')).toMatchInlineSnapshot(`
      "warning: there is no package \`libs\` in <mirror>/v3.19/main (there is \`libz\`)
      status 1
      "
    `);
  });

  it('tells what a package is, needs, and who needs it', async () => {
    expect(await said('info', '-d', '-R', '-r', '-P', 'libz')).toMatchInlineSnapshot(`
      "libz-1.3-r0 description:
      libz

      libz-1.3-r0 depends on:

      libz-1.3-r0 provides:
      so:z.so.1=1.3

      libz-1.3-r0 is required by:
      binutils-2.41-r0
      gcc-13.2-r1
      libz-dev-1.3-r0

      status 0
      "
    `);
  });

  it('tells where a package can be had', async () => {
    expect(await said('policy', 'gcc')).toMatchInlineSnapshot(`
      "gcc policy:
        13.2-r1:
          <mirror>/v3.19/main
      status 0
      "
    `);
    expect(await said('policy', 'gcc', '--root', 'tree')).toMatchInlineSnapshot(`
      "gcc policy:
        13.2-r1:
          lib/apk/db/installed
          <mirror>/v3.19/main
      status 0
      "
    `);
  });

  it('tells why a package would come, and what it would bring', async () => {
    expect(await said('why', '-p', 'gcc', 'libz')).toMatchInlineSnapshot(`
      "libz-1.3-r0:
        world wants gcc
        gcc-13.2-r1 needs libz
      status 0
      "
    `);
    expect(await said('tree', 'gcc')).toMatchInlineSnapshot(`
      "gcc-13.2-r1
      ├─ binutils-2.41-r0
      │  └─ libz-1.3-r0
      └─ libz-1.3-r0
      status 0
      "
    `);
  });

  it('answers programs in JSON', async () => {
    const value = async (...args: readonly string[]): Promise<unknown> =>
      (JSON.parse((await alproot(...args, '--json')).stdout) as { value: unknown }).value;
    expect(await value('search', 'binutils')).toMatchObject([
      { name: 'binutils', version: '2.41-r0', depends: ['so:z.so.1'] },
    ]);
    expect(await value('info', 'gcc', '--root', 'tree')).toMatchObject([{ name: 'gcc', installed: true }]);
    expect(await value('policy', 'gcc')).toEqual([
      {
        name: 'gcc',
        versions: [
          {
            version: '13.2-r1',
            places: [{ kind: 'repository', location: expect.stringContaining('v3.19/main') as string }],
          },
        ],
      },
    ]);
    expect(await value('why', '-p', 'gcc', 'binutils')).toEqual([
      {
        name: 'binutils',
        chains: [
          {
            package: 'binutils-2.41-r0',
            steps: [
              { from: 'world', by: 'dependency', dependency: 'gcc' },
              { from: 'gcc-13.2-r1', by: 'dependency', dependency: 'binutils' },
            ],
          },
        ],
      },
    ]);
    expect(await value('tree', 'libz-dev')).toEqual([
      { name: 'libz-dev', version: '1.3-r0', depends: [{ name: 'libz', version: '1.3-r0', depends: [] }] },
    ]);
  });

  it('says of what cannot be had who needs it, where it looked, what there is, and what is spelt alike', async () => {
    expect(await said('rootfs', 'create', 'x', '-p', 'gccc')).toMatchInlineSnapshot(`
      "not locked: packages come from the mirror as it is now (\`alproot lock\` pins them)
      alproot: error: unable to select packages: [ALP_SOLVE_UNSATISFIABLE]
        gccc (no such package):
          required by: world[gccc]
      looked in <mirror>/v3.19/main (5 packages)
      hint: for \`gccc\` there is \`gcc\`
      status 6
      "
    `);
    expect(await said('rootfs', 'create', 'x', '-p', 'strict')).toMatchInlineSnapshot(`
      "not locked: packages come from the mirror as it is now (\`alproot lock\` pins them)
      alproot: error: unable to select packages: [ALP_SOLVE_UNSATISFIABLE]
        libz-1.3-r0:
          breaks: strict-1-r0[libz>2]
      looked in <mirror>/v3.19/main (5 packages)
      status 6
      "
    `);
  });
});

describe.skipIf(needs.skip)(`questions about a tree${needs.reason}`, () => {
  it('tells what is installed, what it holds and whose a file is', async () => {
    expect(await said('info', '-v', '--root', 'tree')).toContain('binutils-2.41-r0\n');
    expect(await said('info', '-L', '--root', 'tree', 'gcc')).toMatchInlineSnapshot(`
      "gcc-13.2-r1 contains:
      usr/bin/gcc

      status 0
      "
    `);
    expect(await said('info', '-W', '--root', 'tree', '/usr/bin/ld', '/bin/sh', '/none')).toMatchInlineSnapshot(`
      "/usr/bin/ld is owned by binutils-2.41-r0
      /bin/sh is owned by busybox-binsh-1.36.1-r19
      warning: /none: Could not find owner package
      status 1
      "
    `);
    expect(await said('info', '-e', '--root', 'tree', 'gcc', 'libz-dev')).toMatchInlineSnapshot(`
      "gcc
      status 1
      "
    `);
  });

  it('tells why a package is there', async () => {
    expect(await said('why', '--root', 'tree', 'libz')).toMatchInlineSnapshot(`
      "libz-1.3-r0:
        world wants gcc
        gcc-13.2-r1 needs libz
      status 0
      "
    `);
    expect(await said('tree', '--root', 'tree', 'binutils', 'nothing')).toMatchInlineSnapshot(`
      "binutils-2.41-r0
      └─ libz-1.3-r0
      warning: \`nothing\` is not among the 18 packages
      status 1
      "
    `);
  });

  it('refuses a directory that is not a tree, and queries that need one', async () => {
    mkdirSync(join(work, 'empty'), { recursive: true });
    expect(await said('info', '--root', 'empty')).toMatchInlineSnapshot(`
      "alproot: error: \`<work>/empty\` has no package database [ALP_USAGE_ARGUMENT]
      hint: a tree of Alpine's has <work>/empty/lib/apk/db/installed
      status 2
      "
    `);
    expect(await said('info', '-L', 'gcc')).toMatchInlineSnapshot(`
      "alproot: error: --contents is a question about a tree [ALP_USAGE_OPTION]
      hint: name one with --root DIR
      status 2
      "
    `);
    expect(await said('why', 'gcc')).toMatchInlineSnapshot(`
      "alproot: error: there is nothing to look into: no tree, no packages, no alproot.lock [ALP_USAGE_ARGUMENT]
      hint: name a tree with --root DIR, or packages with -p
      status 2
      "
    `);
  });

  it('lists it as a bill of materials', async () => {
    const { stdout } = await alproot('rootfs', 'sbom', 'tree', '-t', 'mine');
    const bill = JSON.parse(stdout) as { metadata: { component: { name: string } }; components: { purl: string }[] };
    expect(bill.metadata.component.name).toBe('mine');
    expect(bill.components.map(({ purl }) => purl)).toContain(
      'pkg:apk/alpine/gcc@13.2-r1?arch=x86_64&distro=alpine-3.19.4',
    );
  });
});

describe.skipIf(needs.skip)(`alproot rootfs audit${needs.reason}`, () => {
  it('finds nothing in a fresh tree, and each difference afterwards', async () => {
    expect(await said('rootfs', 'audit', 'tree')).toBe('status 0\n');
    expect((await alproot('rootfs', 'create', 'other', '-p', 'gcc')).status).toBe(0);
    writeFileSync(join(work, 'other/usr/bin/gcc'), 'not gcc');
    rmSync(join(work, 'other/usr/bin/ld'));
    appendFileSync(join(work, 'other/etc/profile'), 'x');
    chmodSync(join(work, 'other/usr/lib/libz.txt'), 0o600);
    expect(await said('rootfs', 'audit', 'other')).toMatchInlineSnapshot(`
      "U usr/bin/gcc
      X usr/bin/ld
      status 1
      "
    `);
    expect(await said('rootfs', 'audit', 'other', '--packages')).toMatchInlineSnapshot(`
      "gcc-13.2-r1
      binutils-2.41-r0
      status 1
      "
    `);
    expect(await said('verify', 'tree', 'other')).toMatchInlineSnapshot(`
      "tree: tree 18 packages: ok, its files are what its database says (--deep holds them against signed packages)
      alproot: error: other: 2 files are not what the tree's database says: U usr/bin/gcc, X usr/bin/ld [ALP_VERIFY_DIGEST]
      hint: \`alproot rootfs audit --full <work>/other\` lists them
      status 4
      "
    `);
    expect(await said('rootfs', 'audit', 'other', '--check-permissions')).toContain('M usr/lib/libz.txt\n');
    expect(await said('rootfs', 'audit', 'other', '--backup')).toContain('U etc/profile\n');
    expect(JSON.parse((await alproot('rootfs', 'audit', 'other', '--json')).stdout)).toEqual({
      kind: 'result',
      value: [
        { reason: 'U', path: 'usr/bin/gcc', package: 'gcc-13.2-r1' },
        { reason: 'X', path: 'usr/bin/ld', package: 'binutils-2.41-r0' },
      ],
    });
  });
});

describe.skipIf(needs.skip)(`alproot rootfs export${needs.reason}`, () => {
  const sha256 = (path: string): string =>
    createHash('sha256')
      .update(readFileSync(join(work, path)))
      .digest('hex');

  it('writes the same bytes for the same packages, whenever the tree was made', async () => {
    expect((await alproot('rootfs', 'create', 'again', '-p', 'gcc')).status).toBe(0);
    for (const tree of ['tree', 'again']) {
      const { status, stdout, stderr } = await alproot(
        'rootfs',
        'export',
        tree,
        '-o',
        `type=tar,dest=${tree}.tar`,
        '-o',
        `type=oci,dest=${tree}.oci.tar`,
        '-o',
        `type=docker,dest=${tree}.docker.tar`,
        '-t',
        'mine:1',
      );
      expect(status, stderr).toBe(0);
      expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    }
    for (const kind of ['tar', 'oci.tar', 'docker.tar']) expect(sha256(`again.${kind}`)).toBe(sha256(`tree.${kind}`));
    const listed = execFileSync('tar', ['-tvf', join(work, 'tree.tar')], { encoding: 'utf8' });
    expect(listed).toMatch(/^-rw-r----- 0\/42 .* etc\/shadow$/m);
    expect(listed).toMatch(/^-rw-r--r-- 0\/0 .* usr\/bin\/gcc$/m);
    expect(
      execFileSync('tar', ['-xOf', join(work, 'tree.docker.tar'), 'manifest.json'], { encoding: 'utf8' }),
    ).toContain('mine:1');
  });

  it.skipIf(root.skip)("gives a user's tree the owners that its packages want", async () => {
    execFileSync('cp', ['-a', join(work, 'tree'), join(work, 'users')]);
    execFileSync('chown', ['-R', '1000:1000', join(work, 'users')]);
    for (const tree of ['tree', 'users'])
      expect((await alproot('rootfs', 'export', tree, '-o', `type=tar,dest=${tree}.owned.tar`)).status).toBe(0);
    expect(sha256('users.owned.tar')).toBe(sha256('tree.owned.tar'));
  });

  it('refuses to write into the tree, to do nothing, and options of other verbs', async () => {
    expect(await said('rootfs', 'export', 'tree', '-o', 'x', '--check-permissions')).toMatchInlineSnapshot(`
      "alproot: error: --check-permissions is not an option of rootfs export [ALP_USAGE_OPTION]
      status 2
      "
    `);
    expect(await said('rootfs', 'export', 'tree', '-o', 'type=tar,dest=tree/x.tar')).toMatchInlineSnapshot(`
      "alproot: error: the output \`tree/x.tar\` lies in the tree itself [ALP_USAGE_OPTION]
      status 2
      "
    `);
    expect(await said('rootfs', 'export', 'tree')).toMatchInlineSnapshot(`
      "alproot: error: rootfs export needs an output [ALP_USAGE_OPTION]
      hint: for example -o type=tar,dest=tree.tar, -o type=oci,dest=image.tar
      status 2
      "
    `);
    expect(readdirSync(join(work, 'tree'))).not.toContain('x.tar');
  });
});

describe.skipIf(needs.skip)(`alproot info --dump${needs.reason}`, () => {
  const adb = (name: string): string => join(upstreamRoot, 'adb', name);
  const dump = (...args: readonly string[]): Promise<CliResult> => runCli(['info', '--dump', ...args], { cwd: work });

  it('prints what apk adbdump prints, and whose signature is right', async () => {
    for (const [file, text] of [
      ['demo-zstd-1.2.3-r4.apk', 'demo-zstd.dump.yaml'],
      ['Packages.adb', 'Packages.dump.yaml'],
    ] as const) {
      const expected = readFileSync(adb(text), 'utf8');
      expect(await dump(adb(file), '--allow-untrusted')).toMatchObject({ status: 0, stdout: expected });
    }
    const trusted = await dump(adb('demo-zstd-1.2.3-r4.apk'), '--key', adb('keys/test-rsa.rsa.pub'));
    expect(trusted.stdout).toBe(readFileSync(adb('demo-zstd.dump.yaml'), 'utf8').replace('UNTRUSTED signature', 'OK'));
  });

  it('shows nothing that is unsigned, or that was changed', async () => {
    expect(await dump(adb('demo-none-1.2.3-r4.apk'))).toMatchObject({ status: 4, stdout: '' });
    const bytes = readFileSync(adb('demo-none-1.2.3-r4.apk'));
    bytes.writeUInt8(bytes.readUInt8(200) ^ 1, 200);
    writeFileSync(join(work, 'flipped.apk'), bytes);
    expect(await dump('flipped.apk', '--key', adb('keys'))).toMatchObject({ status: 4, stdout: '' });
  });
});
