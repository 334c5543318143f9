import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testConfig } from '../../helpers/config.ts';
import type { Config } from '../../../src/core/config.ts';
import { hostPath } from '../../../src/core/paths.ts';
import { openHttp } from '../../../src/pipeline/session/network.ts';
import { makePair, startServer, type TestServer, type Visit } from '../../helpers/https-mirror.ts';

const root = makePair({ authority: true });
const leaf = makePair({ issuer: root });

let home: string;
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'alproot-net-'));
  writeFileSync(join(home, 'ca.pem'), root.certPem);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  rmSync(home, { recursive: true, force: true });
});

const config = (more: Partial<Config> = {}): Config =>
  testConfig({ release: undefined, caFiles: [hostPath(join(home, 'ca.pem'))], env: { HOME: home }, ...more });
async function serve(handler: (visit: Visit) => void, pair: typeof leaf | undefined = leaf): Promise<TestServer> {
  const server = await startServer(handler, pair);
  cleanups.push(server.close);
  return server;
}
async function get(url: string, more: Partial<Config> = {}): Promise<number> {
  const http = openHttp(config(more));
  cleanups.push(() => http.close());
  const response = await http.get({ url: new URL(url) });
  response.abort();
  return response.status;
}
const ok = ({ response }: Visit): void => void response.end('x');
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
const sent = (server: TestServer): (string | undefined)[] => server.visits.map(({ headers }) => headers.authorization);

describe("the user's netrc", () => {
  it('gives the credentials of a host to that host, over https and over http where the URL says so', async () => {
    writeFileSync(join(home, '.netrc'), 'machine localhost login me password s3cret');
    const [secure, plain] = [await serve(ok), await startServer(ok)];
    cleanups.push(plain.close);
    await get(secure.url);
    await get(plain.url);
    expect([sent(secure), sent(plain)]).toEqual([[basic('me:s3cret')], [basic('me:s3cret')]]);
  });

  it("is the one that NETRC names, and gives way to the URL's own credentials", async () => {
    writeFileSync(join(home, '.netrc'), 'machine localhost login me password s3cret');
    writeFileSync(join(home, 'other'), 'default login you password p');
    const server = await serve(ok);
    await get(server.url, { env: { HOME: home, NETRC: join(home, 'other') } });
    await get(server.url.replace('//', '//url:own@'));
    expect(sent(server)).toEqual([basic('you:p'), basic('url:own')]);
    await expect(get(server.url, { env: { NETRC: join(home, 'missing') } })).rejects.toMatchObject({
      code: 'ALP_USAGE_OPTION',
    });
  });

  it('gives nothing to where the host redirects: neither its own credentials nor others', async () => {
    writeFileSync(
      join(home, '.netrc'),
      'machine localhost login me password s3cret\nmachine 127.0.0.1 login x password y',
    );
    const [otherPort, otherHost] = [await serve(ok), await serve(ok)];
    for (const target of [otherPort.url, otherHost.url.replace('localhost', '127.0.0.1')]) {
      const server = await serve(({ response }) => void response.writeHead(302, { location: target }).end());
      expect(await get(server.url)).toBe(200);
      expect(sent(server)).toEqual([basic('me:s3cret')]);
    }
    expect([...sent(otherPort), ...sent(otherHost)]).toEqual([undefined, undefined]);
  });

  it('is not sent on when https redirects to http', async () => {
    writeFileSync(join(home, '.netrc'), 'default login me password s3cret');
    const plain = await startServer(ok);
    cleanups.push(plain.close);
    const server = await serve(({ response }) => void response.writeHead(301, { location: plain.url }).end());
    await expect(get(server.url)).rejects.toMatchObject({ code: 'ALP_FETCH_REDIRECT' });
    expect(plain.visits).toEqual([]);
  });

  it('is never printed', async () => {
    writeFileSync(join(home, '.netrc'), 'machine localhost login me password s3cret');
    const closed = await startServer(ok);
    await closed.close();
    const error: unknown = await get(closed.url).catch((reason: unknown) => reason);
    expect(String((error as Error).stack) + JSON.stringify(error)).not.toContain('s3cret');
  });
});

describe('certificate authorities', () => {
  it("are joined by a client's own certificate where a server asks for one", async () => {
    const client = makePair({ issuer: root });
    writeFileSync(join(home, 'cert.pem'), client.certPem);
    writeFileSync(join(home, 'key.pem'), client.keyPem);
    const server = await startServer(ok, leaf, { requestCert: true, rejectUnauthorized: true, ca: root.certPem });
    cleanups.push(server.close);
    expect(
      await get(server.url, {
        clientCertificate: { cert: hostPath(join(home, 'cert.pem')), key: hostPath(join(home, 'key.pem')) },
      }),
    ).toBe(200);
    await expect(get(server.url)).rejects.toMatchObject({ code: expect.stringMatching(/^ALP_FETCH_/) });
    expect(server.visits).toHaveLength(1);
  });
});
