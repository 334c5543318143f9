/**
 * Passwords of URLs, proxies, tokens in queries and build secrets: in nothing that the command prints, however
 * talkative, nor in what it keeps.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AlprootError } from '../../src/core/errors.ts';
import { redactText } from '../../src/core/redact.ts';
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
  broken = await startServer(
    ({ response }) =>
      void response
        .writeHead(302, { location: `http://user:${SECRET}@localhost:${refusing.port}/x?token=${SECRET}` })
        .end(),
  );
  proxy = await startProxy(407);
});
afterAll(async () => {
  for (const server of [refusing, broken, proxy]) await server.close();
  rmSync(work, { recursive: true, force: true });
});

/** Files below a directory that hold the secret. */
const holders = (directory: string): string =>
  spawnSync('grep', ['-rlaF', SECRET, directory], { encoding: 'utf8' }).stdout;

describe('a password', () => {
  const withUser = (url: string): string => url.replace('//', `//user:${SECRET}@`);
  const cases: readonly (readonly [string, () => readonly string[], () => Readonly<Record<string, string>>])[] = [
    ['of a mirror that refuses', () => ['--mirror', withUser(refusing.url)], () => ({})],
    ['of a mirror that is not there', () => ['--mirror', withUser('http://127.0.0.1:1')], () => ({})],
    ['of a mirror that redirects', () => ['--mirror', withUser(broken.url)], () => ({})],
    ['of a mirror that is not a URL', () => ['--mirror', `https://user:${SECRET}@[`], () => ({})],
    ['in a query', () => ['--mirror', `${refusing.url}/x?token=${SECRET}`], () => ({})],
    [
      'of a proxy that refuses',
      () => ['--mirror', 'https://mirror.invalid'],
      () => ({ HTTPS_PROXY: withUser(proxy.url), HTTP_PROXY: withUser(proxy.url) }),
    ],
    ['of a mirror in a variable', () => [], () => ({ ALPROOT_MIRROR: withUser(refusing.url) })],
  ];

  it.each(cases)('%s is not printed, however much is, nor kept', async (_what, words, env) => {
    const commands = [
      ['run', '--verbose', ...words(), '--release', '3.19', '--', 'true'],
      ['run', '--json', ...words(), '--release', '3.19', '--', 'true'],
      ['doctor', '--network', ...words(), '--release', '3.19'],
    ];
    await Promise.all(
      commands.map(async (argv) => {
        const cache = mkdtempSync(join(work, 'cache-'));
        const { stdout, stderr } = await runCli(argv, { cwd: work, cache, env: env() });
        expect(stdout + stderr).not.toBe('');
        expect(stdout + stderr).not.toContain(SECRET);
        expect(holders(cache)).toBe('');
      }),
    );
  });
});

const needs = capability('upstream', 'bwrap');
describe.skipIf(needs.skip)(`a build secret${needs.reason}`, () => {
  let mirror: ReleaseMirror;
  beforeAll(
    async () => void (mirror = await makeReleaseMirror(join(work, 'mirror'), [{ name: 'app', version: '1-r0' }])),
  );

  it('is masked in the output, and neither in an image nor in the store', async () => {
    writeFileSync(join(work, 'token'), SECRET);
    writeFileSync(
      join(work, 'Dockerfile'),
      'FROM alpine:3.19\nRUN --mount=type=secret,id=t cat /run/secrets/t; echo; echo done > /done\n',
    );
    const cache = mkdtempSync(join(work, 'cache-'));
    const { status, stdout, stderr } = await runCli(
      [
        'build',
        '--backend',
        'bwrap',
        ...mirror.args,
        '--progress',
        'plain',
        '--secret',
        'id=t,src=token',
        '-o',
        'type=oci,dest=image',
        '.',
      ],
      { cwd: work, cache },
    );
    expect([status, stderr]).toEqual([0, expect.stringContaining('secrets/t')]);
    expect(stdout + stderr).not.toContain(SECRET);
    expect(holders(cache)).toBe('');
    expect(holders(join(work, 'image'))).toBe('');
  });
});

