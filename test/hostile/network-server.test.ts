/** Servers in trouble, and headers of nonsense. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/digest.ts';
import { BODY, failure, half, networkBench, part, request, whole } from '../helpers/network-bench.ts';

const { fetcher, nothingKept, serve, slept } = networkBench();

describe('a server in trouble', () => {
  it.each([500, 502, 503, 504, 429, 408])('is asked again after %i', async (status) => {
    const server = await serve((visit) =>
      visit.count < 4 ? void visit.response.writeHead(status).end() : whole(visit),
    );
    expect((await fetcher().fetch(request(server.url))).sha256).toBe(sha256Hex(BODY));
    expect(slept.length).toBe(3);
  });

  it.each([
    ['5', 5000],
    ['1000000000', 120_000],
    ['-1', 0],
    ['soon', 0],
    [new Date(1_700_000_007_000).toUTCString(), 7000],
  ])('that says Retry-After: %s is given that long, within reason', async (value, least) => {
    const server = await serve((visit) =>
      visit.count === 1 ? void visit.response.writeHead(503, { 'retry-after': value }).end() : whole(visit),
    );
    await fetcher().fetch(request(server.url));
    expect(slept[0]).toBe(Math.max(least, 1000));
  });

  it.each([
    [404, 'ALP_FETCH_NOT_FOUND'],
    [410, 'ALP_FETCH_NOT_FOUND'],
    [403, 'ALP_FETCH_STATUS'],
    [418, 'ALP_FETCH_STATUS'],
    [511, 'ALP_FETCH_PORTAL'],
  ])('is not asked again after %i', async (status, code) => {
    const server = await serve(({ response }) => void response.writeHead(status).end());
    expect((await failure(fetcher().fetch(request(server.url)))).code).toBe(code);
    expect(server.visits).toHaveLength(1);
  });

  it.each([
    ['a negative length', 'content-length: -1'],
    ['a hexadecimal length', 'content-length: 0x10'],
    ['a length beyond 2^64', 'content-length: 99999999999999999999999'],
    ['a list of lengths', 'content-length: 1,1'],
    ['two lengths', 'content-length: 3\r\ncontent-length: 4'],
    ['a signed length', 'content-length: +3'],
    ['a length and chunks', 'content-length: 3\r\ntransfer-encoding: chunked'],
    ['a length that is too large', 'content-length: 30'],
  ])('that sends %s brings nothing into the store', async (_what, header) => {
    const server = await serve(({ raw }) => raw(`HTTP/1.1 200 OK\r\n${header}\r\n\r\nabc`));
    expect((await failure(fetcher().fetch({ ...request(server.url), attempts: 2 }))).code).toMatch(
      /^ALP_(?:FETCH_|LIMIT_)/,
    );
    nothingKept();
  });

  it.each([
    ['starts with a sign', 'bytes +50000-99999/100000'],
    ['is hexadecimal', 'bytes 0xc350-99999/100000'],
    ['is of another unit', 'lines 50000-99999/100000'],
    ['lies beyond 2^53', 'bytes 99999999999999999999-1/2'],
    ['is a list', 'bytes 50000-99999/100000, 1-2/3'],
  ])('whose Content-Range %s has its part thrown away', async (_what, header) => {
    const server = await serve((visit) => {
      if (visit.count === 1) half(visit);
      else if (visit.count === 2) part(visit, { 'content-range': header });
      else whole(visit);
    });
    expect((await fetcher().fetch(request(server.url))).sha256).toBe(sha256Hex(BODY));
    expect(server.visits.length).toBeGreaterThan(2);
  });

  it('that packs what it sends is taken at its bytes: nothing is unpacked on the way', async () => {
    const packed = gzipSync(BODY);
    const server = await serve(
      ({ response }) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed),
    );
    expect((await fetcher().fetch(request(server.url))).sha256).toBe(sha256Hex(packed));
    expect((await failure(fetcher().fetch({ ...request(server.url), sha256: sha256Hex(BODY) }))).code).toBe(
      'ALP_VERIFY_DIGEST',
    );
    expect(server.visits[0]!.headers['accept-encoding']).toBe('identity');
  });

  it('that sends a chunk size of nonsense brings nothing into the store', async () => {
    const server = await serve(({ raw }) =>
      raw('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n'),
    );
    expect((await failure(fetcher().fetch({ ...request(server.url), attempts: 2 }))).code).toMatch(/^ALP_FETCH_/);
    nothingKept();
  });
});
