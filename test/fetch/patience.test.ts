/** A mirror that another one can stand in for has only so long without a byte. */
import { expect, it } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import { BODY, failure, networkBench, request } from '../helpers/network-bench.ts';
import type { Visit } from '../helpers/https-mirror.ts';

const { clock, fetcher, nothingKept, serve } = networkBench();

/** Time passes when `pass` is called. */
function manualClock(): { readonly time: Clock; readonly pass: () => void } {
  let wake = (): void => undefined;
  const sleep = (_ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      wake = resolve;
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  return { time: { ...clock, sleep }, pass: () => wake() };
}

const patient = (url: string): Parameters<ReturnType<typeof fetcher>['fetch']>[0] => ({
  ...request(url),
  attempts: 2,
  patienceMs: 5000,
});

it('no answer is ALP_FETCH_SLOW after one wait, and not tried again', async () => {
  const { time, pass } = manualClock();
  const server = await serve(() => pass());
  const { code, message } = await failure(fetcher(undefined, time).fetch(patient(server.url)));
  expect([code, message]).toEqual(['ALP_FETCH_SLOW', expect.stringMatching(/within 5 s/)]);
  expect(server.visits).toHaveLength(1);
  nothingKept();
});

it('an answer that stops in the middle is left', async () => {
  const { time, pass } = manualClock();
  const server = await serve(({ response }: Visit) => {
    response.writeHead(200, { 'content-length': BODY.length });
    response.write(BODY.subarray(0, 1000));
    // One wait sees what has come so far; another sees nothing new.
    const turn = setInterval(pass, 20);
    response.on('close', () => clearInterval(turn));
  });
  expect((await failure(fetcher(undefined, time).fetch(patient(server.url)))).code).toBe('ALP_FETCH_SLOW');
  nothingKept();
});

it('a mirror that wants to be asked later is left at once', async () => {
  const server = await serve(({ response }) => void response.writeHead(503, { 'retry-after': '60' }).end());
  const { time } = manualClock();
  expect((await failure(fetcher(undefined, time).fetch(patient(server.url)))).code).toBe('ALP_FETCH_SERVER');
  expect(server.visits).toHaveLength(1);
});
