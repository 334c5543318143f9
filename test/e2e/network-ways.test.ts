/**
 * The program as it ships, on every way to a server: what it fetches by itself, what ADD names, git, and the report.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostPath } from '../../src/core/paths.ts';
import { packApk } from '../../src/mirror/pack.ts';
import { indexDirectory } from '../../src/mirror/repository.ts';
import { generateSigningKey } from '../../src/mirror/signing.ts';
import { capability } from '../helpers/capabilities.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { makePair, startServer, type TestServer } from '../helpers/https-mirror.ts';
import { startHttpProxy, startSocksProxy, type TestProxy } from '../helpers/proxies.ts';
import { makeSiteRepository, siteOf } from '../helpers/web-site.ts';

const git = capability('git');
const LOGIN = { user: 'me', password: 'p@ss:w' };
const CREDENTIALS = 'me:p%40ss%3Aw@';
/** Nobody but a proxy knows the second. */
const NAMES = ['localhost', '127.0.0.1', 'mirror.invalid'];

let root: string;
let servers: Record<'https' | 'http', TestServer>;
let proxies: Record<'http' | 'https' | 'login' | 'intercept' | 'socks4' | 'socks5' | 'socks5login', TestProxy>;
let key: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'alproot-ways-'));
  const main = join(root, 'site', 'v3.19', 'main', 'x86_64');
  mkdirSync(main, { recursive: true });
  const signer = await generateSigningKey('test', 2048);
  key = join(root, signer.publicName);
  writeFileSync(key, signer.publicPem);
  const facts = {
    name: 'app',
    version: '1-r0',
    arch: 'x86_64',
    description: 'app',
    url: 'https://example.org',
    license: 'MIT',
    origin: 'app',
    maintainer: 'A <a@example.org>',
    buildTime: 1_700_000_000,
  } as const;
  const { fileName, bytes } = await packApk({ key: signer, facts, scripts: {}, entries: [] });
  writeFileSync(join(main, fileName), bytes);
  await indexDirectory({
    directory: hostPath(main),
    description: 'v3.19-test',
    time: 1_700_000_000,
    key: signer,
    arch: 'x86_64',
  });
  writeFileSync(join(root, 'site', 'file'), 'by ADD\n');
  if (!git.skip) makeSiteRepository(join(root, 'site', 'repository.git'), { name: 'source', text: 'by git\n' });
  const [authority, company] = [makePair({ authority: true }), makePair({ authority: true })];
  writeFileSync(join(root, 'authority.pem'), authority.certPem);
  writeFileSync(join(root, 'company.pem'), company.certPem);
  const pair = makePair({ issuer: authority, names: NAMES });
  servers = {
    https: await startServer(siteOf(join(root, 'site')), pair),
    http: await startServer(siteOf(join(root, 'site'))),
  };
  proxies = {
    http: await startHttpProxy(),
    https: await startHttpProxy({ pair }),
    login: await startHttpProxy({ login: LOGIN }),
    intercept: await startHttpProxy({
      intercept: { shown: makePair({ issuer: company, names: NAMES }), root: authority.certPem },
    }),
    socks4: await startSocksProxy({ version: 4, login: LOGIN }),
    socks5: await startSocksProxy({ version: 5 }),
    socks5login: await startSocksProxy({ version: 5, login: LOGIN }),
  };
});
afterAll(async () => {
  await Promise.all([...Object.values(servers), ...Object.values(proxies)].map(({ close }) => close()));
  rmSync(root, { recursive: true, force: true });
});

interface Way {
  readonly what: string;
  /** Variables, with the proxy's port. */
  readonly env: (port: number) => Readonly<Record<string, string>>;
  readonly proxy?: keyof typeof proxies;
  readonly host?: string;
  /** What the proxy is told of the host; the host itself unless given. */
  readonly told?: string | RegExp;
  readonly scheme?: 'http' | 'https';
  readonly authority?: 'authority' | 'company';
}

