/** A tunnel through a SOCKS proxy, and the library for it. */
import { lookup } from 'node:dns/promises';
import { isIP, type Socket } from 'node:net';
import { SocksClient } from 'socks';
import { AlprootError } from '../../core/errors.ts';
import { redactUrl } from '../../core/redact.ts';
import { portOf, withoutBrackets, type ProxiedEndpoint } from './endpoint.ts';

/**
 * A connection through it.
 *
 * @throws ALP_FETCH_PROXY with what the proxy answers
 */
export async function openSocks({ proxy, host, port, timeoutMs }: Omit<ProxiedEndpoint, 'roots'>): Promise<Socket> {
  const login =
    proxy.username === ''
      ? {}
      : { userId: decodeURIComponent(proxy.username), password: decodeURIComponent(proxy.password) };
  try {
    const { socket } = await SocksClient.createConnection({
      proxy: {
        host: withoutBrackets(proxy.hostname),
        port: portOf(proxy),
        type: proxy.protocol.startsWith('socks4') ? 4 : 5,
        ...login,
      },
      command: 'connect',
      destination: { host: await destinationFor(proxy, withoutBrackets(host)), port },
      timeout: timeoutMs,
    });
    return socket;
  } catch (error) {
    const { message } = error as Error;
    const hint = /auth|4[0-9a-f]*.*(?:rejected|failed)/i.test(message)
      ? 'it may want credentials: put them into the proxy variable, socks5h://user:password@proxy:port'
      : 'ask who runs the proxy, or exempt the host with NO_PROXY';
    throw new AlprootError('ALP_FETCH_PROXY', `SOCKS proxy ${redactUrl(proxy)}: ${message}`, { cause: error, hint });
  }
}

/**
 * Who resolves the name, as curl has it: with `socks4:` and `socks5:` this machine, with `socks4a:` and `socks5h:` the
 * proxy. A name that this machine does not know is left to the proxy in every case: many hosts behind one have no DNS.
 */
async function destinationFor({ protocol }: URL, host: string): Promise<string> {
  if (isIP(host) !== 0 || (protocol !== 'socks4:' && protocol !== 'socks5:')) return host;
  const family = protocol === 'socks4:' ? 4 : 0;
  return lookup(host, { family }).then(
    ({ address }) => address,
    () => host,
  );
}
