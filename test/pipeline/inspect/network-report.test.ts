import { mirrorAt } from '../../../src/core/mirror.ts';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { testConfig } from '../../helpers/config.ts';
import type { Config } from '../../../src/core/config.ts';
import { hostPath } from '../../../src/core/paths.ts';
import { indexDirectory } from '../../../src/mirror/repository.ts';
import { generateSigningKey } from '../../../src/mirror/signing.ts';
import { examineNetwork, type NetworkReport } from '../../../src/pipeline/inspect/network-report.ts';
import { withSession } from '../../../src/pipeline/session/session.ts';
import {
  makePair,
  startProxy,
  startServer,
  startSocks,
  type TestServer,
  type Visit,
} from '../../helpers/https-mirror.ts';

const authority = makePair({ authority: true });
const stranger = makePair({ authority: true });
let work: string;
let index: Buffer;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'alproot-report-'));
  const directory = join(work, 'mirror', 'v3.19', 'main', 'x86_64');
  mkdirSync(directory, { recursive: true });
  const key = await generateSigningKey('test', 2048);
  writeFileSync(join(work, key.publicName), key.publicPem);
  writeFileSync(join(work, 'key.name'), key.publicName);
  await indexDirectory({
    directory: hostPath(directory),
    description: 'v3.19-test',
    time: 1_700_000_000,
    key,
    arch: 'x86_64',
  });
  index = readFileSync(join(directory, 'APKINDEX.tar.gz'));
  writeFileSync(join(work, 'ca.pem'), authority.certPem);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

const examine = async (bases: readonly string[], more: Partial<Config> = {}): Promise<NetworkReport> => {
  const keys = [hostPath(join(work, readFileSync(join(work, 'key.name'), 'utf8')))];
  const config: Config = testConfig({
    cache: hostPath(mkdtempSync(join(work, 'cache-'))),
    mirrors: bases.map((base) => mirrorAt(base, { keys })),
    caFiles: [hostPath(join(work, 'ca.pem'))],
    ...more,
  });
  return withSession(config, examineNetwork);
};
const serve = async (handler: (visit: Visit) => void, pair = makePair({ issuer: authority })): Promise<TestServer> => {
  const server = await startServer(handler, pair);
  cleanups.push(server.close);
  return server;
};
const whole = ({ response }: Visit): void => void response.end(index);
const last = (report: NetworkReport) => report.mirrors[0]?.checks.at(-1);

describe('the report on a mirror', () => {
  it('goes from the proxy to the signed index, with the chain that the server shows', async () => {
    const server = await serve(whole);
    const report = await examine([server.url]);
    expect(report.mirrors[0]?.checks.map(({ name, ok }) => [name, ok])).toEqual(
      ['proxy', 'name', 'connection', 'certificates', 'answer', 'clock', 'index'].map((name) => [name, true]),
    );
    expect(report.mirrors[0]?.chain[0]).toMatchObject({ subject: 'Test Leaf', issuer: 'Test Root' });
    expect(report.text).toMatch(/ok {2}index +v3\.19\/main: 0 packages, signed by a trusted key; v3\.19-test/);
    expect(report.exitStatus).toBe(0);
  });

  it('goes through an HTTP proxy and a SOCKS proxy, whose passwords it does not show', async () => {
    const server = await serve(whole);
    const [proxy, socks] = [await startProxy(), await startSocks()];
    cleanups.push(proxy.close, socks.close);
    for (const url of [proxy.url.replace('//', '//me:s3cret@'), `socks5h://127.0.0.1:${socks.port}`]) {
      const report = await examine([server.url], { env: { https_proxy: url } });
      expect(report.exitStatus, report.text).toBe(0);
      expect(report.mirrors[0]?.chain).toHaveLength(2);
      expect(JSON.stringify(report)).not.toContain('s3cret');
    }
    expect(proxy.visits.every(({ headers }) => headers['proxy-authorization'] !== undefined)).toBe(true);
  });

  it('names the step that fails, the reason and what to do, and the status is 3', async () => {
    const closed = await startServer(whole);
    await closed.close();
    const liar = await serve(whole, makePair({ issuer: stranger }));
    const expired = await serve(whole, makePair({ issuer: authority, from: -9, until: -2 }));
    const portal = await serve(
      ({ response }) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
    );
    const gone = await serve(({ response }) => void response.writeHead(404).end());
    const cases: readonly [string, string, RegExp][] = [
      ['http://mirror.invalid/alpine', 'name', /cannot be resolved/],
      [closed.url, 'connection', /ECONNREFUSED/],
      [liar.url, 'certificates', /issuer Test Root.*intercepts TLS/],
      [expired.url, 'certificates', /expired.*clock says/],
      [portal.url, 'answer', /login page/],
      [gone.url, 'answer', /404/],
    ];
    for (const [base, name, text] of cases) {
      const report = await examine([base]);
      expect([last(report)?.name, last(report)?.ok, report.exitStatus], report.text).toEqual([name, false, 3]);
      expect(last(report)?.text).toMatch(text);
    }
    expect((await examine([liar.url])).text).toMatch(/fix: .*--ca-file FILE[^\n]*\n +Test Leaf <- Test Root, /);
  });

  it("tells a wrong clock by the mirror's", async () => {
    const server = await serve(
      ({ response }) => void response.setHeader('date', new Date(Date.now() + 86_400_000).toUTCString()).end(index),
    );
    expect((await examine([server.url])).text).toMatch(
      /no {2}clock +this machine's clock is 14(?:40|39) minutes behind/,
    );
  });

  it('verifies the index, of a directory too, and is content with one good mirror', async () => {
    const broken = await serve(({ response }) => void response.end(index.subarray(0, -9)));
    const bad = await examine([broken.url]);
    expect([last(bad)?.name, bad.exitStatus]).toEqual(['index', 4]);
    const good = await examine([broken.url, join(work, 'mirror')]);
    expect([good.exitStatus, good.mirrors[1]?.checks]).toEqual([
      0,
      [expect.objectContaining({ name: 'index', ok: true })],
    ]);
    expect((await examine([join(work, 'nowhere')])).exitStatus).toBe(3);
  });

  it('opens no socket offline', async () => {
    const server = await serve(whole);
    const report = await examine([server.url], { offline: true });
    expect([report.exitStatus, report.mirrors[0]?.failure?.code, server.visits]).toEqual([3, 'ALP_FETCH_OFFLINE', []]);
  });
});