const WAYS: readonly Way[] = [
  { what: 'directly', env: () => ({}), host: 'localhost' },
  { what: 'directly, without TLS', env: () => ({}), host: 'localhost', scheme: 'http' },
  { what: 'through an http proxy', env: (port) => ({ HTTPS_PROXY: `http://127.0.0.1:${port}` }), proxy: 'http' },
  {
    what: 'through an http proxy without a scheme',
    env: (port) => ({ https_proxy: `127.0.0.1:${port}` }),
    proxy: 'http',
  },
  {
    what: 'through an http proxy, without TLS',
    env: (port) => ({ http_proxy: `http://127.0.0.1:${port}/` }),
    proxy: 'http',
    scheme: 'http',
  },
  { what: 'through an https proxy', env: (port) => ({ HTTPS_PROXY: `https://localhost:${port}` }), proxy: 'https' },
  {
    what: 'through a proxy for everything',
    env: (port) => ({ ALL_PROXY: `http://localhost:${port}` }),
    proxy: 'http',
  },
  {
    what: 'through a proxy that wants a login',
    env: (port) => ({ HTTPS_PROXY: `http://${CREDENTIALS}127.0.0.1:${port}` }),
    proxy: 'login',
  },
  {
    what: 'through a proxy that wants a login, without TLS',
    env: (port) => ({ http_proxy: `http://${CREDENTIALS}127.0.0.1:${port}` }),
    proxy: 'login',
    scheme: 'http',
  },
  {
    what: 'through a proxy that intercepts',
    env: (port) => ({ HTTPS_PROXY: `http://127.0.0.1:${port}` }),
    proxy: 'intercept',
    authority: 'company',
  },
  {
    what: 'through SOCKS4',
    env: (port) => ({ ALL_PROXY: `socks4://me@127.0.0.1:${port}` }),
    proxy: 'socks4',
    host: 'localhost',
    told: '127.0.0.1',
  },
  { what: 'through SOCKS4a', env: (port) => ({ ALL_PROXY: `socks4a://me@127.0.0.1:${port}` }), proxy: 'socks4' },
  {
    what: 'through SOCKS5',
    env: (port) => ({ HTTPS_PROXY: `socks5://127.0.0.1:${port}` }),
    proxy: 'socks5',
    host: 'localhost',
    told: /^(?:127\.0\.0\.1|ipv6)$/,
  },
  {
    what: 'through SOCKS5, with a login',
    env: (port) => ({ ALL_PROXY: `socks5://${CREDENTIALS}127.0.0.1:${port}` }),
    proxy: 'socks5login',
    host: 'localhost',
    told: /^(?:127\.0\.0\.1|ipv6)$/,
  },
  { what: 'through SOCKS5h', env: (port) => ({ ALL_PROXY: `socks5h://127.0.0.1:${port}` }), proxy: 'socks5' },
  {
    what: 'through SOCKS5h, with a login',
    env: (port) => ({ all_proxy: `socks5h://${CREDENTIALS}127.0.0.1:${port}` }),
    proxy: 'socks5login',
  },
];

interface Place {
  readonly way: Way;
  readonly origin: string;
  readonly run: (...args: string[]) => Promise<CliResult>;
}

/** A store and a working directory of its own, and the server as this way names it. */
function placeOf(way: Way): Place {
  const { host = 'mirror.invalid', scheme = 'https', authority = 'authority', proxy, env } = way;
  const origin = `${scheme}://${host}:${servers[scheme].port}`;
  const cwd = mkdtempSync(join(root, 'place-'));
  writeFileSync(
    join(cwd, 'Dockerfile'),
    `FROM scratch\nADD ${origin}/file /\n${git.skip ? '' : `ADD ${origin}/repository.git /\n`}`,
  );
  const variables = env(proxy === undefined ? 0 : proxies[proxy].port);
  return {
    way,
    origin,
    run: (...args) =>
      runCli([...args, '--ca-file', join(root, `${authority}.pem`)], {
        cwd,
        env: variables,
        cache: join(cwd, 'store'),
      }),
  };
}

const mirrorArgs = (origin: string): string[] => ['--mirror', origin, '--key', key, '--release', '3.19'];
/** Hosts that the proxy was asked for by `work`. */
async function hostsAsked({ proxy }: Way, work: () => Promise<unknown>): Promise<string[]> {
  if (proxy === undefined) return (void (await work()), []);
  const before = proxies[proxy].hosts.length;
  await work();
  return proxies[proxy].hosts.slice(before);
}

async function goesThatWay(way: Way, work: () => Promise<unknown>): Promise<void> {
  const told = new Set(await hostsAsked(way, work));
  if (way.proxy === undefined) return;
  expect([...told]).toEqual([
    way.told === undefined ? (way.host ?? 'mirror.invalid') : expect.stringMatching(way.told),
  ]);
}

describe.each(WAYS)('$what', (way) => {
  it('a mirror is read', () =>
    goesThatWay(way, async () => {
      const { run, origin } = placeOf(way);
      expect(await run('search', 'app', ...mirrorArgs(origin))).toEqual({
        status: 0,
        stdout: 'app-1-r0\n',
        stderr: expect.any(String) as string,
      });
    }));

  it(`ADD takes files${git.skip ? '' : ' and repositories'}`, () =>
    goesThatWay(way, async () => {
      const { run } = placeOf(way);
      const out = mkdtempSync(join(root, 'out-'));
      const { status, stderr } = await run('build', '-o', out);
      expect(status, stderr).toBe(0);
      expect(readFileSync(join(out, 'file'), 'utf8')).toBe('by ADD\n');
      if (!git.skip) expect(readFileSync(join(out, 'source'), 'utf8')).toBe('by git\n');
    }));

  it('the report finds nothing wrong', () =>
    goesThatWay(way, async () => {
      const { run, origin } = placeOf(way);
      const { status, stdout, stderr } = await run('doctor', '--network', ...mirrorArgs(origin));
      expect({ status, wrong: stdout.match(/^ *(?:FAIL|no).*$/gm), stderr }).toMatchObject({ status: 0 });
      expect(stdout).toContain('signed by a trusted key');
      expect(stdout + stderr).not.toContain('p@ss');
      expect(stdout + stderr).not.toContain('p%40ss');
    }));
});

