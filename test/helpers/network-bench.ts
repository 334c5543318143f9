/**
 * A store, a clock that passes only when somebody waits, and servers on this machine: what the tests of the network
 * share.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import { AlprootError } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import { hostPath, joinHost, type HostPath } from '../../src/core/paths.ts';
import { createFetcher, type Fetcher } from '../../src/fetch/fetcher.ts';
import type { FetchRequest } from '../../src/fetch/fetch-request.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { createHttpClient, type HttpClient, type HttpSettings } from '../../src/system/http/http.ts';
import { makePair, startServer, type TestServer, type Visit } from './https-mirror.ts';

export const BODY: Buffer = Buffer.from('0123456789'.repeat(10_000));
/** An authority that the clients trust, and a certificate for this machine by it. */
export const root: ReturnType<typeof makePair> = makePair({ authority: true });
export const good: ReturnType<typeof makePair> = makePair({ issuer: root });

export interface NetworkBench {
  /** Waits asked for since the test began, in milliseconds. */
  readonly slept: readonly number[];
  readonly clock: Clock;
  readonly store: () => Store;
  readonly client: (settings?: Partial<HttpSettings>) => HttpClient;
  readonly fetcher: (http?: HttpClient, time?: Clock) => Fetcher;
  /** Over HTTPS; `undefined` as certificate gives plain HTTP. */
  readonly serve: (handler: (visit: Visit) => void, pair?: typeof good) => Promise<TestServer>;
  readonly atEnd: (cleanup: () => unknown) => void;
  /** Neither a blob nor anything temporary. */
  readonly nothingKept: () => void;
}

/** Call once in a test file: each test gets a fresh store, and its servers end with it. */
export function networkBench(): NetworkBench {
  let directory: HostPath;
  let store: Store;
  const slept: number[] = [];
  const cleanups: (() => unknown)[] = [];
  const clock: Clock = {
    now: () => 1_700_000_000_000,
    sleep: (ms) => Promise.resolve(void slept.push(ms)),
    random: () => 0.5,
  };
  const atEnd = (cleanup: () => unknown): void => void cleanups.push(cleanup);
  beforeEach(() => {
    directory = hostPath(mkdtempSync(join(tmpdir(), 'alproot-network-')));
    store = openStore(joinHost(directory, 'store'), { clock });
    slept.length = 0;
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    rmSync(directory, { recursive: true, force: true });
  });
  const client = (settings: Partial<HttpSettings> = {}): HttpClient => {
    const http = createHttpClient({ roots: [root.certPem], proxies: {}, idleTimeoutMs: 1500, ...settings });
    atEnd(() => http.close());
    return http;
  };
  return {
    slept,
    clock,
    client,
    atEnd,
    store: () => store,
    fetcher: (http = client(), time = clock) => createFetcher({ store, http, clock: time, emit: silent }),
    serve: async (handler, pair = good) => {
      const server = await startServer(handler, pair);
      atEnd(server.close);
      return server;
    },
    nothingKept: () => {
      expect(readdirSync(join(directory, 'store', 'tmp'))).toEqual([]);
      expect(
        readdirSync(join(directory, 'store'), { recursive: true }).filter((name) =>
          /[0-9a-f]{64}$/.test(String(name)),
        ),
      ).toEqual([]);
    },
  };
}

export const request = (base: string): FetchRequest => ({ base, path: 'v3.19/main/x.apk', maxBytes: BODY.length });

/** The error of ours that `work` ends with. */
export async function failure(work: Promise<unknown>): Promise<AlprootError> {
  const error = await work.then(
    () => 'no failure',
    (reason: unknown) => reason,
  );
  if (!(error instanceof AlprootError)) throw error;
  return error;
}

export const whole = ({ response }: Visit): void =>
  void response.setHeader('etag', '"1"').setHeader('content-length', BODY.length).end(BODY);

/** Sends the first half and hangs up. */
export const half = ({ response }: Visit, etag = '"1"'): void => {
  response.writeHead(200, { 'content-length': BODY.length, etag });
  response.write(BODY.subarray(0, BODY.length / 2), () => response.destroy());
};

/** Sends what the Range asks for. */
export const part = ({ request: asked, response }: Visit, more: Readonly<Record<string, string>> = {}): void => {
  const start = Number(/^bytes=(\d+)-$/.exec(asked.headers.range ?? '')?.[1] ?? 0);
  response.writeHead(206, {
    'content-range': `bytes ${start}-${BODY.length - 1}/${BODY.length}`,
    'content-length': BODY.length - start,
    etag: '"1"',
    ...more,
  });
  response.end(BODY.subarray(start));
};
