/** Downloads that break, lie about their ranges, or never end. */
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import { sha256Hex } from '../../src/core/digest.ts';
import { silent } from '../../src/core/events.ts';
import { createFetcher } from '../../src/fetch/fetcher.ts';
import type { Visit } from '../helpers/https-mirror.ts';
import { BODY, failure, half, networkBench, part, request, whole } from '../helpers/network-bench.ts';

const { client, clock, fetcher, nothingKept, serve, store } = networkBench();

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
    const fetching = createFetcher({ store: store(), http: client(), clock, emit: silent, signal: controller.signal }).fetch(request(server.url));
    await expect(fetching).rejects.toThrow();
    expect(server.visits).toHaveLength(1);
    nothingKept();
  });
});
