/** A web server on this machine that misbehaves on request, with certificates made for the run. */
import { generateKeyPairSync } from 'node:crypto';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { connect, createServer as createNet, type AddressInfo, type Server, type Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import forge from 'node-forge';

const DAY = 86_400_000;

interface Pair {
  readonly keyPem: string;
  readonly certPem: string;
}

export interface CertificateWishes {
  readonly names?: readonly string[];
  /** Days from now. */
  readonly from?: number;
  readonly until?: number;
  readonly issuer?: Pair;
  readonly authority?: boolean;
  readonly sha1?: boolean;
}

/** Self-signed without an issuer. Names that are addresses become addresses. */
export function makePair({
  names = ['localhost', '127.0.0.1'],
  from = -1,
  until = 30,
  issuer,
  authority = false,
  sha1 = false,
}: CertificateWishes): Pair {
  const keyPem = generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs1', format: 'pem' })
    .toString();
  const key = forge.pki.privateKeyFromPem(keyPem);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(key.n, key.e);
  certificate.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(8))}`;
  certificate.validity.notBefore = new Date(Date.now() + from * DAY);
  certificate.validity.notAfter = new Date(Date.now() + until * DAY);
  certificate.setSubject([{ name: 'commonName', value: authority ? 'Test Root' : 'Test Leaf' }]);
  certificate.setIssuer(
    issuer === undefined
      ? certificate.subject.attributes
      : forge.pki.certificateFromPem(issuer.certPem).subject.attributes,
  );
  certificate.setExtensions(
    authority
      ? [
          { name: 'basicConstraints', cA: true, critical: true },
          { name: 'keyUsage', keyCertSign: true },
        ]
      : [
          {
            name: 'subjectAltName',
            altNames: names.map((name) => (/^[\d.]+$/.test(name) ? { type: 7, ip: name } : { type: 2, value: name })),
          },
        ],
  );
  certificate.sign(
    issuer === undefined ? key : forge.pki.privateKeyFromPem(issuer.keyPem),
    sha1 ? forge.md.sha1.create() : forge.md.sha256.create(),
  );
  return { keyPem, certPem: forge.pki.certificateToPem(certificate) };
}

export interface Visit {
  /** From 1. */
  readonly count: number;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Sends exactly this and hangs up. */
  readonly raw: (text: string) => void;
}

export interface TestServer {
  readonly url: string;
  readonly port: number;
  /** What was asked for, in order. */
  readonly visits: readonly { readonly path: string; readonly headers: IncomingMessage['headers'] }[];
  readonly close: () => Promise<void>;
}

/**
 * @param pair HTTPS with this certificate; plain HTTP without. Its own standards are the lowest, so that the client's
 * decide.
 */
export function startServer(
  handler: (visit: Visit) => void,
  pair?: Pair,
  options: TlsOptions = {},
): Promise<TestServer> {
  const visits: { path: string; headers: IncomingMessage['headers'] }[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    visits.push({ path: request.url ?? '', headers: request.headers });
    handler({ count: visits.length, request, response, raw: (text) => void request.socket.end(text, 'latin1') });
  };
  const server =
    pair === undefined
      ? createHttp(listener)
      : createHttps({ key: pair.keyPem, cert: pair.certPem, ciphers: 'DEFAULT@SECLEVEL=0', ...options }, listener);
  return listening(server, (port) => ({
    url: `${pair === undefined ? 'http' : 'https'}://localhost:${port}`,
    port,
    visits,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  }));
}

const listening = <T>(server: Server, made: (port: number) => T): Promise<T> =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(made((server.address() as AddressInfo).port))));

/** An HTTP proxy that tunnels CONNECT, or answers it with `refuse`. */
export function startProxy(refuse?: number): Promise<TestServer> {
  const visits: { path: string; headers: IncomingMessage['headers'] }[] = [];
  const sockets = new Set<Socket>();
  const server = createHttp((request, response) => {
    visits.push({ path: request.url ?? '', headers: request.headers });
    response.end(`proxied ${request.url ?? ''}`);
  });
  server.on('connect', (request: IncomingMessage, client: Socket) => {
    visits.push({ path: request.url ?? '', headers: request.headers });
    sockets.add(client);
    client.on('error', () => undefined);
    if (refuse !== undefined) return void client.end(`HTTP/1.1 ${refuse} No\r\n\r\n`);
    const target = connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      target.pipe(client).pipe(target);
    });
    sockets.add(target);
    target.on('error', () => client.destroy());
  });
  return listening(server, (port) => ({
    url: `http://127.0.0.1:${port}`,
    port,
    visits,
    close: () =>
      new Promise((done) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => done());
        server.closeAllConnections();
      }),
  }));
}

/** A SOCKS5 proxy without login that sends every connection to this machine. */
export function startSocks(): Promise<{
  readonly port: number;
  readonly names: readonly string[];
  readonly close: () => void;
}> {
  const names: string[] = [];
  const sockets = new Set<Socket>();
  const server = createNet((client) => {
    sockets.add(client);
    client.on('error', () => undefined);
    client.once('data', () => {
      client.write(Buffer.from([5, 0]));
      client.once('data', (request) => {
        const length = request[4] ?? 0;
        names.push(request[3] === 3 ? request.toString('latin1', 5, 5 + length) : 'address');
        const target = connect(request.readUInt16BE(request.length - 2), '127.0.0.1', () => {
          client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
          target.pipe(client).pipe(target);
        });
        sockets.add(target);
        target.on('error', () => client.destroy());
      });
    });
  });
  return listening(server, (port) => ({
    port,
    names,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  }));
}
