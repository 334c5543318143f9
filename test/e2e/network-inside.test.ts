/**
 * Commands that are granted the network reach a server of the run as the host would: by name, over TLS with the user's
 * authority, through the host's proxy.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
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
import { makePair, startProxy, startServer, type TestServer } from '../helpers/https-mirror.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const needs = capability('upstream');
const authority = makePair({ authority: true });
let work: string;
let mirror: ReleaseMirror;
let server: TestServer;
let proxy: TestServer;

beforeAll(async () => {
  if (needs.skip) return;
  work = mkdtempSync(join(tmpdir(), 'alproot-inside-'));
  mirror = await makeReleaseMirror(join(work, 'mirror'), [
    { name: 'app', version: '1-r0', files: { 'usr/bin/app': 'app' } },
  ]);
  writeFileSync(join(work, 'ca.pem'), authority.certPem);
  server = await startServer(
    ({ response }) => void response.end('hello from outside\n'),
    makePair({ issuer: authority }),
  );
  proxy = await startProxy();
});
afterAll(async () => {
  if (needs.skip) return;
  await server.close();
  await proxy.close();
  rmSync(work, { recursive: true, force: true });
});

for (const backend of ['bwrap', 'userns', 'proot', 'chroot'] as const) {
  const has = capability('upstream', backend);
  describe.skipIf(has.skip)(`under ${backend}${has.reason}`, () => {
    const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> =>
      runCli([...args.slice(0, 1), '--backend', backend, ...mirror.args, ...args.slice(1)], {
        cwd: work,
        cache: join(work, 'cache'),
        env,
      });
    const wget = (url: string): string[] => ['--', 'wget', '-qO-', url];

    it("a command talks TLS to a server of the user's own authority, and to no other", async () => {
      expect(
        await run(['run', '--network', 'host', '--ca-file', join(work, 'ca.pem'), ...wget(server.url)]),
      ).toMatchObject({ status: 0, stdout: 'hello from outside\n' });
      const { status, stderr } = await run(['run', '--network', 'host', ...wget(server.url)]);
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/certificate verify failed/);
    });

    it("a command goes through the host's proxy, whose password --explain does not show", async () => {
      const env = { HTTP_PROXY: proxy.url.replace('//', '//me:s3cret@'), NO_PROXY: 'unrelated.invalid' };
      expect((await run(['run', '--network', 'host', ...wget('http://mirror.invalid/x')], env)).stdout).toBe(
        'proxied http://mirror.invalid/x',
      );
      expect(proxy.visits.at(-1)?.headers['proxy-authorization']).toBe(
        `Basic ${Buffer.from('me:s3cret').toString('base64')}`,
      );
      const explained = await run(['run', '--network', 'host', '--explain', ...wget('http://mirror.invalid/x')], env);
      expect(explained.stdout + explained.stderr).toContain('env      http_proxy=http://***@');
      expect(explained.stdout + explained.stderr).not.toContain('s3cret');
    });

    it('a command that is granted none has nothing injected', async () => {
      const { stdout } = await run(
        [
          'run',
          '--ca-file',
          join(work, 'ca.pem'),
          '--',
          'sh',
          '-c',
          'env | grep -ic _proxy; test -e /etc/resolv.conf || echo none',
        ],
        { http_proxy: proxy.url },
      );
      expect(stdout).toBe('0\nnone\n');
    });

    it('a RUN does the same, and the output has no trace of it', async () => {
      writeFileSync(join(work, 'Dockerfile'), `FROM alpine:3.19\nRUN wget -qO /page ${server.url}/${backend}\n`);
      const out = join(work, `out-${backend}`);
      const { status, stderr } = await run(['build', '--ca-file', join(work, 'ca.pem'), '-o', out, '.']);
      expect(status, stderr).toBe(0);
      expect(readFileSync(join(out, 'page'), 'utf8')).toBe('hello from outside\n');
      expect(readFileSync(join(out, 'etc/ssl/certs/ca-certificates.crt'), 'utf8')).not.toContain(
        authority.certPem.split('\n')[3],
      );
      expect([existsSync(join(out, 'etc/resolv.conf')), readdirSync(join(out, 'run'))]).toEqual([false, []]);
    });
  });
}

const rootly = capability('upstream', 'proot', 'bwrap', 'chroot');
describe.skipIf(rootly.skip)(`where the user may not read the host's name service${rootly.reason}`, () => {
  it('a RUN goes without it', async () => {
    const home = join(work, 'closed');
    const closed = join(home, 'resolv.conf');
    mkdirSync(home);
    writeFileSync(closed, 'nameserver 192.0.2.1\n', { mode: 0o600 });
    writeFileSync(join(home, 'Dockerfile'), 'FROM alpine:3.19\nRUN [ ! -e /etc/resolv.conf ] && [ -e /etc/hosts ]\n');
    execFileSync('chown', ['65534:65534', home]);
    chmodSync(work, 0o755);
    const prefix = [
      'bwrap',
      '--bind',
      '/',
      '/',
      '--dev-bind',
      '/dev',
      '/dev',
      '--ro-bind',
      closed,
      '/etc/resolv.conf',
      'setpriv',
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
    ];
    const { status, stderr } = await runCli(['build', '--backend', 'proot', ...mirror.args, '.'], {
      cwd: home,
      cache: join(home, 'cache'),
      prefix,
      env: { HOME: home },
    });
    expect(status, stderr).toBe(0);
  });
});
