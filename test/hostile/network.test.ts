import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import { sha256Hex } from '../../src/core/digest.ts';
import { AlprootError } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import { hostPath, joinHost, type HostPath } from '../../src/core/paths.ts';
import { createFetcher, type Fetcher } from '../../src/fetch/fetcher.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { proxyFor } from '../../src/system/proxy.ts';
import { createHttpClient, offlineClient, type HttpClient, type HttpSettings } from '../../src/system/http.ts';
import { makePair, startProxy, startServer, startSocks, type Visit } from '../helpers/https-mirror.ts';

const BODY = Buffer.from('0123456789'.repeat(10_000));
const root = makePair({ authority: true });
const good = makePair({ issuer: root });

let directory: HostPath;
let store: Store;
let slept: number[];
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  directory = hostPath(mkdtempSync(join(tmpdir(), 'alproot-network-')));
  store = openStore(joinHost(directory, 'store'), { clock });
  slept = [];
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  rmSync(directory, { recursive: true, force: true });
});

/** Time that passes only when somebody waits. */
const clock: Clock = {
  now: () => 1_700_000_000_000,
  sleep: (ms) => {
    slept.push(ms);
    return Promise.resolve();
  },
  random: () => 0.5,
};

function client(settings: Partial<HttpSettings> = {}): HttpClient {
  const http = createHttpClient({ roots: [root.certPem], proxies: {}, idleTimeoutMs: 1500, ...settings });
  cleanups.push(() => http.close());
  return http;
}
const fetcher = (http: HttpClient = client(), time = clock): Fetcher => createFetcher({ store, http, clock: time, emit: silent });
async function serve(handler: (visit: Visit) => void, pair: typeof good | undefined = good): ReturnType<typeof startServer> {
  const server = await startServer(handler, pair);
  cleanups.push(server.close);
  return server;
}
const request = (base: string) => ({ base, path: 'v3.19/main/x.apk', maxBytes: BODY.length });
const failure = async (work: Promise<unknown>): Promise<AlprootError> => {
  const error = await work.then(() => 'no failure', (reason: unknown) => reason);
  if (!(error instanceof AlprootError)) throw error;
  return error;
};
const nothingKept = (): void => {
  expect(readdirSync(join(directory, 'store', 'tmp'))).toEqual([]);
  expect(readdirSync(join(directory, 'store'), { recursive: true }).filter((name) => /[0-9a-f]{64}$/.test(String(name)))).toEqual([]);
};
const whole = ({ response }: Visit): void => void response.setHeader('etag', '"1"').setHeader('content-length', BODY.length).end(BODY);
/** Sends the first half and hangs up. */
const half = ({ response }: Visit, etag = '"1"'): void => {
  response.writeHead(200, { 'content-length': BODY.length, etag });
  response.write(BODY.subarray(0, BODY.length / 2), () => response.destroy());
};
const part = ({ request: asked, response }: Visit, more: Record<string, string> = {}): void => {
  const start = Number(/^bytes=(\d+)-$/.exec(asked.headers.range ?? '')?.[1] ?? 0);
  response.writeHead(206, { 'content-range': `bytes ${start}-${BODY.length - 1}/${BODY.length}`, 'content-length': BODY.length - start, etag: '"1"', ...more });
  response.end(BODY.subarray(start));
};

