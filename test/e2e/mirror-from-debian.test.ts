/**
 * A mirror made from the host's Debian archive, by whoever runs the tests: verified as any other, and its gcc put to
 * work.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { archOfNode } from '../../src/core/arch.ts';
import { silent } from '../../src/core/events.ts';
import { hostPath, type HostPath } from '../../src/core/paths.ts';
import type { RunCommand } from '../../src/core/run-description.ts';
import { parseLatestReleases } from '../../src/formats/release/release-list.ts';
import { fromDebian, type FromDebianResult } from '../../src/mirror/debian/from-debian.ts';
import { buildPorts, portTools } from '../../src/mirror/debian/from-ports.ts';
import { verifyDataMember } from '../../src/verify/data-member.ts';
import { verifyIndex } from '../../src/verify/index-file.ts';
import { keyring, parseTrustedKey, type TrustedKeys } from '../../src/verify/key.ts';
import { verifyMinirootfs } from '../../src/verify/minirootfs-file.ts';
import { verifyPackage } from '../../src/verify/package-file.ts';
import { BACKENDS } from '../../src/run/backend.ts';
import { findHostTools } from '../../src/run/host-tools.ts';
import { runInTree } from '../../src/run/run-in-tree.ts';
import { capability } from '../helpers/capabilities.ts';
import { bundledPins } from '../helpers/upstream.ts';

const needs = capability('apt', 'bwrap');
const arch = archOfNode(process.arch) ?? 'x86_64';
let root: string;
let directory: HostPath;
let tree: string;
let result: FromDebianResult;
let keys: TrustedKeys;

const make = (packages?: readonly string[]): Promise<FromDebianResult> =>
  fromDebian({ directory, privateKeys, arch, release: '3.19', packages, env: process.env, emit: silent });
/** Away from what is served. */
const secret = (): HostPath => hostPath(join(root, 'secret'));
function privateKeys(): HostPath {
  mkdirSync(secret(), { recursive: true, mode: 0o700 });
  return secret();
}
const repository = (): string => join(directory, 'v3.19', 'main', arch);