describe('a password in the URL of an ADD', () => {
  let files: TestServer;
  beforeAll(async () => void (files = await startServer(({ response }) => void response.end('content'))));
  afterAll(() => files.close());

  const build = async (name: string, add: (url: string) => string, args: readonly string[]): Promise<string> => {
    const [context, cache] = [join(work, `context-${name}`), join(work, `store-${name}`)];
    for (const path of [context, cache]) mkdirSync(path, { recursive: true });
    const dockerfile = add(`http://user:${SECRET}@127.0.0.1:${files.port}/file?token=${SECRET}`);
    writeFileSync(join(context, 'Dockerfile'), dockerfile);
    const out = join(work, `out-${name}`);
    const { stdout, stderr } = await runCli([...args.map((arg) => arg.replace('OUT', out)), context], {
      cwd: work,
      cache,
    });
    expect(stdout + stderr).not.toContain(SECRET);
    expect(holders(cache) + (existsSync(out) ? holders(out) : '')).toBe('');
    return stdout + stderr;
  };
  const ADD = (url: string): string => `FROM scratch\nADD ${url} /file\n`;

  it.each([
    [
      'plain',
      ['build', '--progress', 'plain', '-o', 'OUT'],
      /ADD http:\/\/\*\*\*@127\.0\.0\.1:\d+\/file\?token=\*\*\* \/file/,
    ],
    ['json', ['build', '--json', '--verbose', '-o', 'OUT'], /"label":"\[stage-0 1\/1\] ADD http:\/\/\*\*\*@/],
    ['plan', ['build', '--plan'], /"url": "http:\/\/\*\*\*@127/],
    ['image', ['build', '-o', 'type=oci,dest=OUT,tar=false', '--progress', 'plain'], /ADD http:\/\/\*\*\*@/],
    ['lock', ['lock'], /cannot be locked: its address holds a password/],
  ] as const)('is not in what is made or said: %s', async (name, args, said) => {
    expect(await build(name, ADD, args)).toMatch(said);
    if (name === 'image')
      expect(
        spawnSync('grep', ['-rhoE', '"created_by":"ADD [^"]*"', join(work, 'out-image')], { encoding: 'utf8' }).stdout,
      ).toContain('ADD http://***@127.0.0.1');
  });

  it('is not in an error, its excerpt of the Dockerfile, or its facts', async () => {
    const missing = (url: string): string => ADD(url).replace('ADD ', 'ADD --checksum=sha256:' + 'a'.repeat(64) + ' ');
    expect(await build('error', missing, ['build', '-o', 'OUT'])).toMatch(/>>> ADD .*http:\/\/\*\*\*@/);
    expect(await build('error-json', missing, ['build', '--json', '-o', 'OUT'])).toMatch(/"excerpt":/);
    await build(
      'arguments',
      (url) =>
        `FROM scratch\nARG U=${url}\nADD $U /a/\nADD $U /a\nLABEL a=b\nADD ${url.replace('127.0.0.1', '[')} /c\n`,
      ['build', '-o', 'OUT'],
    );
  });

  it('is not in any error that can be made, nor in its facts', () => {
    const url = `https://user:${SECRET}@host/x?a=1&X-Amz-Signature=${SECRET}#f`;
    const error = new AlprootError('ALP_FETCH_NETWORK', `cannot get '${url}'`, {
      hint: `try ${url}`,
      facts: { url, deep: [{ url }] },
    });
    expect(JSON.stringify([error.message, error.hint, error.facts])).not.toContain(SECRET);
    expect(error.message).toBe("cannot get 'https://***@host/x?a=1&X-Amz-Signature=***#f'");
  });

  it.each([
    'https://host/a@b?x=1',
    'mail me@example.org',
    'git clone ssh://git@host/x',
    'https://host/?keys=1&monkey=2',
    'a://b',
  ])('leaves alone what holds none: %s', (text) => {
    expect(redactText(text)).toBe(text);
  });
});