describe('a transfer that breaks', () => {
  it('goes on where it stopped, under the validator of the first answer', async () => {
    const server = await serve((visit) => (visit.count === 1 ? half(visit) : part(visit)));
    expect(await fetcher().fetch(request(server.url))).toEqual({ sha256: sha256Hex(BODY), sizeBytes: BODY.length });
    expect(server.visits[1]!.headers['if-range']).toBe('"1"');
    expect(Number(/^bytes=(\d+)-$/.exec(server.visits[1]!.headers.range ?? '')?.[1])).toBeGreaterThan(0);
  });

  it.each<[string, (visit: Visit) => void]>([
    ['the whole file comes instead of the range', whole],
    ['the range begins elsewhere', (visit) => (visit.count === 2 ? part(visit, { 'content-range': `bytes 7-${BODY.length - 1}/${BODY.length}` }) : whole(visit))],
    ['the part is of another state of the file', (visit) => (visit.count === 2 ? part(visit, { etag: '"2"' }) : whole(visit))],
    ['the range has no header', (visit) => (visit.count === 2 ? void visit.response.writeHead(206).end('x') : whole(visit))],
    ['the range cannot be had', (visit) => (visit.count === 2 ? void visit.response.writeHead(416).end() : whole(visit))],
  ])('starts over when %s', async (_what, later) => {
    const server = await serve((visit) => (visit.count === 1 ? half(visit) : later(visit)));
    expect((await fetcher().fetch(request(server.url))).sha256).toBe(sha256Hex(BODY));
  });

  it('starts over without a strong validator', async () => {
    const server = await serve((visit) => (visit.count === 1 ? half(visit, 'W/"1"') : whole(visit)));
    expect((await fetcher().fetch(request(server.url))).sha256).toBe(sha256Hex(BODY));
    expect(server.visits[1]!.headers.range).toBeUndefined();
  });

  it('does not take a part that it did not ask for', async () => {
    const server = await serve((visit) => (visit.count === 1 ? part(visit) : whole(visit)));
    expect((await fetcher().fetch(request(server.url))).sha256).toBe(sha256Hex(BODY));
  });

  it('is given up after five tries, and nothing of it is kept', async () => {
    const server = await serve((visit) => half(visit));
    expect((await failure(fetcher().fetch(request(server.url)))).code).toMatch(/^ALP_FETCH_(?:NETWORK|TRUNCATED)$/);
    expect(server.visits).toHaveLength(5);
    nothingKept();
  });

  it('is given up when no byte comes', async () => {
    const server = await serve(({ response }) => void response.writeHead(200, { 'content-length': 10 }).write('x'));
    expect((await failure(fetcher(client({ idleTimeoutMs: 100 })).fetch({ ...request(server.url), attempts: 2 }))).code).toBe('ALP_FETCH_SLOW');
    nothingKept();
  });

  it('is given up when it is slower than a modem', async () => {
    let time = 0;
    const slow: Clock = { ...clock, now: () => (time += 40_000) };
    const server = await serve(({ response }) => {
      let left = 20;
      const drip = (): void => void (left-- > 0 ? response.write('x', () => setImmediate(drip)) : response.end());
      drip();
    });
    expect((await failure(fetcher(client(), slow).fetch({ ...request(server.url), attempts: 1 }))).code).toBe('ALP_FETCH_SLOW');
  });

  it('ends at the cap, announced or not', async () => {
    const announced = await serve(whole);
    const silently = await serve(({ response }) => { response.flushHeaders(); response.end(BODY); });
    for (const { url } of [announced, silently]) expect((await failure(fetcher().fetch({ ...request(url), maxBytes: 1000 }))).code).toBe('ALP_LIMIT_SIZE');
    nothingKept();
  });

  it('ends when its caller says so', async () => {
    const controller = new AbortController();
    const server = await serve(({ response }) => {
      response.writeHead(200, { 'content-length': 10 }).write('x');
      setImmediate(() => controller.abort());
    });
    const fetching = createFetcher({ store, http: client(), clock, emit: silent, signal: controller.signal }).fetch(request(server.url));
    await expect(fetching).rejects.toThrow();
    expect(server.visits).toHaveLength(1);
    nothingKept();
  });
});