/** All packages of the mirror on top of its minirootfs. */
function plantTree(): void {
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree);
  const releases = join(directory, 'v3.19', 'releases', arch);
  const archives = [
    ...readdirSync(releases)
      .filter((name) => name.endsWith('.tar.gz'))
      .map((name) => join(releases, name)),
    ...readdirSync(repository())
      .filter((name) => name.endsWith('.apk'))
      .map((name) => join(repository(), name)),
  ];
  for (const archive of archives)
    execFileSync('tar', ['-xzf', archive, '-C', tree, '--no-same-owner', '--warning=no-unknown-keyword'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
}

const sandbox = (...more: string[]): string[] => [
  '--ro-bind',
  tree,
  '/',
  '--dev',
  '/dev',
  '--proc',
  '/proc',
  '--tmpfs',
  '/tmp',
  '--unshare-all',
  '--uid',
  '0',
  '--gid',
  '0',
  '--clearenv',
  '--setenv',
  'PATH',
  '/usr/sbin:/usr/bin:/sbin:/bin',
  ...more,
];

function inside(script: string): string {
  const work = join(root, 'work');
  mkdirSync(work, { recursive: true });
  const { status, stdout, stderr } = spawnSync(
    'bwrap',
    [...sandbox('--bind', work, '/mnt', '--chdir', '/mnt'), 'sh', '-ec', script],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`status ${String(status)}\n${stdout}\n${stderr}`);
  return stdout;
}

beforeAll(async () => {
  if (needs.skip) return;
  root = mkdtempSync(join(tmpdir(), 'alproot-from-debian-'));
  directory = hostPath(join(root, 'mirror'));
  tree = join(root, 'tree');
  result = await make();
  const name = result.publicKey.slice(result.publicKey.lastIndexOf('/') + 1);
  keys = keyring([parseTrustedKey(readFileSync(result.publicKey, 'utf8'), name)]);
  plantTree();
  writeFileSync(
    join(tree, 'srv', 'hello.c'),
    '#include <limits.h>\n#include <linux/mman.h>\n#include <pthread.h>\n#include <stdio.h>\nstatic void *start(void *p) { return p; }\nint main(void) { pthread_t t; char b[PATH_MAX]; if (pthread_create(&t, 0, start, b) || pthread_join(t, 0)) return 1; snprintf(b, sizeof b, "hello");\n#ifdef __GLIBC__\nreturn 2;\n#endif\nreturn puts(b) < 0; }\n',
  );
});
afterAll(() => {
  if (!needs.skip) rmSync(root, { recursive: true, force: true });
});

describe.skipIf(needs.skip)(`a mirror made from Debian${needs.reason}`, () => {
  it('is accepted whole by the strict verifier with its own key, and by no other', () => {
    const bytes = readFileSync(join(repository(), 'APKINDEX.tar.gz'));
    const { index } = verifyIndex(bytes, { location: directory, keys });
    expect(index.packages.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'alpine-baselayout',
        'binutils',
        'build-base',
        'busybox',
        'gcc',
        'linux-headers',
        'make',
        'musl',
        'musl-dev',
      ]),
    );
    for (const record of index.packages) {
      const file = `${record.name}-${record.version}.apk`;
      const source = bufferSource(file, readFileSync(join(repository(), file)));
      const verified = verifyPackage(source, {
        keys,
        expected: record,
        repository: directory,
        requireSignature: true,
      });
      verifyDataMember(source, verified.package);
    }
    expect(() => verifyIndex(bytes, { location: directory, keys: new Map() })).toThrow(
      expect.objectContaining({ code: 'ALP_VERIFY_KEY' }),
    );
  });

  it('offers a minirootfs signed by its key, which does not pass for one of Alpine', async () => {
    const releases = join(directory, 'v3.19', 'releases', arch);
    const buildable = await parseLatestReleases(readFileSync(join(releases, 'latest-releases.yaml'), 'utf8'), arch);
    expect(buildable).toMatchObject({ version: '3.19.900', arch });
    const name = buildable?.file ?? '';
    const keyName = [...keys.keys()][0] ?? '';
    const signatures = [{ keyName, bytes: readFileSync(join(releases, `${name}.rsa256.${keyName}`)) }];
    const verify = (bytes: Buffer) =>
      verifyMinirootfs(bufferSource(name, bytes), { name, pins: bundledPins(), keys, signatures });
    expect(verify(readFileSync(join(releases, name))).signers).toEqual([
      { kind: 'key', keyName, algorithm: 'sha256' },
    ]);
    expect(() => verify(Buffer.concat([readFileSync(join(releases, name)), Buffer.from('x')]))).toThrow(
      expect.objectContaining({ code: 'ALP_VERIFY_SIGNATURE' }),
    );
    expect(readFileSync(join(tree, 'etc', 'os-release'), 'utf8')).toMatch(/^ID=alproot$[\s\S]*made from/m);
  });

  it('keeps the private key to its owner and out of what is served', () => {
    const [name = ''] = readdirSync(secret());
    expect(statSync(join(secret(), name)).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).not.toContain('.key');
    expect(readdirSync(join(directory, 'keys')).filter((file) => !file.endsWith('.pub'))).toEqual([]);
  });

  it.each([
    ['-static -Os', /statically linked/],
    ['-static -flto -O2', /statically linked/],
    ['-static-pie', /static-pie linked/],
    ['-O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -Wl,-z,now', /ld-musl/],
    ['-no-pie -std=gnu99 -Wall -Wextra -Werror', /ld-musl/],
  ])('compiles for musl with %s', (flags, kind) => {
    const output = inside(`gcc ${flags} /srv/hello.c -o hello; ./hello; file hello`);
    expect(output).toMatch(/^hello\n/);
    expect(output).toMatch(kind);
  });

  it('makes a static program that runs on the host', () => {
    inside('cc -static -Os /srv/hello.c -o hello; strip hello');
    expect(execFileSync(join(root, 'work', 'hello'), { encoding: 'utf8' })).toBe('hello\n');
  });

  it('links shared libraries against musl and never finds one of glibc', () => {
    const output = inside(
      'gcc -shared -fPIC -x c /srv/hello.c -o libhello.so; readelf -d libhello.so; echo; gcc /srv/hello.c -o h -lgmp 2>&1 || echo refused',
    );
    expect(output).toContain('[libc.so]');
    expect(output).not.toContain('libc.so.6');
    expect(output).toMatch(/cannot find -lgmp[\s\S]*refused$/m);
  });

  it('compiles without any sandbox, through the loaders in the tree', async () => {
    const work = hostPath(join(root, 'bare'));
    mkdirSync(work);
    writeFileSync(join(work, 'hello.c'), '#include <stdio.h>\nint main(void) { puts("bare"); return 0; }\n');
    const output: string[] = [];
    const loader = BACKENDS.find(({ id }) => id === 'loader-bare');
    if (loader === undefined) throw new Error('no such backend');
    const host = findHostTools({
      searchPath: process.env['PATH'] ?? '',
      isRoot: false,
      kernel: '',
      scratch: () => hostPath(mkdtempSync(join(root, 'shadow-'))),
    });
    const { status } = await runInTree(
      loader,
      {
        tree: hostPath(tree),
        writable: false,
        mounts: [],
        argv: [
          'sh',
          '-ec',
          'gcc -static -O2 -flto hello.c -o hello && gcc -c hello.c && ar rcs libhello.a hello.o && make --version',
        ],
        env: { PATH: '/usr/bin:/bin' },
        cwd: work,
        user: { uid: 0, gid: 0 },
        network: 'none',
        stdio: { kind: 'pipe', onOutput: (_stream, bytes) => void output.push(bytes.toString()) },
      },
      host,
    );
    expect([status, output.join('')]).toEqual([0, expect.stringContaining('GNU Make')]);
    expect(execFileSync(join(work, 'hello'), { encoding: 'utf8' })).toBe('bare\n');
    expect(readFileSync(join(work, 'hello'), 'latin1')).not.toContain('ld-linux');
  });

  it('has a shell that prefers the programs of the PATH to its own', () => {
    expect(inside('type ar; type patch; type sh')).toBe('ar is /usr/bin/ar\npatch is /usr/bin/patch\nsh is /bin/sh\n');
  });

  it('makes nothing twice', async () => {
    const again = await make();
    expect(again.made).toEqual([]);
    expect(again.kept.length).toBe(result.made.length);
  });

  it('adds a port that is built in the sandbox, split as in Alpine, once', async () => {
    const names = ['zlib-static', 'zlib-dev'];
    await make(portTools(names));
    plantTree();
    const run: RunCommand = ({ tree: bound, argv, cwd, env, mounts, stdio }) => {
      const binds = mounts.flatMap((mount) =>
        mount.kind === 'bind' ? [mount.writable ? '--bind' : '--ro-bind', mount.source, `/${mount.target}`] : [],
      );
      const variables = Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]);
      expect(bound).toBe(tree);
      const { status, stdout, stderr } = spawnSync('bwrap', [
        ...sandbox(...binds, ...variables, '--chdir', cwd),
        ...argv,
      ]);
      if (stdio.kind === 'pipe') for (const bytes of [stdout, stderr]) stdio.onOutput('stdout', bytes);
      return Promise.resolve({ status: status ?? 1, signal: undefined });
    };
    const build = () =>
      buildPorts({
        directory,
        privateKeys,
        arch,
        release: '3.19',
        names,
        jobs: 2,
        env: process.env,
        emit: silent,
        openSandbox: () => Promise.resolve({ tree: hostPath(tree), run }),
      });
    expect((await build()).made.map((file) => file.replace(/-\d.*/, ''))).toEqual(['zlib-static', 'zlib-dev', 'zlib']);
    expect(await build()).toMatchObject({ made: [], kept: ['zlib-static', 'zlib-dev', 'zlib'] });
    plantTree();
    writeFileSync(
      join(tree, 'srv', 'z.c'),
      '#include <stdio.h>\n#include <zlib.h>\nint main(void) { return puts(zlibVersion()) < 0; }\n',
    );
    expect(inside('gcc -static /srv/z.c -o z -lz; ./z')).toMatch(/^1\./);
    expect(existsSync(join(directory, '.apt', 'ports', 'build-zlib'))).toBe(false);
  });

  it('names what cannot be made', async () => {
    await expect(make(['no-such-thing'])).rejects.toMatchObject({
      code: 'ALP_SOLVE_UNSATISFIABLE',
      message: expect.stringContaining('no-such-thing'),
    });
  });
});
