/**
 * A bare connection to a host through a proxy, and what can be asked of the way to a host without one: names, TCP. For
 * examinations; transfers go through undici.
 */
import { lookup } from 'node:dns/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect, type Socket } from 'node:net';
import { errnoOf } from '../../core/errors.ts';

export interface Way {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
}

export interface ProxiedWay extends Way {
  readonly proxy: URL;
  /** PEM texts, for a proxy that is itself reached by https. */
  readonly roots: readonly string[];
}

/** Addresses of a name, or the errno. */
export async function resolveHost(host: string): Promise<readonly string[] | string> {
  try {
    return (await lookup(host.replace(/^\[|\]$/g, ''), { all: true })).map(({ address }) => address);
  } catch (error) {
    return errnoOf(error) ?? 'ENOTFOUND';
  }
}

/** Whether somebody listens: undefined, or the errno. */
export function tryConnect({ host, port, timeoutMs }: Way): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: host.replace(/^\[|\]$/g, ''), port });
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
export async function openTunnel(way: ProxiedWay): Promise<Socket> {
  return way.proxy.protocol.startsWith('socks')
    ? (await import('./socks-tunnel.ts')).openSocks(way)
    : openConnect(way);
}

/** A host as sockets take it: an IPv6 address without its brackets. */
export const bareHost = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');

export const portOf = (url: URL): number =>
  Number(url.port) || (url.protocol === 'https:' ? 443 : url.protocol.startsWith('socks') ? 1080 : 80);

function openConnect({ proxy, host, port, timeoutMs, roots }: ProxiedWay): Promise<Socket> {
  const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const headers = {
    host: target,
    ...(login === ':' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` }),
  };
  const common = {
    host: bareHost(proxy),
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
