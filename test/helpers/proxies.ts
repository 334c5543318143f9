/**
 * Proxies of every kind that people are behind, on this machine. Each sends every connection to a port of this
 * machine.
 */
import { createServer as createHttp, request as requestHttp, type IncomingMessage } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { connect, createServer as createNet, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import type { makePair } from './https-mirror.ts';

type Pair = ReturnType<typeof makePair>;

export interface TestProxy {
  readonly port: number;
  /** Hosts that were asked for, as the proxy was told them: names or addresses. */
  readonly hosts: readonly string[];
  readonly close: () => Promise<void>;
}

interface Login {
  readonly user: string;
  readonly password: string;
}

export interface HttpProxyKind {
  /** Is reached by https, with this certificate. */
  readonly pair?: Pair;
  /** 407 to whoever does not send it. */
  readonly login?: Login;
  /** Reads what is said: shows this certificate to clients, and trusts that of the server. */
  readonly intercept?: { readonly shown: Pair; readonly root: string };
}

/** CONNECT, and plain http by absolute URLs. */
export function startHttpProxy({ pair, login, intercept }: HttpProxyKind = {}): Promise<TestProxy> {
  const proxy = newProxy();
  const isWelcome = ({ headers }: IncomingMessage): boolean =>
    login === undefined ||
    headers['proxy-authorization'] === `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`;
  const server = pair === undefined ? createHttp() : createHttps({ key: pair.keyPem, cert: pair.certPem });
  server.on('request', (request: IncomingMessage, response) => {
    const url = new URL(request.url ?? '', 'http://none');
    proxy.hosts.push(url.hostname);
    if (!isWelcome(request)) return void response.writeHead(407, { 'proxy-authenticate': 'Basic realm="test"' }).end();
    const { 'proxy-authorization': _login, ...headers } = request.headers;
    const forward = requestHttp(
      {
        host: '127.0.0.1',
        port: url.port,
        path: `${url.pathname}${url.search}`,
        method: request.method,
        headers,
        agent: false,
      },
      (answer) => {
        answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers));
      },
    );
    request.pipe(forward.on('error', () => response.destroy()));
  });
  server.on('connect', (request: IncomingMessage, client: Socket) => {
    const { hostname, port } = new URL(`http://${request.url ?? ''}`);
    proxy.hosts.push(hostname);
    proxy.kept(client);
    if (!isWelcome(request))
      return void client.end(
        'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="test"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
      );
    client.write('HTTP/1.1 200 OK\r\n\r\n');
    const near =
      intercept === undefined
        ? client
        : proxy.kept(
            new TLSSocket(client, { isServer: true, key: intercept.shown.keyPem, cert: intercept.shown.certPem }),
          );
    const far = proxy.kept(
      intercept === undefined
        ? connect(Number(port), '127.0.0.1')
        : connectTls({ host: '127.0.0.1', port: Number(port), servername: hostname, ca: [intercept.root] }),
    );
    far.pipe(near).pipe(far);
  });
  return proxy.listen(server);
}

export interface SocksKind {
  readonly version: 4 | 5;
  readonly login?: Login;
}

/** Version 4 takes a user alone, as its protocol has it; names come by the extension 4a. */
export function startSocksProxy({ version, login }: SocksKind): Promise<TestProxy> {
  const proxy = newProxy();
  const server = createNet((client) => {
    proxy.kept(client);
    void (version === 4 ? greetFour(client, login) : greetFive(client, login)).then(
      ({ host, port, accept }) => {
        proxy.hosts.push(host);
        const target = proxy.kept(
          connect(port, '127.0.0.1', () => {
            client.write(accept);
            target.pipe(client).pipe(target);
          }),
        );
      },
      () => client.destroy(),
    );
  });
  return proxy.listen(server);
}

interface Wish {
  readonly host: string;
  readonly port: number;
  /** What says yes. */
  readonly accept: Buffer;
}

const nextData = (client: Socket): Promise<Buffer> => new Promise((resolve) => client.once('data', resolve));

/** @param type 3 for a name; otherwise an address of 4 or 16 bytes */
function hostOf(type: number | undefined, address: Buffer): string {
  if (type === 3) return address.toString('latin1');
  return address.length === 4 ? address.join('.') : 'ipv6';
}

/** @see RFC 1928, and RFC 1929 for the login */
async function greetFive(client: Socket, login: Login | undefined): Promise<Wish> {
  const methods = [...(await nextData(client)).subarray(2)];
  const method = login === undefined ? 0 : 2;
  if (!methods.includes(method)) {
    client.end(Buffer.from([5, 0xff]));
    throw new Error('no method');
  }
  client.write(Buffer.from([5, method]));
  if (login !== undefined) {
    const given = await nextData(client);
    const length = given[1] ?? 0;
    const isRight =
      given.toString('utf8', 2, 2 + length) === login.user && given.toString('utf8', 3 + length) === login.password;
    client.write(Buffer.from([1, isRight ? 0 : 1]));
    if (!isRight) throw new Error('no entry');
  }
  const request = await nextData(client);
  const port = request.readUInt16BE(request.length - 2);
  const address = request.subarray(request[3] === 3 ? 5 : 4, request.length - 2);
  return { host: hostOf(request[3], address), port, accept: Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]) };
}

/** @see the SOCKS4 and SOCKS4A specifications */
async function greetFour(client: Socket, login: Login | undefined): Promise<Wish> {
  const request = await nextData(client);
  const [user = '', name = ''] = request.toString('latin1', 8).split('\0');
  if (login !== undefined && user !== login.user) {
    client.end(Buffer.from([0, 0x5d, 0, 0, 0, 0, 0, 0]));
    throw new Error('no entry');
  }
  return {
    host: name === '' ? [...request.subarray(4, 8)].join('.') : name,
    port: request.readUInt16BE(2),
    accept: Buffer.from([0, 0x5a, 0, 0, 0, 0, 0, 0]),
  };
}

interface Draft {
  readonly hosts: string[];
  /** Remembers a socket that is closed with the proxy. */
  readonly kept: <S extends Socket>(socket: S) => S;
  readonly listen: (server: Server) => Promise<TestProxy>;
}

function newProxy(): Draft {
  const hosts: string[] = [];
  const sockets = new Set<Socket>();
  const kept: Draft['kept'] = (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    return socket;
  };
  return {
    hosts,
    kept,
    listen: (server) =>
      new Promise((resolve) =>
        server.listen(0, '127.0.0.1', () =>
          resolve({
            port: (server.address() as AddressInfo).port,
            hosts,
            close: () =>
              new Promise((done) => {
                for (const socket of sockets) socket.destroy();
                server.close(() => done());
              }),
          }),
        ),
      ),
  };
}
