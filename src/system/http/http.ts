/**
 * The one HTTP client, over undici: certificates are always checked against the given roots, redirects are checked
 * one by one, proxies come from the given variables. Offline is a client that refuses.
 */
import { setImmediate } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { AlprootError } from '../../core/errors.ts';
import { redactUrl } from '../../core/redact.ts';
import { explainChain, explainNetworkError, wantsChain } from './http-error.ts';
import type { Dispatchers, HttpSettings } from './http-dispatcher.ts';
import { proxyFor } from './proxy.ts';
import { portOf } from './endpoint.ts';

export type { HttpSettings } from './http-dispatcher.ts';

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names; a header that came twice is joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
  readonly url: URL;
  /** Ends the transfer. */
  readonly abort: () => void;
  /**
   * Ends the transfer of an answer that nobody wants. One that is short and comes soon is read, so that its connection
   * serves the next request.
   */
  readonly discard: () => Promise<void>;
}

export interface HttpRequest {
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpClient {
  readonly get: (request: HttpRequest) => Promise<HttpResponse>;
  readonly close: () => Promise<void>;
}

const MAX_REDIRECTS = 5;
const EXAMINATION_MS = 5000;
const DISCARD_BYTES = 16 * 1024;
const DISCARD_MS = 300;
/** Why a transfer was ended that nobody interrupted: each one is, when its last byte has come. */
const ENDED = new Error('the transfer was ended');

/** A client that opens no socket. */
export const offlineClient = (): HttpClient => ({
  get: ({ url }) =>
    Promise.reject(
      new AlprootError('ALP_FETCH_OFFLINE', `offline, and ${redactUrl(url)} is not in the store`, {
        hint: 'run the same command once without --offline',
        facts: { missing: [redactUrl(url)] },
      }),
    ),
  close: () => Promise.resolve(),
});

/** undici and the certificates are loaded at the first request. */
export function createHttpClient(settings: HttpSettings): HttpClient {
  let dispatchers: Promise<Dispatchers> | undefined;
  return {
    get: async (request) => {
      dispatchers ??= import('./http-dispatcher.ts').then(({ createDispatchers }) => createDispatchers(settings));
      return follow(await dispatchers, request, settings);
    },
    close: async () => (await dispatchers)?.close(),
  };
}

async function follow(
  dispatchers: Dispatchers,
  { url, headers = {}, signal }: HttpRequest,
  settings: HttpSettings,
): Promise<HttpResponse> {
  const authorization = authorizationFor(url, settings.credentials);
  let at = withoutCredentials(url);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const auth = at.origin === url.origin ? authorization : {};
    const response = await requestOnce(dispatchers, { url: at, headers: { ...headers, ...auth }, signal }, settings);
    const target = response.headers['location'];
    if (![301, 302, 303, 307, 308].includes(response.status) || target === undefined) return response;
    await response.discard();
    at = checkRedirect(at, target);
  }
  throw new AlprootError('ALP_FETCH_REDIRECT', `${redactUrl(url)} redirects more than ${MAX_REDIRECTS} times`);
}

async function requestOnce(
  dispatchers: Dispatchers,
  { url, headers, signal }: HttpRequest,
  settings: HttpSettings,
): Promise<HttpResponse> {
  const controller = new AbortController();
  const abort = (): void => {
    signal?.removeEventListener('abort', abort);
    controller.abort(signal?.reason ?? ENDED);
  };
  signal?.throwIfAborted();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const response = await dispatchers
      .for(url)
      .request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: 'GET',
        headers: { 'user-agent': 'alproot', 'accept-encoding': 'identity', ...headers },
        signal: controller.signal,
        headersTimeout: dispatchers.idleTimeoutMs,
        bodyTimeout: dispatchers.idleTimeoutMs,
      });
    const plain = Object.fromEntries(
      Object.entries(response.headers).map(([name, value]) => [
        name.toLowerCase(),
        Array.isArray(value) ? value.join(',') : (value ?? ''),
      ]),
    );
    response.body.on('error', () => undefined);
    const end = (): void => (abort(), void response.body.destroy());
    return {
      status: response.statusCode,
      headers: plain,
      body: explained(response.body, url),
      url,
      abort: end,
      discard: () => drain(response.body).finally(end),
    };
  } catch (error) {
    signal?.removeEventListener('abort', abort);
    throw signal?.aborted === true ? error : await explainFully(error, url, settings);
  }
}

/** A failed check of certificates is worth another look at them: no data is sent. */
async function explainFully(error: unknown, url: URL, settings: HttpSettings): Promise<AlprootError> {
  const known = explainNetworkError(error, url, proxyFor(url, settings.proxies));
  if (!wantsChain(known)) return known;
  const { examineTls } = await import('./tls-chain.ts');
  const { chain } = await examineTls({
    host: url.hostname,
    port: portOf(url),
    roots: settings.roots,
    timeoutMs: EXAMINATION_MS,
    proxy: proxyFor(url, settings.proxies),
  });
  return explainChain(known, chain, Date.now());
}

async function* explained(body: AsyncIterable<Uint8Array>, url: URL): AsyncIterable<Uint8Array> {
  try {
    yield* body;
    // A connection is free one turn after its last byte; who asks for the next file before that is given a new one,
    // which costs two round trips.
    await setImmediate();
  } catch (error) {
    throw explainNetworkError(error, url);
  }
}

async function drain(body: Dispatcher.ResponseData['body']): Promise<void> {
  await body.dump({ limit: DISCARD_BYTES, signal: AbortSignal.timeout(DISCARD_MS) }).catch(() => undefined);
  await setImmediate();
}

/** From the URL, else from what the user keeps for its host. */
function authorizationFor(url: URL, credentials: HttpSettings['credentials']): Readonly<Record<string, string>> {
  const found =
    url.username === '' && url.password === ''
      ? credentials?.(url)
      : { user: decoded(url.username), password: decoded(url.password) };
  return found === undefined
    ? {}
    : { authorization: `Basic ${Buffer.from(`${found.user}:${found.password}`).toString('base64')}` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function checkRedirect(from: URL, location: string): URL {
  let target: URL;
  try {
    target = new URL(location, from);
  } catch {
    throw new AlprootError('ALP_FETCH_REDIRECT', `${redactUrl(from)} redirects to something that is not a URL`);
  }
  if (target.protocol !== 'https:' && target.protocol !== 'http:')
    throw new AlprootError(
      'ALP_FETCH_REDIRECT',
      `${redactUrl(from)} redirects to ${redactUrl(target)}, which is not http`,
    );
  if (from.protocol === 'https:' && target.protocol === 'http:') {
    throw new AlprootError('ALP_FETCH_REDIRECT', `${redactUrl(from)} redirects from https to ${redactUrl(target)}`, {
      hint: 'this looks like a login page or a portal; open the address in a browser',
    });
  }
  if (/^(?:169\.254\.|\[fe80)/.test(target.hostname) && target.hostname !== from.hostname)
    throw new AlprootError('ALP_FETCH_REDIRECT', `${redactUrl(from)} redirects to a link-local address`);
  return withoutCredentials(target);
}

function withoutCredentials(url: URL): URL {
  const plain = new URL(url);
  plain.username = '';
  plain.password = '';
  return plain;
}