describe('a server in trouble', () => {
  it.each([500, 502, 503, 504, 429, 408])('is asked again after %i', async (status) => {
    const server = await serve((visit) => (visit.count < 4 ? void visit.response.writeHead(status).end() : whole(visit)));
    expect((await fetcher().fetch(request(server.url))).sha256).toBe(sha256Hex(BODY));
    expect(slept.length).toBe(3);
  });

  it.each([['5', 5000], ['1000000000', 120_000], ['-1', 0], ['soon', 0], [new Date(1_700_000_007_000).toUTCString(), 7000]])('that says Retry-After: %s is given that long, within reason', async (value, least) => {
    const server = await serve((visit) => (visit.count === 1 ? void visit.response.writeHead(503, { 'retry-after': value }).end() : whole(visit)));
    await fetcher().fetch(request(server.url));
    expect(slept[0]).toBe(Math.max(least, 1000));
  });

  it.each([[404, 'ALP_FETCH_NOT_FOUND'], [410, 'ALP_FETCH_NOT_FOUND'], [403, 'ALP_FETCH_STATUS'], [418, 'ALP_FETCH_STATUS'], [511, 'ALP_FETCH_PORTAL']])('is not asked again after %i', async (status, code) => {
    const server = await serve(({ response }) => void response.writeHead(status).end());
    expect((await failure(fetcher().fetch(request(server.url)))).code).toBe(code);
    expect(server.visits).toHaveLength(1);
  });

  it.each([
    ['a negative length', 'content-length: -1'], ['a hexadecimal length', 'content-length: 0x10'], ['a length beyond 2^64', 'content-length: 99999999999999999999999'],
    ['a list of lengths', 'content-length: 1,1'], ['two lengths', 'content-length: 3\r\ncontent-length: 4'], ['a signed length', 'content-length: +3'],
    ['a length and chunks', 'content-length: 3\r\ntransfer-encoding: chunked'], ['a length that is too large', 'content-length: 30'],
  ])('that sends %s brings nothing into the store', async (_what, header) => {
    const server = await serve(({ raw }) => raw(`HTTP/1.1 200 OK\r\n${header}\r\n\r\nabc`));
    expect((await failure(fetcher().fetch({ ...request(server.url), attempts: 2 }))).code).toMatch(/^ALP_(?:FETCH_|LIMIT_)/);
    nothingKept();
  });

  it.each([
    ['starts with a sign', 'bytes +50000-99999/100000'], ['is hexadecimal', 'bytes 0xc350-99999/100000'], ['is of another unit', 'lines 50000-99999/100000'], ['lies beyond 2^53', 'bytes 99999999999999999999-1/2'], ['is a list', 'bytes 50000-99999/100000, 1-2/3'],
  ])('whose Content-Range %s has its part thrown away', async (_what, header) => {
    const server = await serve((visit) => (visit.count === 1 ? half(visit) : visit.count === 2 ? part(visit, { 'content-range': header }) : whole(visit)));
    expect((await fetcher().fetch(request(server.url))).sha256).toBe(sha256Hex(BODY));
    expect(server.visits.length).toBeGreaterThan(2);
  });

  it('that packs what it sends is taken at its bytes: nothing is unpacked on the way', async () => {
    const packed = gzipSync(BODY);
    const server = await serve(({ response }) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed));
    expect((await fetcher().fetch(request(server.url))).sha256).toBe(sha256Hex(packed));
    expect((await failure(fetcher().fetch({ ...request(server.url), sha256: sha256Hex(BODY) }))).code).toBe('ALP_VERIFY_DIGEST');
    expect(server.visits[0]!.headers['accept-encoding']).toBe('identity');
  });

  it('that sends a chunk size of nonsense brings nothing into the store', async () => {
    const server = await serve(({ raw }) => raw('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n'));
    expect((await failure(fetcher().fetch({ ...request(server.url), attempts: 2 }))).code).toMatch(/^ALP_FETCH_/);
    nothingKept();
  });
});

