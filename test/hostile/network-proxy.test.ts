/** Proxies, and what goes round them. */
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/digest.ts';
import { proxyFor } from '../../src/system/http/proxy.ts';
import { startProxy, startSocks } from '../helpers/https-mirror.ts';
import { BODY, failure, networkBench, request, whole } from '../helpers/network-bench.ts';

const { atEnd, client, fetcher, serve } = networkBench();

describe('a proxy', () => {
  it('is passed to a host that it resolves, with the certificate of that host', async () => {
    const server = await serve(whole);
    const proxy = await startProxy();
    atEnd(proxy.close);
    const http = client({ proxies: { https: proxy.url.replace('//', '//me:pw@') } });
    expect((await fetcher(http).fetch(request(server.url))).sha256).toBe(sha256Hex(BODY));
    expect(proxy.visits.map(({ path, headers }) => [path, headers['proxy-authorization']])).toEqual([
      [`localhost:${server.port}`, `Basic ${Buffer.from('me:pw').toString('base64')}`],
    ]);
  });

  it('of the SOCKS kind is given names, not addresses', async () => {
    const server = await serve(whole);
    const socks = await startSocks();
    atEnd(socks.close);
    expect(
      (await fetcher(client({ proxies: { all: `socks5h://127.0.0.1:${socks.port}` } })).fetch(request(server.url)))
        .sha256,
    ).toBe(sha256Hex(BODY));
    expect(socks.names).toEqual(['localhost']);
  });

  it('forwards plain http without a tunnel', async () => {
    const proxy = await startProxy();
    atEnd(proxy.close);
    const { sizeBytes } = await fetcher(client({ proxies: { http: proxy.url } })).fetch(
      request('http://mirror.invalid/alpine'),
    );
    expect(proxy.visits[0]!.path).toBe('http://mirror.invalid/alpine/v3.19/main/x.apk');
    expect(sizeBytes).toBe('proxied http://mirror.invalid/alpine/v3.19/main/x.apk'.length);
  });

  it.each([
    [407, 'credentials'],
    [403, 'refuses'],
  ])('that answers CONNECT with %i is named', async (status, word) => {
    const proxy = await startProxy(status);
    atEnd(proxy.close);
    const { code, message, hint } = await failure(
      fetcher(client({ proxies: { https: proxy.url } })).fetch({ ...request('https://mirror.invalid'), attempts: 1 }),
    );
    expect(code).toBe('ALP_FETCH_PROXY');
    expect(`${message} ${hint ?? ''}`).toContain(word);
  });

  it.each([
    ['http://me:pw@127.0.0.1:1', 'ECONNREFUSED'],
    ['https://127.0.0.1:1', 'ECONNREFUSED'],
    ['http://proxy.invalid:3128', /ENOTFOUND|EAI_AGAIN/],
  ])('that cannot be reached is named, not the mirror alone: %s', async (proxy, errno) => {
    const { code, message, hint } = await failure(
      fetcher(client({ proxies: { https: proxy } })).fetch({ ...request('https://mirror.invalid'), attempts: 1 }),
    );
    expect([code, hint]).toEqual(['ALP_FETCH_NETWORK', expect.stringContaining('NO_PROXY')]);
    expect(message).toMatch(errno);
    expect(message).toContain(` through the proxy ${proxy.replace('me:pw', '***')}`);
  });
});

describe('NO_PROXY', () => {
  it.each([
    ['*', true],
    ['localhost', true],
    ['LOCALHOST', true],
    ['.local', false],
    ['host', false],
    ['other,localhost', true],
    ['other localhost', true],
    ['localhost:1', false],
    ['127.0.0.0/8', false],
    ['', false],
  ])('%j is obeyed', async (no, direct) => {
    const server = await serve(whole);
    const proxy = await startProxy();
    atEnd(proxy.close);
    await fetcher(client({ proxies: { https: proxy.url, no } })).fetch(request(server.url));
    expect([server.visits.length, proxy.visits.length]).toEqual([1, direct ? 0 : 1]);
  });

  it.each([
    ['mirror.example.org', 'example.org', true],
    ['example.org', '.example.org', true],
    ['mirror.example.org', '*.example.org', true],
    ['evilexample.org', 'example.org', false],
    ['10.1.2.3', '10.0.0.0/8', true],
    ['11.1.2.3', '10.0.0.0/8', false],
    ['[::1]', '::1', true],
    ['[::1]', '[::1]', true],
    ['[::1]', '[::1]:80', false],
    ['mirror.example.org', 'example.org:443', true],
    ['mirror.example.org', 'example.org:80', false],
  ])('of %s by %s', (host, no, direct) => {
    expect(proxyFor(new URL(`https://${host}/x`), { https: 'http://proxy:1', no }) === undefined).toBe(direct);
  });
});
