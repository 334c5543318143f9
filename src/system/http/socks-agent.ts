/** A dispatcher through a SOCKS proxy. */
import { Agent, buildConnector } from 'undici';
import { openSocks } from './socks-tunnel.ts';

interface SocksOptions {
  readonly tls: object;
  readonly shared: object & { readonly connectTimeout: number };
}

/** Connects through SOCKS. */
export function socksAgent(proxy: URL, { tls, shared }: SocksOptions): Agent {
  const secure = buildConnector(tls);
  return new Agent({
    ...shared,
    connect: (options, callback) => {
      const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80);
      openSocks({ proxy, host: options.hostname, port, timeoutMs: shared.connectTimeout }).then(
        (socket) => {
          if (options.protocol === 'https:') secure({ ...options, httpSocket: socket } as never, callback);
          else callback(null, socket.setNoDelay());
        },
        (error: unknown) => callback(error as Error, null),
      );
    },
  });
}
