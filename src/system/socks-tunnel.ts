/** A tunnel through a SOCKS proxy, and the library for it. */
import type { Socket } from 'node:net';
import { SocksClient } from 'socks';
import { portOf, type ProxiedWay } from './tunnel.ts';

/** A connection through it. @throws what the proxy answers */
export async function openSocks({ proxy, host, port, timeoutMs }: ProxiedWay): Promise<Socket> {
  const login = proxy.username === '' ? {} : { userId: decodeURIComponent(proxy.username), password: decodeURIComponent(proxy.password) };
  const { socket } = await SocksClient.createConnection({
    proxy: { host: proxy.hostname, port: portOf(proxy), type: proxy.protocol.startsWith('socks4') ? 4 : 5, ...login },
    command: 'connect', destination: { host, port }, timeout: timeoutMs,
  });
  return socket;
}
