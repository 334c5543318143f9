/**
 * Dockerfiles in the style of real ones (test/e2e/dockerfiles): planned, built by the real command, and looked at.
 * Many check themselves in their RUNs.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BuildPlan } from '../../src/build/build-plan.ts';
import { capability } from '../helpers/capabilities.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const FILES = join(import.meta.dirname, 'dockerfiles');
const needs = capability('upstream');
let work: string;
let context: string;
let mirror: ReleaseMirror;

const CONTEXT: Readonly<Record<string, string>> = {
  Makefile: 'greet:\n',
  configure: '#!/bin/sh\n',
  'src/main.c': 'main',
  'src/lib/greet.c': 'greet',
  'src/lib/greet.h': 'greet',
  'src/junk.o': 'junk',
  'conf/app.conf': 'key=1\n',
  'README.md': 'readme',
  'NOTES.md': 'notes',
  'docs/d.txt': 'd',
  '.git/HEAD': 'ref',
  'scripts/docker-entrypoint.sh': '#!/bin/sh\nexec "$@"\n',
  '.dockerignore': '*.md\n!README.md\n.git\n**/*.o\n/docs\n',
};

function makeContext(directory: string): void {
  for (const [name, text] of Object.entries(CONTEXT)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
    chmodSync(join(directory, name), text.startsWith('#!') ? 0o755 : 0o644);
  }
  mkdirSync(join(directory, 'greet-1.0'));
  writeFileSync(join(directory, 'greet-1.0/greet.sh'), '#!/bin/sh\necho hello\n');
  execFileSync(
    'sh',
    [
      '-c',
      'tar --owner=0 --group=0 -czf greet-1.0.tar.gz greet-1.0 && sha256sum greet-1.0.tar.gz > SHA256SUMS && rm -r greet-1.0',
    ],
    { cwd: directory },
  );
}

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'alproot-files-'));
  context = join(work, 'context');
  mkdirSync(context);
  makeContext(context);
  writeFileSync(join(work, 'token'), 'token-of-the-user');
  if (needs.skip) return;
  const program = (path: string, text: string) => ({ files: { [path]: text }, modes: { [path]: 0o755 } });
  mirror = await makeReleaseMirror(join(work, 'mirror'), [
    { name: 'gcc', version: '13.2-r0', ...program('usr/bin/gcc', '#!/bin/sh\necho gcc\n') },
    { name: 'make', version: '4.4.1-r2', ...program('usr/bin/make', '#!/bin/sh\necho make\n') },
    { name: 'app', version: '1-r0', ...program('usr/bin/app', '#!/bin/sh\necho app\n') },
    { name: 'tini', version: '0.19.0-r2', ...program('sbin/tini', '#!/bin/sh\nexec "$@"\n') },
    {
      name: 'su-exec',
      version: '0.2-r3',
      ...program('sbin/su-exec', '#!/bin/sh\nuser=$1; shift\nexec su -s /bin/sh "$user" -c "$*"\n'),
    },
  ]);
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

const alproot = (name: string, ...flags: readonly string[]): Promise<CliResult> =>
  runCli(['build', '-f', join(FILES, `${name}.Dockerfile`), ...flags, context], {
    cwd: work,
    cache: join(work, 'cache'),
  });

async function planOf(name: string, ...flags: readonly string[]): Promise<{ plan: BuildPlan; status: number }> {
  const { stdout, status } = await alproot(name, '--plan', ...flags);
  return { plan: JSON.parse(stdout) as BuildPlan, status };
}

/** Builds into a directory; returns how to read there. */
async function built(name: string, ...flags: readonly string[]): Promise<(path: string) => string> {
  const out = join(work, 'out', name);
  const { status, stderr } = await alproot(
    name,
    '--network',
    'none',
    '--secret',
    `id=token,src=${join(work, 'token')}`,
    '-o',
    out,
    ...mirror.args,
    ...flags,
  );
  expect(status, stderr).toBe(0);
  expect(stderr).not.toContain('token-of-the-user');
  return (path) => readFileSync(join(out, path), 'utf8');
}

const out = (name: string, path = ''): string => join(work, 'out', name, path);

