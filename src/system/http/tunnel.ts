/**
 * A bare connection to a host through a proxy, and probes of a direct one: names, TCP. For diagnosis; transfers go
 * through undici.
 */
import { lookup } from 'node:dns/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect, type Socket } from 'node:net';
import { errnoOf } from '../../core/errors.ts';
import { portOf, withoutBrackets, type Endpoint, type ProxiedEndpoint } from './endpoint.ts';

/** Addresses of a name, or the errno. */
export async function resolveHost(host: string): Promise<readonly string[] | string> {
  try {
    return (await lookup(withoutBrackets(host), { all: true })).map(({ address }) => address);
  } catch (error) {
    return errnoOf(error) ?? 'ENOTFOUND';
  }
}

/** Whether somebody listens: undefined, or the errno. */
export function tryConnect({ host, port, timeoutMs }: Endpoint): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: withoutBrackets(host), port });
    const end = (result: string | undefined): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(timeoutMs, () => end('ETIMEDOUT'));
    socket.once('connect', () => end(undefined));
    socket.once('error', (error) =>
      end(errnoOf(error) ?? errnoOf((error as AggregateError).errors?.[0]) ?? error.message),
    );
  });
}

/** A socket whose other end is the host, through an HTTP(S) or SOCKS proxy. Rejects with the proxy's answer. */
export async function openTunnel(endpoint: ProxiedEndpoint): Promise<Socket> {
  return endpoint.proxy.protocol.startsWith('socks')
    ? (await import('./socks-tunnel.ts')).openSocks(endpoint)
    : openConnect(endpoint);
}

function openConnect({ proxy, host, port, timeoutMs, roots }: ProxiedEndpoint): Promise<Socket> {
  const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const headers = {
    host: target,
    ...(login === ':' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` }),
  };
  const common = {
    host: withoutBrackets(proxy.hostname),
    port: portOf(proxy),
    method: 'CONNECT',
    path: target,
    headers,
    timeout: timeoutMs,
    agent: false,
  };
  return new Promise((resolve, reject) => {
    const request = proxy.protocol === 'https:' ? requestHttps({ ...common, ca: [...roots] }) : requestHttp(common);
    request.once('connect', ({ statusCode = 0 }, socket: Socket) => {
      if (statusCode >= 200 && statusCode < 300) resolve(socket);
      else {
        socket.destroy();
        reject(new Error(`the proxy answered ${statusCode}`));
      }
    });
    request.once('timeout', () => request.destroy(new Error('the proxy does not answer')));
    request.once('response', ({ statusCode = 0 }) => request.destroy(new Error(`the proxy answered ${statusCode}`)));
    request.once('error', reject);
    request.end();
  });
}