describe('a portal', () => {
  it.each<[string, (visit: Visit) => void]>([
    ['HTML', ({ response }) => void response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<p>')],
    ['HTML under a false name', ({ response }) => void response.writeHead(200, { 'content-type': 'application/octet-stream' }).end('\n<!DOCTYPE html><html>')],
  ])('that answers with %s is named', async (_what, handler) => {
    const server = await serve(handler);
    const { code, message } = await failure(fetcher().fetch(request(server.url)));
    expect([code, message]).toEqual(['ALP_FETCH_PORTAL', expect.stringContaining('login page')]);
    nothingKept();
  });

  it.each([['http://localhost:1/login', 'https to http'], ['file:///etc/passwd', 'not http'], ['ftp://localhost/x', 'not http'], ['https://169.254.169.254/', 'link-local'], ['https://[', 'no URL']])('that redirects to %s is refused', async (location, why) => {
    const server = await serve(({ response }) => void response.writeHead(302, { location }).end());
    const { code, message } = await failure(fetcher().fetch(request(server.url)));
    expect(code).toBe('ALP_FETCH_REDIRECT');
    expect(message).toContain(why.split(' ').at(-1));
    expect(server.visits).toHaveLength(1);
  });

  it('that redirects for ever is refused', async () => {
    const server = await serve(({ count, response }) => void response.writeHead(302, { location: `/${count}` }).end());
    expect((await failure(fetcher().fetch(request(server.url)))).code).toBe('ALP_FETCH_REDIRECT');
    expect(server.visits).toHaveLength(6);
  });
});

describe('credentials', () => {
  it('go to the origin that they are for, and not where it redirects', async () => {
    const other = await serve(whole);
    const server = await serve(({ response }) => void response.writeHead(302, { location: `${other.url}/x` }).end());
    await fetcher().fetch(request(server.url.replace('//', '//us%65r:s3cret@')));
    expect(server.visits[0]!.headers.authorization).toBe(`Basic ${Buffer.from('user:s3cret').toString('base64')}`);
    expect(other.visits[0]!.headers.authorization).toBeUndefined();
  });

  it('come from the user\'s own file when the URL has none', async () => {
    const server = await serve(whole);
    await fetcher(client({ credentials: ({ hostname }) => (hostname === 'localhost' ? { user: 'n', password: 'p' } : undefined) })).fetch(request(server.url));
    expect(server.visits[0]!.headers.authorization).toBe(`Basic ${Buffer.from('n:p').toString('base64')}`);
  });

  it('are never printed', async () => {
    const server = await serve(({ response }) => void response.writeHead(403).end());
    const error = await failure(fetcher().fetch(request(server.url.replace('//', '//user:s3cret@'))));
    expect(JSON.stringify([error.message, error.hint, error.facts, error.stack])).not.toContain('s3cret');
  });
});

const bad: readonly [string, ReturnType<typeof makePair>, RegExp][] = [
  ['self-signed', makePair({}), /self-signed \(issuer Test Leaf\)/],
  ['of an unknown authority', makePair({ issuer: makePair({ authority: true }) }), /unknown.*\(issuer Test Root\): a proxy that intercepts/],
  ['for another host', makePair({ issuer: root, names: ['example.org'] }), /another host/],
  ['expired', makePair({ issuer: root, from: -9, until: -2 }), /expired: Test Leaf is valid from .* to .*, and this machine's clock says 20/],
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

  it.each([['a retry', 503], ['a resumption', 200]])('is refused at %s', async (_when, status) => {
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
    cleanups.push(proxy.close);
    await refused(fetcher(client({ proxies: { https: proxy.url } })).fetch(request(server.url)));
    // Once for the request, and at most once more to look at the certificates.
    expect(new Set(proxy.visits.map(({ path }) => path))).toEqual(new Set([`localhost:${server.port}`]));
    expect(server.visits).toEqual([]);
  });

  it('is refused behind a SOCKS proxy', async () => {
    const server = await serve(whole, pair);
    const socks = await startSocks();
    cleanups.push(socks.close);
    await refused(fetcher(client({ proxies: { all: `socks5h://127.0.0.1:${socks.port}` } })).fetch(request(server.url)));
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

describe('a proxy', () => {
  it('is passed to a host that it resolves, with the certificate of that host', async () => {
    const server = await serve(whole);
    const proxy = await startProxy();
    cleanups.push(proxy.close);
    const http = client({ proxies: { https: proxy.url.replace('//', '//me:pw@') } });
    expect((await fetcher(http).fetch(request(server.url))).sha256).toBe(sha256Hex(BODY));
    expect(proxy.visits.map(({ path, headers }) => [path, headers['proxy-authorization']])).toEqual([[`localhost:${server.port}`, `Basic ${Buffer.from('me:pw').toString('base64')}`]]);
  });

  it('of the SOCKS kind is given names, not addresses', async () => {
    const server = await serve(whole);
    const socks = await startSocks();
    cleanups.push(socks.close);
    expect((await fetcher(client({ proxies: { all: `socks5h://127.0.0.1:${socks.port}` } })).fetch(request(server.url))).sha256).toBe(sha256Hex(BODY));
    expect(socks.names).toEqual(['localhost']);
  });

  it('forwards plain http without a tunnel', async () => {
    const proxy = await startProxy();
    cleanups.push(proxy.close);
    const { sizeBytes } = await fetcher(client({ proxies: { http: proxy.url } })).fetch(request('http://mirror.invalid/alpine'));
    expect(proxy.visits[0]!.path).toBe('http://mirror.invalid/alpine/v3.19/main/x.apk');
    expect(sizeBytes).toBe('proxied http://mirror.invalid/alpine/v3.19/main/x.apk'.length);
  });

  it.each([[407, 'credentials'], [403, 'refuses']])('that answers CONNECT with %i is named', async (status, word) => {
    const proxy = await startProxy(status);
    cleanups.push(proxy.close);
    const { code, message, hint } = await failure(fetcher(client({ proxies: { https: proxy.url } })).fetch({ ...request('https://mirror.invalid'), attempts: 1 }));
    expect(code).toBe('ALP_FETCH_PROXY');
    expect(`${message} ${hint ?? ''}`).toContain(word);
  });
});

describe('NO_PROXY', () => {
  it.each([
    ['*', true], ['localhost', true], ['LOCALHOST', true], ['.local', false], ['host', false], ['other,localhost', true], ['other localhost', true], ['localhost:1', false], ['127.0.0.0/8', false], ['', false],
  ])('%j is obeyed', async (no, direct) => {
    const server = await serve(whole);
    const proxy = await startProxy();
    cleanups.push(proxy.close);
    await fetcher(client({ proxies: { https: proxy.url, no } })).fetch(request(server.url));
    expect([server.visits.length, proxy.visits.length]).toEqual([1, direct ? 0 : 1]);
  });

  it.each([
    ['mirror.example.org', 'example.org', true], ['example.org', '.example.org', true], ['mirror.example.org', '*.example.org', true], ['evilexample.org', 'example.org', false], ['10.1.2.3', '10.0.0.0/8', true], ['11.1.2.3', '10.0.0.0/8', false],
    ['[::1]', '::1', true], ['[::1]', '[::1]', true], ['[::1]', '[::1]:80', false], ['mirror.example.org', 'example.org:443', true], ['mirror.example.org', 'example.org:80', false],
  ])('of %s by %s', (host, no, direct) => {
    expect(proxyFor(new URL(`https://${host}/x`), { https: 'http://proxy:1', no }) === undefined).toBe(direct);
  });
});

describe('offline', () => {
  it('opens no connection and says how to get what is missing', async () => {
    const server = await serve(whole);
    const { code, hint } = await failure(fetcher(offlineClient()).fetch(request(server.url)));
    expect([code, hint]).toEqual(['ALP_FETCH_OFFLINE', expect.stringContaining('--offline')]);
    expect(server.visits).toEqual([]);
  });
});

describe('an old protocol', () => {
  it('is refused', async () => {
    const server = await startServer(whole, good, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' });
    cleanups.push(server.close);
    expect((await failure(fetcher().fetch({ ...request(server.url), attempts: 1 }))).code).toBe('ALP_FETCH_TLS');
    expect(server.visits).toEqual([]);
  });
});
