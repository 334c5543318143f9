/**
 * The one HTTP client, over undici: certificates are always checked against the given roots, redirects are judged
 * one by one, proxies come from the given variables. Offline is a client that refuses.
 */
import type { Dispatcher } from 'undici';
import { AlprootError } from '../core/errors.ts';
import { redactUrl } from '../core/redact.ts';
import { explainNetworkError } from './http-error.ts';
import { createDispatchers, type HttpSettings } from './http-dispatcher.ts';

export type { HttpSettings } from './http-dispatcher.ts';

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names; a header that came twice is joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
  readonly url: URL;
  /** Ends the transfer. */
  readonly abort: () => void;
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

/** A client that opens no socket. */
export const offlineClient = (): HttpClient => ({
  get: ({ url }) =>
    Promise.reject(
      new AlprootError('ALP_FETCH_OFFLINE', `offline, and ${redactUrl(url)} is not in the store`, {
        hint: 'run the same command once without --offline, or carry a bundle',
      }),
    ),
  close: () => Promise.resolve(),
});

/** undici and the certificates are loaded at the first request. */
export function createHttpClient(settings: HttpSettings): HttpClient {
  let dispatchers: ReturnType<typeof createDispatchers> | undefined;
  return {
    get: async (request) => {
      dispatchers ??= createDispatchers(settings);
      return follow(await dispatchers, request);
    },
    close: async () => (await dispatchers)?.close(),
  };
}

async function follow(dispatchers: Awaited<ReturnType<typeof createDispatchers>>, { url, headers = {}, signal }: HttpRequest): Promise<HttpResponse> {
  const authorization = url.username === '' ? {} : { authorization: `Basic ${Buffer.from(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`).toString('base64')}` };
  let at = withoutCredentials(url);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const auth = at.origin === url.origin ? authorization : {};
    const response = await requestOnce(dispatchers.for(at), at, { ...headers, ...auth }, signal);
    const target = response.headers['location'];
    if (![301, 302, 303, 307, 308].includes(response.status) || target === undefined) return response;
    response.abort();
    at = judgeRedirect(at, target);
  }
  throw new AlprootError('ALP_FETCH_REDIRECT', `${redactUrl(url)} redirects more than ${MAX_REDIRECTS} times`);
}

async function requestOnce(dispatcher: Dispatcher, url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal | undefined): Promise<HttpResponse> {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const response = await dispatcher.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: 'GET',
      headers: { 'user-agent': 'alproot', 'accept-encoding': 'identity', ...headers },
      signal: controller.signal,
    });
    const plain = Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name.toLowerCase(), Array.isArray(value) ? value.join(',') : (value ?? '')]));
    response.body.on('error', () => undefined);
    return { status: response.statusCode, headers: plain, body: explained(response.body, url), url, abort: () => (abort(), void response.body.destroy()) };
  } catch (error) {
    throw explainNetworkError(error, url);
  }
}

async function* explained(body: AsyncIterable<Uint8Array>, url: URL): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw explainNetworkError(error, url);
  }
}

function judgeRedirect(from: URL, location: string): URL {
  let target: URL;
  try {
    target = new URL(location, from);
  } catch {
    throw new AlprootError('ALP_FETCH_REDIRECT', `${redactUrl(from)} redirects to something that is no URL`);
  }
  if (target.protocol !== 'https:' && target.protocol !== 'http:') throw new AlprootError('ALP_FETCH_REDIRECT', `${redactUrl(from)} redirects to ${redactUrl(target)}, which is not http`);
  if (from.protocol === 'https:' && target.protocol === 'http:') {
    throw new AlprootError('ALP_FETCH_REDIRECT', `${redactUrl(from)} redirects from https to ${redactUrl(target)}`, { hint: 'this looks like a login page or a portal; open the address in a browser' });
  }
  if (/^(?:169\.254\.|\[fe80)/.test(target.hostname) && target.hostname !== from.hostname) throw new AlprootError('ALP_FETCH_REDIRECT', `${redactUrl(from)} redirects to a link-local address`);
  return withoutCredentials(target);
}

function withoutCredentials(url: URL): URL {
  const plain = new URL(url);
  plain.username = '';
  plain.password = '';
  return plain;
}
