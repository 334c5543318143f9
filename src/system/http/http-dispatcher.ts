/**
 * undici's dispatchers, loaded with it at the first request: direct, through an HTTP(S) proxy, or through SOCKS,
 * chosen for each URL.
 */
import { createSecureContext, type SecureContext } from 'node:tls';
import { Agent, buildConnector, ProxyAgent, type Dispatcher } from 'undici';
import { AlprootError } from '../../core/errors.ts';
import { redactUrl } from '../../core/redact.ts';
import { parseProxy, proxyFor, type ProxyVariables } from './proxy.ts';

export interface HttpSettings {
  /** PEM texts of all CA certificates that count. */
  readonly roots: readonly string[];
  readonly clientCertificate?: { readonly cert: string; readonly key: string } | undefined;
  readonly proxies: ProxyVariables;
  /** User and password for a URL that has none, as netrc keeps them. */
  readonly credentials?: ((url: URL) => { readonly user: string; readonly password: string } | undefined) | undefined;
  /** Milliseconds without a byte. */
  readonly idleTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
}

export interface Dispatchers {
  readonly for: (url: URL) => Dispatcher;
  /** Milliseconds without a byte, for each request. */
  readonly idleTimeoutMs: number;
  readonly close: () => Promise<void>;
}

/** One for each proxy that may be used. */
export async function createDispatchers(settings: HttpSettings): Promise<Dispatchers> {
  const tls = createTls(settings);
  const timeouts = {
    bodyTimeout: settings.idleTimeoutMs ?? 30_000,
    headersTimeout: settings.idleTimeoutMs ?? 30_000,
    connectTimeout: settings.connectTimeoutMs ?? 20_000,
  };
  const shared = { ...timeouts, connections: 32, pipelining: 1, allowH2: false };
  const made = new Map<string, Dispatcher>();
  const make = async (proxy: URL | undefined): Promise<Dispatcher> => {
    if (proxy === undefined) return new Agent({ ...shared, connect: directly(tls, timeouts.connectTimeout) });
    if (proxy.protocol === 'http:' || proxy.protocol === 'https:')
      return new ProxyAgent({ ...shared, uri: proxy.href, requestTls: tls(), proxyTls: tls(), proxyTunnel: false });
    if (/^socks(?:4a?|5h?)?:$/.test(proxy.protocol)) {
      const { socksAgent } = await import('./socks-agent.ts');
      return socksAgent(proxy, { tls: tls(), shared });
    }
    throw new AlprootError('ALP_FETCH_PROXY', `proxy ${redactUrl(proxy)} is neither http, https nor socks`);
  };
  // Proxies are few and known beforehand, so that choosing one needs no waiting.
  const { http, https, all } = settings.proxies;
  for (const proxy of new Set([undefined, http, https, all])) {
    const url = proxy === undefined || proxy === '' ? undefined : parseProxy(proxy);
    made.set(url?.href ?? '', await make(url));
  }
  return {
    idleTimeoutMs: timeouts.bodyTimeout,
    for: (url) => {
      const dispatcher = made.get(proxyFor(url, settings.proxies)?.href ?? '');
      if (dispatcher === undefined) throw new Error('a proxy without dispatcher');
      return dispatcher;
    },
    close: async () => void (await Promise.allSettled([...made.values()].map((dispatcher) => dispatcher.close()))),
  };
}

interface Tls {
  readonly rejectUnauthorized: boolean;
  readonly secureContext: SecureContext;
}

/**
 * For all connections alike: parsing 150 CA certificates takes 20 ms, which Node does for each connection that is
 * not given the result.
 */
function createTls(settings: HttpSettings): () => Tls {
  let made: Tls | undefined;
  return () =>
    (made ??= {
      rejectUnauthorized: true,
      secureContext: createSecureContext({
        ca: [...settings.roots],
        minVersion: 'TLSv1.2',
        ...(settings.clientCertificate ?? {}),
      }),
    });
}

/** Nothing is done for TLS before the first URL that wants it. */
function directly(tls: () => Tls, timeout: number): buildConnector.connector {
  const plain = buildConnector({ timeout });
  let secure: buildConnector.connector | undefined;
  return (options, callback) =>
    (options.protocol === 'https:' ? (secure ??= buildConnector({ ...tls(), timeout })) : plain)(options, callback);
}