const WRONG: readonly (Way & { readonly says: RegExp; readonly code: string })[] = [
  {
    what: 'a proxy that wants a login is given none',
    env: (port) => ({ HTTPS_PROXY: `http://127.0.0.1:${port}` }),
    proxy: 'login',
    says: /407[^]*hint: .*credentials/,
    code: 'ALP_FETCH_PROXY',
  },
  {
    what: 'a proxy that wants a login is given a wrong one',
    env: (port) => ({ HTTPS_PROXY: `http://me:secret-word@127.0.0.1:${port}` }),
    proxy: 'login',
    says: /407[^]*hint: .*credentials/,
    code: 'ALP_FETCH_PROXY',
  },
  {
    what: 'a proxy that wants a login is given none, without TLS',
    env: (port) => ({ http_proxy: `http://127.0.0.1:${port}` }),
    proxy: 'login',
    scheme: 'http',
    says: /407[^]*hint: .*credentials/,
    code: 'ALP_FETCH_PROXY',
  },
  {
    what: 'SOCKS5 wants a login',
    env: (port) => ({ ALL_PROXY: `socks5h://127.0.0.1:${port}` }),
    proxy: 'socks5login',
    says: /SOCKS proxy[^]*hint: .*credentials/,
    code: 'ALP_FETCH_PROXY',
  },
  {
    what: 'SOCKS5 refuses the login',
    env: (port) => ({ ALL_PROXY: `socks5h://me:secret-word@127.0.0.1:${port}` }),
    proxy: 'socks5login',
    says: /SOCKS proxy[^]*hint: .*credentials/,
    code: 'ALP_FETCH_PROXY',
  },
  {
    what: 'a proxy intercepts, and its authority is unknown',
    env: (port) => ({ HTTPS_PROXY: `http://127.0.0.1:${port}` }),
    proxy: 'intercept',
    says: /a proxy that intercepts TLS[^]*--ca-file/,
    code: 'ALP_FETCH_TLS',
  },
  {
    what: 'the variable holds no address',
    env: () => ({ HTTPS_PROXY: 'http://me:secret-word@/' }),
    says: /HTTPS_PROXY/,
    code: 'ALP_FETCH_PROXY',
  },
  {
    what: 'nobody listens there',
    env: () => ({ HTTPS_PROXY: 'http://me:secret-word@127.0.0.1:1' }),
    says: /cannot reach .* through the proxy http:\/\/\*+@127\.0\.0\.1:1\/?: ECONNREFUSED .*\nhint: .*HTTPS_PROXY/,
    code: 'ALP_FETCH_NETWORK',
  },
];

it.each(WRONG)('when $what, it says so, and no password', async (way) => {
  const { run, origin } = placeOf(way);
  const { status, stdout, stderr } = await run('search', 'app', ...mirrorArgs(origin));
  expect(status, stdout + stderr).toBe(3);
  expect(stderr).toMatch(way.says);
  expect(stderr).toContain(`[${way.code}]`);
  expect(stdout + stderr).not.toContain('secret-word');
});

describe('NO_PROXY', () => {
  it.each([
    ['localhost', '*', true],
    ['localhost', 'localhost', true],
    ['localhost', 'LOCALHOST', true],
    ['localhost', '.localhost', true],
    ['localhost', '*.localhost', true],
    ['localhost', 'other, localhost', true],
    ['localhost', 'other localhost', true],
    ['localhost', 'localhost:PORT', true],
    ['localhost', 'localhost:1', false],
    ['localhost', 'host', false],
    ['localhost', '', false],
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '127.0.0.0/8', true],
    ['127.0.0.1', '10.0.0.0/8', false],
    ['127.0.0.1', '127.0.0.0/99', false],
  ])('for %s, %j counts: %s', async (host, list, direct) => {
    const way: Way = {
      what: '',
      host,
      proxy: 'http',
      env: (port) => ({
        HTTPS_PROXY: `http://127.0.0.1:${port}`,
        NO_PROXY: list.replace('PORT', String(servers.https.port)),
      }),
    };
    const { run, origin } = placeOf(way);
    const asked = await hostsAsked(way, async () =>
      expect(await run('search', 'app', ...mirrorArgs(origin))).toMatchObject({ status: 0 }),
    );
    expect(asked.length > 0).toBe(!direct);
    if (git.skip || !['*.localhost', '127.0.0.0/8', ''].includes(list)) return;
    const byBuild = await hostsAsked(way, async () =>
      expect(await run('build', '-o', 'out')).toMatchObject({ status: 0 }),
    );
    expect(byBuild.length > 0).toBe(!direct);
  });
});
