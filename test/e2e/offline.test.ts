/** --offline: no socket, everything that was fetched before still works, and what is missing is told all at once. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { runCli, type CliOptions, type CliResult } from '../helpers/cli.ts';
import { startServer, type TestServer } from '../helpers/https-mirror.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const needs = capability('upstream', 'bwrap');
let work: string;
let mirror: ReleaseMirror;
let server: TestServer;

beforeAll(async () => {
  if (needs.skip) return;
  work = mkdtempSync(join(tmpdir(), 'alproot-offline-'));
  mirror = await makeReleaseMirror(join(work, 'mirror'), [
    { name: 'lib', version: '1-r0', files: { 'usr/share/lib': 'lib' } },
    { name: 'app', version: '2-r0', depends: ['lib'], files: { 'usr/share/app': 'app\n' } },
  ]);
  server = await startServer(({ request, response }) => {
    const file = join(mirror.directory, decodeURIComponent(request.url ?? ''));
    if (existsSync(file)) response.end(readFileSync(file));
    else response.writeHead(404).end();
  });
});
afterAll(async () => {
  if (needs.skip) return;
  await server.close();
  rmSync(work, { recursive: true, force: true });
});

const run = (cache: string, words: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  runCli(
    [
      words[0] ?? '',
      '--backend',
      'bwrap',
      '--mirror',
      server.url,
      '--key',
      mirror.keyFile,
      '--release',
      '3.19',
      ...words.slice(1),
    ],
    { cwd: work, cache: join(work, cache), ...options },
  );

describe.skipIf(needs.skip)(`offline${needs.reason}`, () => {
  const traced = capability('strace', 'bwrap', 'upstream');
  it.skipIf(traced.skip)(`opens no socket to anywhere, in run and in build${traced.reason}`, async () => {
    writeFileSync(join(work, 'Dockerfile'), 'FROM alpine:3.19\nRUN apk add app && cat /usr/share/app\n');
    for (const words of [
      ['run', '-p', 'app', '--', 'cat', '/usr/share/app'],
      ['build', '-o', 'out', '.'],
    ]) {
      const online = await run('full', words);
      expect(online.status, online.stderr).toBe(0);
      const visits = server.visits.length;
      const log = join(work, 'strace.log');
      const [verb = '', ...rest] = words;
      const offline = await run('full', [verb, '--offline', ...(verb === 'build' ? ['--no-cache'] : []), ...rest], {
        prefix: ['strace', '-f', '-qq', '-e', 'trace=network', '-o', log],
      });
      expect(offline.status, offline.stderr).toBe(0);
      // Pipes of child processes are socket pairs, and bubblewrap raises the loopback of its own namespace by netlink.
      const calls = readFileSync(log, 'utf8')
        .split('\n')
        .filter(
          (line) => /\b(?:connect|socket|bind|sendto|sendmsg)\(/.test(line) && !/AF_NETLINK|NETLINK|RTM_/.test(line),
        );
      expect(calls.filter((line) => /\bconnect\(|AF_INET/.test(line))).toEqual([]);
      expect(server.visits.length).toBe(visits);
    }
  });

  it('tells every package that is missing, and how to get them', async () => {
    expect((await run('bare', ['run', '--', 'true'])).status).toBe(0);
    const { status, stderr } = await run('bare', ['run', '--offline', '-p', 'app', '--', 'true']);
    expect(status).toBe(3);
    expect(stderr).toContain('ALP_FETCH_OFFLINE');
    for (const name of ['app-2-r0.apk', 'lib-1-r0.apk']) expect(stderr).toContain(name);
    expect(stderr).toMatch(/hint: .*alproot fetch/);
  });

  it('tells minirootfs and indexes at once where nothing was fetched', async () => {
    const visits = server.visits.length;
    const { status, stderr } = await run('empty', ['run', '--offline', '-p', 'app', '--', 'true']);
    expect([status, server.visits.length]).toEqual([3, visits]);
    for (const name of [
      'releases/x86_64/',
      'v3.19/main/x86_64/APKINDEX.tar.gz',
      'v3.19/community/x86_64/APKINDEX.tar.gz',
    ])
      expect(stderr).toContain(name);
  });
});
