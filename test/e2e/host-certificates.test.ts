/**
 * An intercepting proxy's CA, known to the host's other programs: mirrors, ADD and git trust it, and `doctor
 * --network` says from where.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { makePair, startServer, type TestServer } from '../helpers/https-mirror.ts';
import { indexDirectory } from '../../src/mirror/repository.ts';
import { generateSigningKey } from '../../src/mirror/signing.ts';
import { hostPath } from '../../src/core/paths.ts';

const authority = makePair({ authority: true });
let work: string;
let server: TestServer;
let keyFile: string;

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'alproot-host-ca-'));
  mkdirSync(join(work, 'store'));
  mkdirSync(join(work, 'main'));
  writeFileSync(join(work, 'ca.pem'), authority.certPem);
  writeFileSync(join(work, 'store', 'ca-certificates.crt'), authority.certPem);
  mkdirSync(join(work, 'hashed'));
  writeFileSync(join(work, 'hashed', '1a2b3c4d.0'), authority.certPem);
  writeFileSync(join(work, 'hashed', 'closed.key.pem'), 'a key\n', { mode: 0o600 });
  const key = await generateSigningKey('test', 2048);
  keyFile = join(work, key.publicName);
  writeFileSync(keyFile, key.publicPem);
  await indexDirectory({
    directory: hostPath(join(work, 'main')),
    description: 'test',
    time: 1_700_000_000,
    key,
    arch: 'x86_64',
  });
  const index = readFileSync(join(work, 'main', 'APKINDEX.tar.gz'));
  server = await startServer(({ response }) => void response.end(index), makePair({ issuer: authority }));
});
afterAll(async () => {
  await server.close();
  rmSync(work, { recursive: true, force: true });
});

const doctor = (env: Readonly<Record<string, string>>, ...more: readonly string[]): Promise<CliResult> =>
  runCli(
    [
      'doctor',
      '--network',
      '--mirror',
      server.url,
      '--key',
      keyFile,
      '--release',
      '3.19',
      '--arch',
      'x86_64',
      ...more,
    ],
    { env, cwd: work },
  );

describe("the host's CA certificates", () => {
  it.each(['NODE_EXTRA_CA_CERTS', 'SSL_CERT_DIR'])(
    'count when %s names them, as doctor says, and not with --no-host-ca',
    async (name) => {
      const value = name === 'SSL_CERT_DIR' ? join(work, 'store') : 'ca.pem';
      const trusted = await doctor({ [name]: value });
      expect(trusted.stdout).toMatch(/ok {2}index/);
      expect(trusted.stdout).toMatch(
        new RegExp(
          `\\b1 {2}${join(work, value === 'ca.pem' ? 'ca.pem' : 'store')} \\(${name}\\); 1 new\n +\\+ Test Root`,
        ),
      );
      const refused = await doctor({ [name]: value }, '--no-host-ca');
      expect([refused.status, refused.stdout.includes('Test Root (')]).toEqual([3, false]);
      expect(refused.stdout).toMatch(/no {2}certificates .*issuer Test Root/);
    },
  );

  it('are named with their trouble when they cannot be read, and the command goes on', async () => {
    const { stdout, stderr } = await doctor({ SSL_CERT_FILE: 'missing.pem', NODE_EXTRA_CA_CERTS: 'ca.pem' });
    expect(stdout).toMatch(/missing\.pem \(SSL_CERT_FILE\); nothing new\n +does not count: does not exist/);
    expect(stdout).toMatch(/ok {2}index/);
    expect(stderr).toMatch(
      /^warning: CA certificates of `.*missing\.pem` \(SSL_CERT_FILE\) do not count: does not exist/,
    );
  });

  it('cannot be weakened by NODE_TLS_REJECT_UNAUTHORIZED', async () => {
    expect((await doctor({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, '--no-host-ca')).status).toBe(3);
  });

  const bwrap = capability('bwrap');
  it.skipIf(bwrap.skip)(`count when the distribution's store has them${bwrap.reason}`, async () => {
    for (const [name, shown] of [
      ['store', '/etc/ssl/certs/ca-certificates.crt'],
      ['hashed', '/etc/ssl/certs'],
    ] as const) {
      const prefix = ['bwrap', '--dev-bind', '/', '/', '--bind', join(work, name), '/etc/ssl/certs', '--'];
      const own = await runCli(
        [
          'doctor',
          '--network',
          '--json',
          '--mirror',
          server.url,
          '--key',
          keyFile,
          '--release',
          '3.19',
          '--arch',
          'x86_64',
        ],
        { cwd: work, prefix },
      );
      const { value } = JSON.parse(own.stdout.trim().split('\n').at(-1) ?? '') as {
        value: { certificates: object[]; network: { failure?: unknown }[] };
      };
      expect(value.certificates[1]).toEqual({
        path: shown,
        namedBy: ["this host's store"],
        count: 1,
        added: ['Test Root'],
        failures: [],
      });
      expect(value.network[0]?.failure).toBeUndefined();
    }
  });

  const strace = capability('strace');
  it.skipIf(strace.skip)(`are read when TLS is first used, and not before${strace.reason}`, async () => {
    const plain = await startServer(
      ({ response }) => void response.end(readFileSync(join(work, 'main', 'APKINDEX.tar.gz'))),
    );
    const opened = async (base: string): Promise<boolean> => {
      const traced = join(work, 'opened');
      const { status, stderr } = await runCli(
        ['search', 'x', '--mirror', base, '--key', keyFile, '--release', '3.19', '--arch', 'x86_64'],
        { env: { SSL_CERT_FILE: join(work, 'ca.pem') }, prefix: ['strace', '-f', '-e', 'trace=openat', '-o', traced] },
      );
      expect([status, stderr.includes('no package `x`')]).toEqual([1, true]);
      return readFileSync(traced, 'utf8').includes(join(work, 'ca.pem'));
    };
    expect([await opened(plain.url), await opened(server.url)]).toEqual([false, true]);
    await plain.close();
  });
});

const git = capability('git');
describe.skipIf(git.skip)(`ADD of a git repository over TLS${git.reason}`, () => {
  it('trusts what mirrors are trusted by', async () => {
    const other = await startServer(
      ({ response }) => void response.writeHead(404).end(),
      makePair({ issuer: authority }),
    );
    try {
      writeFileSync(join(work, 'Dockerfile'), `FROM scratch\nADD ${other.url}/r.git /r\n`);
      const build = (env: Readonly<Record<string, string>>): Promise<CliResult> =>
        runCli(['build', '-o', join(work, 'out'), '.'], { cwd: work, env });
      expect(await build({ CURL_CA_BUNDLE: join(work, 'ca.pem'), ALPROOT_NO_HOST_CA: '1' })).toMatchObject({
        status: 3,
      });
      expect(other.visits).toEqual([]);
      expect((await build({ CURL_CA_BUNDLE: join(work, 'ca.pem') })).stderr).toMatch(/not found/);
      expect(other.visits.map(({ path }) => path)).toEqual(['/r.git/info/refs?service=git-upload-pack']);
    } finally {
      await other.close();
    }
  });
});
