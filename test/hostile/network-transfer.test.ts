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
    [
      'the range begins elsewhere',
      (visit) =>
        visit.count === 2
          ? part(visit, { 'content-range': `bytes 7-${BODY.length - 1}/${BODY.length}` })
          : whole(visit),
    ],
    [
      'the part is of another state of the file',
      (visit) => (visit.count === 2 ? part(visit, { etag: '"2"' }) : whole(visit)),
    ],
    [
      'the range has no header',
      (visit) => (visit.count === 2 ? void visit.response.writeHead(206).end('x') : whole(visit)),
    ],
    [
      'the range cannot be had',
      (visit) => (visit.count === 2 ? void visit.response.writeHead(416).end() : whole(visit)),
    ],
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
    expect(
      (await failure(fetcher(client({ idleTimeoutMs: 100 })).fetch({ ...request(server.url), attempts: 2 }))).code,
    ).toBe('ALP_FETCH_SLOW');
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
    expect((await failure(fetcher(client(), slow).fetch({ ...request(server.url), attempts: 1 }))).code).toBe(
      'ALP_FETCH_SLOW',
    );
  });

  describe('that never stalls and never ends', () => {
    /** Sends `total` bytes in pieces; for each that is looked at, the clock goes on by what it takes at `rate`. */
    const drip = (total: number, rate: number, { breaksAfter = Infinity, ranges = true } = {}) => {
      const piece = 8192;
      let time = 0;
      let sent = 0;
      const steps: Clock = { ...clock, now: () => time, sleep: (ms) => Promise.resolve(void (time += ms)) };
      const answer = ({ request: asked, response }: Visit): void => {
        const start = ranges ? Number(/^bytes=(\d+)-$/.exec(asked.headers.range ?? '')?.[1] ?? 0) : 0;
        const headers = { 'content-length': total - start, ...(ranges ? { etag: '"1"' } : {}) };
        response.writeHead(
          start > 0 ? 206 : 200,
          start > 0 ? { ...headers, 'content-range': `bytes ${start}-${total - 1}/${total}` } : headers,
        );
        let at = start;
        const next = (): void => {
          if (response.destroyed) return;
          if (at >= total) return void response.end();
          if (at - start >= breaksAfter) return void response.destroy();
          const count = Math.min(piece, total - at);
          at += count;
          sent += count;
          time += (count * 1000) / rate;
          response.write(Buffer.alloc(count, 'x'), () => setImmediate(next));
        };
        next();
      };
      return { answer, steps, elapsed: () => time, sent: () => sent };
    };
    const HOUR = 3_600_000;

    it(
      'is left after minutes, whatever size it says it has, and says how much came, how fast, and ' + 'what to do',
      async () => {
        for (const size of [2 ** 26, 2 ** 20]) {
          const { answer, steps, elapsed, sent } = drip(size, 1024);
          const server = await serve(answer);
          const error = await failure(fetcher(client(), steps).fetch({ ...request(server.url), maxBytes: 2 ** 27 }));
          expect([error.code, server.visits.length]).toEqual(['ALP_FETCH_SLOW', 1]);
          expect(error.message).toMatch(
            /x\.apk is too slow: \d+ bytes in \d+ seconds, 10\d\d bytes a second, less than 8192 bytes a second$/,
          );
          expect(error.hint).toMatch(/--mirror.*--min-rate/);
          expect(elapsed()).toBeLessThan(HOUR);
          expect(sent()).toBeLessThan(2 ** 20);
          nothingKept();
        }
      },
    );

    it('is left after the same time when it breaks again and again, with resumptions or from the start', async () => {
      for (const ranges of [true, false]) {
        const { answer, steps, elapsed } = drip(2 ** 26, 2048, { breaksAfter: 400_000, ranges });
        const server = await serve(answer);
        expect(
          (await failure(fetcher(client(), steps).fetch({ ...request(server.url), maxBytes: 2 ** 27 }))).code,
        ).toBe('ALP_FETCH_SLOW');
        expect(elapsed()).toBeLessThan(HOUR / 2);
        expect(server.visits.length).toBeGreaterThan(1);
      }
    });

    it('earns no time by bytes beyond the size that the index says', async () => {
      const { answer, steps, elapsed } = drip(90_000, 20, { breaksAfter: 45_000, ranges: false });
      const server = await serve(answer);
      const slow = createFetcher({ store: store(), http: client(), clock: steps, emit: silent, minRateBytes: 19 });
      expect((await failure(slow.fetch({ ...request(server.url), sizeBytes: 90_000, attempts: 9 }))).code).toBe(
        'ALP_FETCH_SLOW',
      );
      expect(elapsed()).toBeLessThan(600_000 + (90_000 * 1000) / 19 + 450_000);
    });

    it('has the time that its size needs, and any time where the user says so', async () => {
      const steady = drip(2 ** 23, 9000);
      const server = await serve(steady.answer);
      expect(
        (await fetcher(client(), steady.steps).fetch({ ...request(server.url), maxBytes: 2 ** 27 })).sizeBytes,
      ).toBe(2 ** 23);
      expect(steady.elapsed()).toBeGreaterThan(900_000);
      const slow = drip(2 ** 20, 700);
      const other = await serve(slow.answer);
      const patient = createFetcher({
        store: store(),
        http: client(),
        clock: slow.steps,
        emit: silent,
        minRateBytes: 0,
      });
      expect((await patient.fetch({ ...request(other.url), maxBytes: 2 ** 27 })).sizeBytes).toBe(2 ** 20);
    });
  });

  it('ends at the cap, announced or not', async () => {
    const announced = await serve(whole);
    const silently = await serve(({ response }) => {
      response.flushHeaders();
      response.end(BODY);
    });
    for (const { url } of [announced, silently])
      expect((await failure(fetcher().fetch({ ...request(url), maxBytes: 1000 }))).code).toBe('ALP_LIMIT_SIZE');
    nothingKept();
  });

  it('ends when its caller says so', async () => {
    const controller = new AbortController();
    const server = await serve(({ response }) => {
      response.writeHead(200, { 'content-length': 10 }).write('x');
      setImmediate(() => controller.abort());
    });
    const fetching = createFetcher({
      store: store(),
      http: client(),
      clock,
      emit: silent,
      signal: controller.signal,
    }).fetch(request(server.url));
    await expect(fetching).rejects.toThrow();
    expect(server.visits).toHaveLength(1);
    nothingKept();
  });
});