describe('the plan', () => {
  const names = readdirSync(FILES).map((name) => name.replace('.Dockerfile', ''));

  it.each(names.filter((name) => name !== 'foreign'))(
    'of %s refuses nothing and prints itself as JSON',
    async (name) => {
      const { plan, status } = await planOf(name);
      expect([plan.refusals, status]).toEqual([[], 0]);
      expect(plan.stages.map(({ index }) => index)).toContain(plan.target);
    },
  );

  it('names all that the target needs and cannot have, with its status, and goes on', async () => {
    const { plan, status } = await planOf('foreign');
    expect([plan.refusals.map(({ line, code }) => [line, code]), status]).toEqual([
      [
        [1, 'ALP_BUILD_UNSUPPORTED'],
        [8, 'ALP_BUILD_UNSUPPORTED'],
      ],
      8,
    ]);
    expect(plan.skipped.map(({ index }) => index)).toEqual([1, 4]);
    const plain = await planOf('foreign', '--target', 'plain');
    expect([plain.plan.refusals, plain.status, plain.plan.stages.map(({ index }) => index)]).toEqual([[], 0, [2, 4]]);
  });

  it('has the configuration of the image', async () => {
    const { plan } = await planOf('virtual-packages');
    const { healthcheck, ...config } = plan.stages[0]!.config;
    expect(config).toMatchObject({
      env: {
        GREET_VERSION: '1.0',
        GREET_SHA256: 'unused',
        PATH: '/opt/greet/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      },
      volumes: ['/var/lib/greet'],
      exposed: ['80/tcp', '443/tcp', '53/udp'],
      stopSignal: 'SIGQUIT',
      entrypoint: ['/sbin/tini', '--'],
      cmd: ['greet'],
    });
    expect(healthcheck).toEqual({
      test: ['CMD-SHELL', 'wget -qO- http://localhost/ || exit 1'],
      interval: 30e9,
      timeout: 3e9,
      startPeriod: 5e9,
      retries: 3,
    });
    const odd = (await planOf('odd-lines')).plan.stages[0]!.config;
    expect(odd).toMatchObject({
      author: 'Some One <a@b.c>',
      env: { LANG: 'C.UTF-8', FOO: 'ab' },
      entrypoint: ['/bin/sh', '-c', 'exec top -b'],
      healthcheck: { test: ['NONE'] },
      volumes: ['/data', '/data2'],
      stopSignal: '9',
    });
    expect([odd.cmd, odd.exposed.length]).toEqual([undefined, 5]);
  });
});

describe.skipIf(needs.skip)(`building${needs.reason}`, () => {
  it('virtual packages leave what the program needs, and the user', async () => {
    const read = await built('virtual-packages');
    expect(
      read('etc/apk/world')
        .split('\n')
        .map((line) => line.replace(/=\d.*/, '')),
    ).toContain('.run-deps');
    expect([
      existsSync(out('virtual-packages', 'usr/bin/gcc')),
      existsSync(out('virtual-packages', 'sbin/tini')),
      read('etc/passwd').includes('greet:x:8282:8282:'),
    ]).toEqual([false, true, true]);
  });

  it('a virtual package is replaced by the next of its name, whenever that is built', async () => {
    const read = await built('virtual-again');
    expect([read('etc/apk/world').split('\n')[0], readdirSync(out('virtual-again', 'opt'))]).toEqual([
      '.deps=19700101.000001',
      ['README.md'],
    ]);
  });

  it('users own their files in later steps and stages', async () => {
    expect((await built('users'))('seen')).toBe(
      [
        'app:app 644 /home/app/app.conf',
        'app:app 755 /etc/app',
        'app:app 640 /etc/app/app.conf',
        'app:app 755 /home/app/data',
        'app:app 644 /home/app/data/x',
        'app:app 644 /home/app/from-su',
        'app:app 750 /opt/x',
        'app:root 4755 /opt/x/bb',
        '',
      ].join('\n'),
    );
  });

  it('heredocs are files, scripts and programs', async () => {
    const read = await built('heredocs');
    const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    expect([read('etc/expanded'), read('etc/raw'), read('etc/many/one.conf'), read('etc/many/two.conf')]).toEqual([
      `PATH is ${PATH}\ncost $5 "quoted"\n`,
      'PATH is ${PATH} \\$5\n',
      `${PATH}\n`,
      '$PATH\n',
    ]);
    expect([read('both'), read('tabs'), read('awk'), read('docker-entrypoint.sh')]).toEqual([
      'first /root\nsecond\n',
      'from\tsh\n',
      'by awk\n',
      '#!/bin/sh\nexec "$@"\n',
    ]);
    expect(statSync(out('heredocs', 'docker-entrypoint.sh')).mode & 0o777).toBe(0o755);
  });

  it('stages are chosen by the architecture, and the others are left out', async () => {
    const read = await built('target-arch');
    expect([read('info'), readdirSync(out('target-arch')).sort(), read('alpine-release')]).toEqual([
      'x86-64 linux/amd64 linux/amd64 1 v1.2.3-amd64 3.19\n',
      ['alpine-release', 'base', 'info'],
      '3.19.4\n',
    ]);
  });

  it('mounts show what they should, and leave nothing behind', async () => {
    const read = await built('mounts');
    expect([read('size'), read('p/app.conf')]).toEqual(['17\n', 'key=1\n']);
    expect([
      existsSync(out('mounts', 'p/bin/make')),
      existsSync(out('mounts', 'b')),
      existsSync(out('mounts', 'p/scratch')),
    ]).toEqual([true, false, false]);
  });

  it('shells hold for shell forms, and need no Alpine', async () => {
    const read = await built('shells');
    expect([read('exec'), read('shell'), read('env')]).toEqual([
      'sh\n',
      'aXab ba aba\n',
      '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /root /\n',
    ]);
    expect((statSync(out('shells', 'tmp')).mode & 0o1777).toString(8)).toBe('1777');
    expect(existsSync(out('shells', 'etc/resolv.conf'))).toBe(false);
  });

  it('line ends, byte order marks and missing ends of line do not matter', async () => {
    const crlf = await built('crlf');
    expect([crlf('b'), crlf('h'), crlf('c'), existsSync(out('crlf', 'w'))]).toEqual(['b\n', 'line\n', 'crlf\n', true]);
    expect((await built('bom'))('y')).toBe('x\n');
    const odd = await built('odd-lines');
    expect([odd('ok'), odd('hash'), odd('joined'), odd('pwd'), odd('chrooted')]).toEqual([
      'ok\n',
      'a # no comment\nb\n',
      'x  y\n',
      '/relative\n0022\n',
      'bin\nlib\n',
    ]);
  });

  it('triggers run in the child and see its arguments', async () => {
    expect((await built('onbuild', '--build-arg', 'WHO=me'))('who')).toBe('me\nwho=me\n');
    expect((await built('onbuild'))('who')).toBe('nobody\nwho=nobody\n');
  });

  it('variables are put in where docker does', async () => {
    expect((await built('variables'))('new/sub/old/relative/new.conf')).toBe('key=1\n');
  });

  it('COPY and ADD put owners, modes and places as docker does', async () => {
    const read = await built('copy');
    expect(
      read('listing')
        .split('\n')
        .filter((line) => !line.includes('/app/'))
        .join('\n'),
    ).toMatchInlineSnapshot(`
      "drwxr-xr-x 0:0 /added
      -rw-r--r-- 0:0 /added/app.conf
      drwxr-xr-x 0:0 /app
      -rwxr-xr-x 0:0 /docker-entrypoint.sh
      -rw------- 4321:4321 /r
      drwxr-xr-x 0:0 /srv
      drwxr-xr-x 4321:4321 /srv/d
      drwx------ 4321:4321 /srv/d/e
      -rw-r--r-- 4321:4321 /srv/d/e/f
      lrwxrwxrwx 0:0 /srv/l
      drwxr-xr-x 0:0 /srv2
      drwx------ 4321:4321 /srv2/e
      -rw-r--r-- 4321:4321 /srv2/e/f
      drwxr-xr-x 0:0 /srv3
      drwx------ 4321:4321 /srv3/e
      -rw-r--r-- 4321:4321 /srv3/e/f
      drwxr-xr-x 0:0 /un
      drwxr-xr-x 0:0 /un/greet-1.0
      -rw-r--r-- 0:0 /un/greet-1.0/greet.sh
      drwxr-xr-x 0:0 /with space
      -rw-r--r-- 0:0 /with space/app.conf
      "
    `);
    expect(read('listing').match(/\/app\/.*/g)).toMatchInlineSnapshot(`
      [
        "/app/.dockerignore",
        "/app/Makefile",
        "/app/README.md",
        "/app/SHA256SUMS",
        "/app/conf",
        "/app/conf/app.conf",
        "/app/configure",
        "/app/flat",
        "/app/flat/Makefile",
        "/app/flat/README.md",
        "/app/flat/lib",
        "/app/flat/lib/greet.c",
        "/app/flat/lib/greet.h",
        "/app/flat/main.c",
        "/app/greet-1.0.tar.gz",
        "/app/h",
        "/app/h/greet.c",
        "/app/h/greet.h",
        "/app/scripts",
        "/app/scripts/docker-entrypoint.sh",
        "/app/src",
        "/app/src/lib",
        "/app/src/lib/greet.c",
        "/app/src/lib/greet.h",
        "/app/src/main.c",
      ]
    `);
    expect(readlinkSync(out('copy', 'srv/l'))).toBe('d');
  });

  it('a second root becomes the image', async () => {
    const read = await built('second-root');
    expect([read('said'), read('etc/apk/world'), existsSync(out('second-root', 'bin/busybox'))]).toEqual([
      'make\n',
      'app\nmake\n',
      false,
    ]);
  });
});
