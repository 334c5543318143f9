/** Passwords of URLs, proxies, tokens in queries and build secrets: in nothing that the command prints, however talkative, nor in what it keeps. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { runCli } from '../helpers/cli.ts';
import { startProxy, startServer, type TestServer } from '../helpers/https-mirror.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const SECRET = 's3cr3t-w0rd';
let work: string;
let refusing: TestServer;
let broken: TestServer;
let proxy: TestServer;
beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'alproot-secrets-'));
  refusing = await startServer(({ response }) => void response.writeHead(403).end());
  broken = await startServer(({ response }) => void response.writeHead(302, { location: `http://user:${SECRET}@localhost:${refusing.port}/x?token=${SECRET}` }).end());
  proxy = await startProxy(407);
});
afterAll(async () => {
  for (const server of [refusing, broken, proxy]) await server.close();
  rmSync(work, { recursive: true, force: true });
});

/** Files below a directory that hold the secret. */
const holders = (directory: string): string => spawnSync('grep', ['-rlaF', SECRET, directory], { encoding: 'utf8' }).stdout;

describe('a password', () => {
  const withUser = (url: string): string => url.replace('//', `//user:${SECRET}@`);
  const cases: readonly (readonly [string, () => readonly string[], () => Readonly<Record<string, string>>])[] = [
    ['of a mirror that refuses', () => ['--mirror', withUser(refusing.url)], () => ({})],
    ['of a mirror that is not there', () => ['--mirror', withUser('http://127.0.0.1:1')], () => ({})],
    ['of a mirror that redirects', () => ['--mirror', withUser(broken.url)], () => ({})],
    ['of a mirror that is no URL', () => ['--mirror', `https://user:${SECRET}@[`], () => ({})],
    ['in a query', () => ['--mirror', `${refusing.url}/x?token=${SECRET}`], () => ({})],
    ['of a proxy that refuses', () => ['--mirror', 'https://mirror.invalid'], () => ({ HTTPS_PROXY: withUser(proxy.url), HTTP_PROXY: withUser(proxy.url) })],
    ['of a mirror in a variable', () => [], () => ({ ALPROOT_MIRROR: withUser(refusing.url) })],
  ];

  it.each(cases)('%s is not printed, however much is, nor kept', async (_what, words, env) => {
    const commands = [['run', '--verbose', ...words(), '--release', '3.19', '--', 'true'], ['run', '--json', ...words(), '--release', '3.19', '--', 'true'], ['doctor', '--network', ...words(), '--release', '3.19']];
    await Promise.all(commands.map(async (argv) => {
      const cache = mkdtempSync(join(work, 'cache-'));
      const { stdout, stderr } = await runCli(argv, { cwd: work, cache, env: env() });
      expect(stdout + stderr).not.toBe('');
      expect(stdout + stderr).not.toContain(SECRET);
      expect(holders(cache)).toBe('');
    }));
  });
});

const needs = capability('upstream', 'bwrap');
describe.skipIf(needs.skip)(`a build secret${needs.reason}`, () => {
  let mirror: ReleaseMirror;
  beforeAll(async () => void (mirror = await makeReleaseMirror(join(work, 'mirror'), [{ name: 'app', version: '1-r0' }])));

  it('is masked in the output, and neither in an image nor in the store', async () => {
    writeFileSync(join(work, 'token'), SECRET);
    writeFileSync(join(work, 'Dockerfile'), 'FROM alpine:3.19\nRUN --mount=type=secret,id=t cat /run/secrets/t; echo; echo done > /done\n');
    const cache = mkdtempSync(join(work, 'cache-'));
    const { status, stdout, stderr } = await runCli(['build', '--backend', 'bwrap', ...mirror.args, '--progress', 'plain', '--secret', 'id=t,src=token', '-o', 'type=oci,dest=image', '.'], { cwd: work, cache });
    expect([status, stderr]).toEqual([0, expect.stringContaining('secrets/t')]);
    expect(stdout + stderr).not.toContain(SECRET);
    expect(holders(cache)).toBe('');
    expect(holders(join(work, 'image'))).toBe('');
  });
});
