/**
 * One file over HTTP. What can pass is tried again, with full jitter and `Retry-After`; a broken transfer goes on
 * where it stopped when a strong validator says that it is the same file, and starts over otherwise.
 *
 * @see RFC 9110 §13, §14
 */
import pRetry, { AbortError } from 'p-retry';
import { AlprootError } from '../core/errors.ts';
import { redactUrl } from '../core/redact.ts';
import type { BlobRef, BlobWriter } from '../store/blobs.ts';
import type { HttpResponse } from '../system/http/http.ts';
import type { FetcherOptions, FetchRequest } from './fetch-request.ts';
import { createPace, type Pace } from './pace.ts';
import {
  checkLength,
  contentRangeStart,
  isPage,
  isPortal,
  portalError,
  retryAfterMs,
  statusError,
  validatorOf,
} from './response.ts';

const ATTEMPTS = 5;

interface Progress {
  /** Of its events. */
  readonly id: string;
  blob: BlobWriter;
  /** Validator of the bytes in `blob`. */
  validator: string | undefined;
  waitMs: number;
  /** Chunks so far, of all attempts. */
  received: number;
  /** Of all attempts together. */
  readonly pace: Pace;
}

/** @throws ALP_FETCH_*, ALP_LIMIT_SIZE */
export async function download(url: URL, request: FetchRequest, given: FetcherOptions): Promise<BlobRef> {
  const options: FetcherOptions = request.signal === undefined ? given : { ...given, signal: request.signal };
  const id = idOf(url, request);
  const { clock, minRateBytes } = options;
  const pace = createPace({
    clock,
    minRateBytes,
    where: redactUrl(url),
    wantedBytes: request.sizeBytes ?? request.maxBytes,
  });
  const progress: Progress = {
    id,
    blob: options.store.createBlob(),
    validator: undefined,
    waitMs: 0,
    received: 0,
    pace,
  };
  const label = request.label ?? request.path;
  options.emit({ kind: 'start', id, label });
  try {
    await pRetry((attempt) => tryOnce({ url, request, options, progress, attempt }), {
      retries: (request.attempts ?? ATTEMPTS) - 1,
      minTimeout: 0,
      maxTimeout: 0,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const ref = progress.blob.finish();
    options.emit({ kind: 'done', id, label });
    return ref;
  } catch (error) {
    options.emit({ kind: 'done', id, label, failed: true });
    throw error;
  } finally {
    progress.blob.abandon();
  }
}

/** The address without what is nobody else's business; the path then tells those apart that look alike. */
function idOf(url: URL, { path }: FetchRequest): string {
  const shown = redactUrl(url);
  return shown === url.href ? shown : `${shown} ${path}`;
}

interface Attempt {
  readonly url: URL;
  readonly request: FetchRequest;
  readonly options: FetcherOptions;
  readonly progress: Progress;
  readonly attempt: number;
}

async function tryOnce(state: Attempt): Promise<void> {
  const { options, progress, attempt } = state;
  if (attempt > 1)
    await options.clock.sleep(
      Math.max(progress.waitMs, options.clock.random() * Math.min(30_000, 500 * 2 ** attempt)),
      options.signal,
    );
  progress.waitMs = 0;
  try {
    progress.pace.check();
    await patiently(state, transfer);
  } catch (error) {
    const isOver = progress.pace.isOver();
    if (error instanceof AlprootError && (!error.retryable || isOver || isLeft(state, error)))
      throw new AbortError(error);
    throw error;
  }
}

/** Another mirror is not kept waiting by one that is slow, or that wants to be asked later. */
const isLeft = ({ request: { patienceMs }, progress }: Attempt, { code }: AlprootError): boolean =>
  patienceMs !== undefined && (code === 'ALP_FETCH_SLOW' || progress.waitMs > patienceMs);

/** Ends the transfer when for so long no byte comes. */
async function patiently(state: Attempt, work: (state: Attempt) => Promise<void>): Promise<void> {
  const {
    url,
    request: { patienceMs },
    options,
    progress,
  } = state;
  if (patienceMs === undefined) return work(state);
  const [slow, done] = [new AbortController(), new AbortController()];
  const signals = options.signal === undefined ? [slow.signal] : [slow.signal, options.signal];
  const watch = async (): Promise<void> => {
    for (let seen = -1; progress.received !== seen;) {
      seen = progress.received;
      await options.clock.sleep(patienceMs, done.signal);
    }
    slow.abort(new AlprootError('ALP_FETCH_SLOW', `no answer from ${redactUrl(url)} within ${patienceMs / 1000} s`));
  };
  watch().catch(() => undefined);
  try {
    await work({ ...state, options: { ...options, signal: AbortSignal.any(signals) } });
  } catch (error) {
    throw slow.signal.aborted && options.signal?.aborted !== true ? slow.signal.reason : error;
  } finally {
    done.abort();
  }
}

async function transfer({ url, request, options, progress }: Attempt): Promise<void> {
  const done = progress.blob.sizeBytes();
  const resume =
    done > 0 && progress.validator !== undefined ? { range: `bytes=${done}-`, 'if-range': progress.validator } : {};
  const response = await options.http.get({ url, headers: resume, signal: options.signal });
  try {
    if (response.status >= 300) await response.discard();
    acceptStart(response, { progress, options, resumed: 'range' in resume });
    if (isPortal(response)) throw portalError(response.url);
    const expected = checkLength(response, { already: progress.blob.sizeBytes(), maxBytes: request.maxBytes });
    if (expected !== undefined) progress.pace.expect(expected);
    progress.validator = validatorOf(response) ?? progress.validator;
    await receive(response, { request, options, progress, expected });
  } finally {
    response.abort();
  }
}

interface Start {
  readonly progress: Progress;
  readonly options: FetcherOptions;
  readonly resumed: boolean;
}

/** Leaves `progress` such that the body may be appended to it. @throws ALP_FETCH_* for an answer without one */
function acceptStart(response: HttpResponse, { progress, options, resumed }: Start): void {
  const { status } = response;
  if (status === 200) return startOver(progress, options);
  if (status === 206) {
    const validator = validatorOf(response);
    if (
      resumed &&
      contentRangeStart(response) === progress.blob.sizeBytes() &&
      (validator === undefined || validator === progress.validator)
    )
      return;
    startOver(progress, options);
    throw new AlprootError(
      'ALP_FETCH_TRUNCATED',
      `${redactUrl(response.url)} answered with a part that was not asked for`,
    );
  }
  progress.waitMs = retryAfterMs(response, options.clock.now());
  if (status === 416) startOver(progress, options);
  throw statusError(response);
}

function startOver(progress: Progress, options: FetcherOptions): void {
  if (progress.blob.sizeBytes() > 0) {
    progress.blob.abandon();
    progress.blob = options.store.createBlob();
  }
  progress.validator = undefined;
}

interface Receiving {
  readonly request: FetchRequest;
  readonly options: FetcherOptions;
  readonly progress: Progress;
  readonly expected: number | undefined;
}

async function receive(response: HttpResponse, { request, options, progress, expected }: Receiving): Promise<void> {
  progress.pace.begin();
  for await (const chunk of response.body) {
    if (progress.blob.sizeBytes() === 0 && isPage(chunk)) throw portalError(response.url);
    progress.blob.write(chunk);
    progress.received++;
    const size = progress.blob.sizeBytes();
    if (size > request.maxBytes)
      throw new AlprootError('ALP_LIMIT_SIZE', `${redactUrl(response.url)} is larger than ${request.maxBytes} bytes`);
    options.emit({
      kind: 'progress',
      id: progress.id,
      done: size,
      unit: 'bytes',
      ...(expected === undefined ? {} : { total: expected }),
    });
    progress.pace.receive(chunk.length);
  }
  const got = progress.blob.sizeBytes();
  const wanted = expected ?? request.sizeBytes;
  if (wanted !== undefined && got < wanted)
    throw new AlprootError('ALP_FETCH_TRUNCATED', `${redactUrl(response.url)} ended after ${got} of ${wanted} bytes`);
}
