/** A dispatcher through a SOCKS proxy, and the library for it. */
import { SocksClient } from 'socks';
import { Agent, buildConnector } from 'undici';
import { AlprootError } from '../core/errors.ts';
import { redactUrl } from '../core/redact.ts';

interface SocksOptions {
  readonly tls: object;
  readonly shared: object;
}

/** Connects through SOCKS; names are resolved by the proxy. */
export function socksAgent(proxy: URL, { tls, shared }: SocksOptions): Agent {
  const secure = buildConnector(tls);
  return new Agent({
    ...shared,
    connect: (options, callback) => {
      const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80);
      SocksClient.createConnection({
        proxy: {
          host: proxy.hostname,
          port: Number(proxy.port) || 1080,
          type: proxy.protocol.startsWith('socks4') ? 4 : 5,
          ...(proxy.username === '' ? {} : { userId: decodeURIComponent(proxy.username), password: decodeURIComponent(proxy.password) }),
        },
        command: 'connect',
        destination: { host: options.hostname, port },
      }).then(
        ({ socket }) => {
          if (options.protocol === 'https:') secure({ ...options, httpSocket: socket } as never, callback);
          else callback(null, socket.setNoDelay());
        },
        (error: unknown) => callback(new AlprootError('ALP_FETCH_PROXY', `SOCKS proxy ${redactUrl(proxy)}: ${(error as Error).message}`, { cause: error }), null),
      );
    },
  });
}
