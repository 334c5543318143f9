/** Locks and bundles from the command line, over a mirror that moves. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silent } from '../../src/core/events.ts';
import { hostPath } from '../../src/core/paths.ts';
import { serveMirror } from '../../src/mirror/serve.ts';
import { generateSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { capability } from '../helpers/capabilities.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const needs = capability('upstream');
const sandbox = capability('upstream', 'proot');
let root: string;
let work: string;
let mirror: ReleaseMirror;
let key: SigningKey | undefined;

const alproot = (args: readonly string[], env: Record<string, string> = {}, cache = 'cache'): Promise<CliResult> =>
  runCli(args, { cwd: work, env, cache: join(root, cache) });
const withMirror = (verb: readonly string[], env: Record<string, string> = {}, cache = 'cache'): Promise<CliResult> =>
  alproot([...verb, ...mirror.args], env, cache);
const ok = async (result: Promise<CliResult>): Promise<CliResult> => {
  const got = await result;
  expect(got).toMatchObject({ status: 0 });
  return got;
};
const lockText = (): string => readFileSync(join(work, 'alproot.lock'), 'utf8');
const installed = (tree: string): string[] =>
  readFileSync(join(work, tree, 'lib/apk/db/installed'), 'latin1')
    .split('\n\n')
    .flatMap((entry) =>
      /^P:(?:lib|app|extra)$/m.exec(entry) === null
        ? []
        : [`${/^P:(.*)$/m.exec(entry)?.[1] ?? ''}-${/^V:(.*)$/m.exec(entry)?.[1] ?? ''}`],
    )
    .sort();

beforeEach(async () => {
  if (needs.skip) return;
  root = mkdtempSync(join(tmpdir(), 'alproot-lock-'));
  work = join(root, 'work');
  mkdirSync(work);
  key ??= await generateSigningKey('test', 2048);
  mirror = await makeReleaseMirror(
    join(root, 'mirror'),
    [
      { name: 'lib', version: '1.0-r0', files: { 'usr/lib/lib.txt': 'one' } },
      { name: 'app', version: '1.0-r0', depends: ['lib'], files: { 'usr/bin/app': 'app' } },
    ],
    key,
  );
});
afterEach(() => {
  if (!needs.skip) rmSync(root, { recursive: true, force: true });
});

describe.skipIf(needs.skip)(`a lock of packages${needs.reason}`, () => {
  beforeEach(async () => {
    writeFileSync(join(work, 'alproot.yaml'), 'packages: [app]\n');
    await ok(withMirror(['lock']));
    await mirror.publish(
      { name: 'lib', version: '2.0-r0', files: { 'usr/lib/lib.txt': 'two' } },
      { name: 'app', version: '1.1-r0', depends: ['lib'], files: { 'usr/bin/app': 'new' } },
      { name: 'extra', version: '1-r0' },
    );
  });

  it('keeps what it pins while the mirror moves on, and says that it is used', async () => {
    const made = await ok(withMirror(['rootfs', 'create', 'tree']));
    expect(made.stderr).toContain('locked by');
    expect(installed('tree')).toEqual(['app-1.0-r0', 'lib-1.0-r0']);
    const free = await ok(withMirror(['rootfs', 'create', '--no-lock', 'free']));
    expect(free.stderr).toContain('not locked');
    expect(installed('free')).toEqual(['app-1.1-r0', 'lib-2.0-r0']);
  });

  it('makes the same tree from another cache, without looking at the index', async () => {
    await ok(withMirror(['rootfs', 'create', 'one']));
    rmSync(join(mirror.directory, 'v3.19/main/x86_64/APKINDEX.tar.gz'));
    await ok(withMirror(['rootfs', 'create', 'two'], {}, 'other'));
    expect(readFileSync(join(work, 'two/lib/apk/db/installed'))).toEqual(
      readFileSync(join(work, 'one/lib/apk/db/installed')),
    );
  });

  it('is up to date for --check until something else is wanted', async () => {
    await ok(withMirror(['lock', '--check']));
    writeFileSync(join(work, 'alproot.yaml'), 'packages: [app, extra]\n');
    const before = lockText();
    const drift = await withMirror(['lock', '--check']);
    expect(drift.status).toBe(10);
    expect(drift.stderr).toMatch(/\+ request extra[\s\S]*\+ package extra 1-r0: needed by world/);
    expect(lockText()).toBe(before);
  });

  it('updates one package, or all, and says what moved and why', async () => {
    const one = await ok(withMirror(['lock', '--update', 'lib']));
    expect(one.stdout).toContain('~ package lib 1.0-r0 -> 2.0-r0: needed by app');
    expect(one.stdout).not.toContain('package app');
    expect((await ok(withMirror(['lock', '--update']))).stdout).toContain(
      '~ package app 1.0-r0 -> 1.1-r0: needed by world',
    );
    expect((await ok(withMirror(['lock', '--update']))).stdout).toContain('unchanged');
    expect((await withMirror(['lock', '--update', 'nothing'])).status).toBe(2);
  });

  it('refuses what it does not pin when it is strict, and warns when it is not', async () => {
    writeFileSync(join(work, 'alproot.yaml'), 'packages: [app, extra]\n');
    const strict = await withMirror(['rootfs', 'create', 'strict'], { CI: 'true' });
    expect(strict.status).toBe(10);
    expect(strict.stderr).toContain('extra (no such package)');
    expect(existsSync(join(work, 'strict'))).toBe(false);
    const loose = await ok(withMirror(['rootfs', 'create', 'loose']));
    expect(loose.stderr).toContain('does not cover all that is wanted');
    expect(installed('loose')).toEqual(['app-1.0-r0', 'extra-1-r0', 'lib-1.0-r0']);
  });

  it('names a package that has left the mirror, and how to move on', async () => {
    await mirror.withdraw('lib', '1.0-r0');
    const gone = await withMirror(['rootfs', 'create', 'tree'], {}, 'fresh');
    expect(gone.status).toBe(10);
    expect(gone.stderr).toMatch(/does not have lib-1\.0-r0 any more[\s\S]*alproot lock --update lib/);
  });

  it('refuses a package of the same name and version with other bytes', async () => {
    const other = await makeReleaseMirror(
      join(root, 'twin'),
      [
        { name: 'lib', version: '1.0-r0', files: { 'usr/lib/lib.txt': 'bad' } },
        { name: 'app', version: '1.0-r0', depends: ['lib'], files: { 'usr/bin/app': 'app' } },
      ],
      mirror.key,
    );
    const got = await alproot(['rootfs', 'create', 'tree', ...other.args], {}, 'fresh');
    expect([3, 4]).toContain(got.status);
    expect(existsSync(join(work, 'tree'))).toBe(false);
  });
});

const build = (...more: string[]): string[] => ['build', '--backend', 'proot', '-o', 'out', '.', ...more];

describe.skipIf(sandbox.skip)(`a lock of a Dockerfile${sandbox.reason}`, () => {
  beforeEach(() =>
    writeFileSync(
      join(work, 'Dockerfile'),
      'FROM alpine:3.19 AS a\nRUN for p in app; do apk add --no-cache $p; done && cat /usr/lib/lib.txt > /seen\nFROM scratch\nCOPY --from=a /seen /\n',
    ),
  );
  const seen = (): string => readFileSync(join(work, 'out', 'seen'), 'utf8');

  it('is made by its RUNs, and replayed with and without cached steps', async () => {
    await ok(withMirror(['lock', '--backend', 'proot', '.']));
    expect(lockText()).toContain('"apk add --no-cache app"');
    await mirror.publish({ name: 'lib', version: '2.0-r0', files: { 'usr/lib/lib.txt': 'two' } });
    await ok(withMirror(build()));
    expect(seen()).toBe('one');
    await ok(withMirror(build('--no-cache')));
    expect(seen()).toBe('one');
    await ok(withMirror(build('--no-cache', '--no-lock')));
    expect(seen()).toBe('two');
    // The step that is in the cache now installed what the lock does not pin.
    await ok(withMirror(build()));
    expect(seen()).toBe('one');
    expect((await ok(withMirror(['lock', '--backend', 'proot', '--update', '.']))).stdout).toContain(
      '~ package lib 1.0-r0 -> 2.0-r0',
    );
  });

  it('refuses a RUN that installs something else under --locked, and leaves no output', async () => {
    await ok(withMirror(['lock', '--backend', 'proot', '.']));
    await mirror.publish({ name: 'extra', version: '1-r0' });
    writeFileSync(join(work, 'Dockerfile'), 'FROM alpine:3.19\nRUN apk add extra\n');
    const got = await withMirror(build('--locked'));
    expect(got.status).toBe(10);
    expect(existsSync(join(work, 'out'))).toBe(false);
  });

  it('is fetched whole, so that the build works with the mirror gone', async () => {
    await ok(withMirror(['lock', '--backend', 'proot', '.']));
    const server = await serveMirror({ directory: hostPath(mirror.directory), now: Date.now(), emit: silent });
    const remote = ['--mirror', server.url.replace(/\/$/, ''), '--key', mirror.keyFile];
    try {
      await ok(alproot(['fetch', '.', ...remote], {}, 'fresh'));
    } finally {
      await server.close();
    }
    await ok(alproot([...build('--offline'), ...remote], {}, 'fresh'));
    expect(seen()).toBe('one');
  });

  it('is bundled, with the same bytes each time, for an empty cache', async () => {
    const own = mirror.key.publicName.replace(/\.pub$/, '');
    writeFileSync(join(work, own), mirror.key.privatePem);
    writeFileSync(join(work, `${own}.pub`), mirror.key.publicPem);
    for (const name of ['one', 'two'])
      await ok(
        withMirror(['bundle', 'create', '--backend', 'proot', '-o', `${name}.alproot`, '--sign-with', own, '.']),
      );
    expect(readFileSync(join(work, 'one.alproot'))).toEqual(readFileSync(join(work, 'two.alproot')));
    rmSync(mirror.directory, { recursive: true });
    const untrusted = await alproot(build('--bundle', 'one.alproot'), {}, 'empty');
    expect(untrusted.stderr).toContain('which is not trusted here');
    await ok(alproot(build('--bundle', 'one.alproot', '--key', `${own}.pub`), {}, 'empty'));
    expect(seen()).toBe('one');
    expect((await ok(alproot(['bundle', 'show', 'one.alproot']))).stdout).toContain('lib-1.0-r0 (v3.19/main)');
    expect((await alproot(['bundle', 'verify', '--require-signature', 'one.alproot'])).status).toBe(4);
    expect((await ok(alproot(['verify', '--key', `${own}.pub`, 'one.alproot']))).stdout).toContain('signed by');
  });
});

describe.skipIf(sandbox.skip)(`a bundle whose key is missing${sandbox.reason}`, () => {
  const app = '`app-1.0-r0`, `lib-1.0-r0`';
  let name: string;
  beforeEach(async () => {
    writeFileSync(join(work, 'Dockerfile'), 'FROM alpine:3.19\nRUN echo first step\nRUN apk add app\n');
    name = mirror.key.publicName;
    writeFileSync(join(work, 'maker.rsa'), mirror.key.privatePem);
    writeFileSync(join(work, 'maker.rsa.pub'), mirror.key.publicPem);
    await ok(withMirror(['bundle', 'create', '--backend', 'proot', '-o', 'plain.alproot', '.']));
    await ok(
      withMirror(['bundle', 'create', '--backend', 'proot', '--sign-with', 'maker.rsa', '-o', 'signed.alproot', '.']),
    );
    // Only the bundle can help, and only with the right key.
    rmSync(mirror.directory, { recursive: true });
    rmSync(join(root, 'cache'), { recursive: true });
    const other = await generateSigningKey('other', 2048);
    mkdirSync(join(work, 'keys/none'), { recursive: true });
    mkdirSync(join(work, 'forged'));
    writeFileSync(join(work, 'keys/other.rsa.pub'), other.publicPem);
    writeFileSync(join(work, 'forged', name), other.publicPem);
  });

  const refused = async (verb: readonly string[], env: Record<string, string> = {}): Promise<CliResult> => {
    const got = await alproot(verb, env);
    expect(got.stderr).not.toMatch(/first step|^#1 |Installing/m);
    expect(existsSync(join(work, 'out'))).toBe(false);
    return got;
  };

  it.each([
    ['build', '--backend', 'proot', '-o', 'out', '.'],
    ['run', '--backend', 'proot', '--', 'touch', 'out'],
    ['rootfs', 'create', 'out'],
  ])(
    'is refused by %s before its first step, with the key, where it was looked for and what to do',
    async (...verb) => {
      const [first = '', ...rest] = verb;
      const got = await refused([first, '--bundle', 'plain.alproot', '--key', 'keys/other.rsa.pub', ...rest], {
        ALPROOT_KEYS: 'keys/none',
      });
      expect(got.stderr).toMatch(
        new RegExp(
          `error: \`.*/plain\\.alproot\` holds ${app}, signed by \`${name}\`, which is not trusted here; looked for in \`.*/keys/alpine\`, \`.*/keys/other\\.rsa\\.pub\`, \`.*/keys/none\` \\[ALP_VERIFY_KEY\\]\nhint: .*get the public key \`${name}\` from them and name it with --key FILE\n`,
        ),
      );
      expect([got.status, got.stdout]).toEqual([4, '']);
    },
  );

  it('is refused when its maker is unknown, whose key would do as well', async () => {
    const got = await refused(build('--bundle', 'signed.alproot'));
    expect(got.stderr).toContain(
      `get the public key \`maker.rsa.pub\`, which signed it whole, or \`${name}\` from them and name it with --key FILE\n`,
    );
    expect(got.status).toBe(4);
    await ok(alproot(build('--bundle', 'signed.alproot', '--key', 'maker.rsa.pub')));
  });

  it('is refused when the file that is named for it is not there, or holds another key', async () => {
    const absent = await refused(build('--bundle', 'plain.alproot', '--key', `keys/${name}`));
    expect(absent.stderr).toMatch(
      /there is no key file .*\/keys\/test-[0-9a-f]+\.rsa\.pub \[ALP_USAGE_OPTION\]\nhint: --key names the public key \(PEM\) of .* --bundle/,
    );
    expect(absent.status).toBe(2);
    const forged = await refused(build('--bundle', 'plain.alproot', '--key', `forged/${name}`));
    expect(forged.stderr).toContain(`bad signature by ${name} [ALP_VERIFY_SIGNATURE]`);
    expect(forged.status).toBe(4);
  });
});

