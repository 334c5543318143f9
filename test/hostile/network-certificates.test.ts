/** Certificates that must not count, on every way to a server. */
import { describe, expect, it } from 'vitest';
import { makePair, startProxy, startServer, startSocks } from '../helpers/https-mirror.ts';
import { failure, good, half, networkBench, request, root, whole } from '../helpers/network-bench.ts';

const { atEnd, client, fetcher, nothingKept, serve } = networkBench();

const bad: readonly [string, ReturnType<typeof makePair>, RegExp][] = [
  ['self-signed', makePair({}), /self-signed \(issuer Test Leaf\)/],
  [
    'of an unknown authority',
    makePair({ issuer: makePair({ authority: true }) }),
    /unknown.*\(issuer Test Root\): a proxy that intercepts/,
  ],
  ['for another host', makePair({ issuer: root, names: ['example.org'] }), /another host/],
  [
    'expired',
    makePair({ issuer: root, from: -9, until: -2 }),
    /expired: Test Leaf is valid from .* to .*, and this machine's clock says 20/,
  ],
  ['not valid yet', makePair({ issuer: root, from: 2, until: 9 }), /not valid yet: .*the clock is wrong/],
  ['signed with SHA-1', makePair({ issuer: root, sha1: true }), /./],
];

describe.each(bad)('a certificate that is %s', (_what, pair, words) => {
  const refused = async (work: Promise<unknown>, wanted = words): Promise<void> => {
    const { code, message } = await failure(work);
    expect(code).toBe('ALP_FETCH_TLS');
    expect(message).toMatch(wanted);
    nothingKept();
  };

  it('is refused directly, and the request is not even sent', async () => {
    const server = await serve(whole, pair);
    await refused(fetcher().fetch(request(server.url)));
    expect(server.visits).toEqual([]);
  });

  it('is refused after a redirect', async () => {
    const liar = await serve(whole, pair);
    const server = await serve(({ response }) => void response.writeHead(302, { location: `${liar.url}/x` }).end());
    await refused(fetcher().fetch(request(server.url)));
    expect(liar.visits).toEqual([]);
  });

  it.each([
    ['a retry', 503],
    ['a resumption', 200],
  ])('is refused at %s', async (_when, status) => {
    const liar = await serve(whole, pair);
    // The honest server breaks off once, then sends the client to the liar.
    const server = await serve((visit) => {
      if (visit.count > 1) visit.response.writeHead(307, { location: `${liar.url}/x` }).end();
      else if (status === 200) half(visit);
      else visit.response.writeHead(status).end();
    });
    await refused(fetcher().fetch(request(server.url)));
    expect(liar.visits).toEqual([]);
  });

  it('is refused behind a proxy', async () => {
    const server = await serve(whole, pair);
    const proxy = await startProxy();
    atEnd(proxy.close);
    await refused(fetcher(client({ proxies: { https: proxy.url } })).fetch(request(server.url)));
    // Once for the request, and at most once more to look at the certificates.
    expect(new Set(proxy.visits.map(({ path }) => path))).toEqual(new Set([`localhost:${server.port}`]));
    expect(server.visits).toEqual([]);
  });

  it('is refused behind a SOCKS proxy', async () => {
    const server = await serve(whole, pair);
    const socks = await startSocks();
    atEnd(socks.close);
    await refused(
      fetcher(client({ proxies: { all: `socks5h://127.0.0.1:${socks.port}` } })).fetch(request(server.url)),
    );
    expect(server.visits).toEqual([]);
  });

  it('is refused although the environment says otherwise', async () => {
    const server = await serve(whole, pair);
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      await refused(fetcher().fetch(request(server.url)));
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
  });
});

describe('an old protocol', () => {
  it('is refused', async () => {
    const server = await startServer(whole, good, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' });
    atEnd(server.close);
    expect((await failure(fetcher().fetch({ ...request(server.url), attempts: 1 }))).code).toBe('ALP_FETCH_TLS');
    expect(server.visits).toEqual([]);
  });
});