describe('a lock of what is ADDed by URL', () => {
  it('pins its bytes, and bundles them', async () => {
    const own = mkdtempSync(join(tmpdir(), 'alproot-lock-url-'));
    let body = 'one';
    const server = createServer((_request, response) => response.end(body));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    const cli = (args: readonly string[], cache: string): Promise<CliResult> =>
      runCli(args, { cwd: own, cache: join(own, cache) });
    const seen = (): string => readFileSync(join(own, 'out', 'file'), 'utf8');
    try {
      writeFileSync(join(own, 'Dockerfile'), `FROM scratch\nADD http://127.0.0.1:${port}/file /file\n`);
      await ok(cli(['lock', '.'], 'cache'));
      body = 'two';
      await ok(cli(['build', '-o', 'out', '.'], 'cache'));
      expect(seen()).toBe('one');
      expect((await cli(['build', '-o', 'other', '.'], 'fresh')).status).toBe(4);
      expect((await ok(cli(['bundle', 'create', '-o', 'x.alproot', '.'], 'cache'))).stdout).toContain('1 files');
    } finally {
      server.close();
    }
    await ok(cli(['build', '--bundle', 'x.alproot', '-o', 'out', '.'], 'empty'));
    expect(seen()).toBe('one');
    rmSync(own, { recursive: true, force: true });
  });
});

describe.skipIf(capability('proot').skip)('a bundle with alproot in it', () => {
  it('starts by one line, with the sandbox helpers of where it was made', async () => {
    const own = mkdtempSync(join(tmpdir(), 'alproot-lock-tool-'));
    try {
      writeFileSync(join(own, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /copy\n');
      await ok(
        runCli(['bundle', 'create', '--with-tool', '-o', 'x.alproot', '.'], { cwd: own, cache: join(own, 'cache') }),
      );
      execFileSync('sh', ['-c', 'tar -xf x.alproot tool && sh tool/alproot build --bundle x.alproot -o out .'], {
        cwd: own,
        env: { PATH: process.env['PATH'], HOME: join(own, 'home') },
        stdio: 'pipe',
      });
      expect(readFileSync(join(own, 'out', 'copy'), 'utf8')).toContain('FROM scratch');
      expect(
        execFileSync(join(own, 'tool/alproot.d/helpers/proot'), ['-0', '-r', '/', 'sh', '-c', 'id -u'], {
          encoding: 'utf8',
          env: { PATH: process.env['PATH'] },
        }),
      ).toBe('0\n');
    } finally {
      rmSync(own, { recursive: true, force: true });
    }
  });
});
