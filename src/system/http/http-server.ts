/**
 * A small read-only web server for one directory: GET and HEAD, byte ranges, validators. What may be served is said by
 * who starts it; names that begin with a dot never are, nor what a link leads to outside the directory.
 */
import {
  createServer as createHttp,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttps } from 'node:https';
import {
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
} from 'node:fs';
import type { AddressInfo } from 'node:net';
import { AlprootError, errnoOf } from '../../core/errors.ts';
import type { HostPath } from '../../core/paths.ts';

export interface FileServerOptions {
  readonly directory: HostPath;
  /** Whether a file may be served, by its path below the directory. Asked for the name and for where a link leads. */
  readonly allows: (path: string) => boolean;
  /** The same by its content, for files of up to `SMALL_BYTES`. */
  readonly allowsContent: (path: string, bytes: Buffer) => boolean;
  /** An address of this host; `127.0.0.1` keeps it to this machine. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** PEM. Plain HTTP without it. */
  readonly tls?: { readonly keyPem: string; readonly certificatePem: string } | undefined;
  readonly onRequest?: (request: { readonly method: string; readonly path: string; readonly status: number }) => void;
}

export interface FileServer {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  readonly port: number;
  /** Ends all connections. */
  readonly close: () => Promise<void>;
}

/** No private key is larger. */
const SMALL_BYTES = 64 * 1024;

const TYPES: Readonly<Record<string, string>> = {
  yaml: 'text/yaml',
  pub: 'application/x-pem-file',
  gz: 'application/gzip',
};

/** Starts serving. @throws ALP_USAGE_ARGUMENT when the address cannot be used */
export function serveFiles(options: FileServerOptions): Promise<FileServer> {
  const root = realpathSync(options.directory);
  const listener: RequestListener = (request, response) => {
    const status = answer({ ...options, directory: root as HostPath }, request, response);
    options.onRequest?.({ method: request.method ?? '', path: request.url ?? '', status });
  };
  const server: Server =
    options.tls === undefined
      ? createHttp(listener)
      : createHttps({ key: options.tls.keyPem, cert: options.tls.certificatePem }, listener);
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new AlprootError(
          'ALP_USAGE_ARGUMENT',
          `cannot listen on ${options.host}:${options.port}: ${errnoOf(error) ?? error.message}`,
          { cause: error },
        ),
      );
    });
    server.listen(options.port, options.host, () => {
      const { port } = server.address() as AddressInfo;
      const host = options.host.includes(':') ? `[${options.host}]` : options.host;
      const close = (): Promise<void> =>
        new Promise((done) => {
          server.close(() => {
            done();
          });
          server.closeAllConnections();
        });
      resolve({ url: `${options.tls === undefined ? 'http' : 'https'}://${host}:${port}`, port, close });
    });
  });
}

type Served = Pick<FileServerOptions, 'directory' | 'allows' | 'allowsContent'>;

function answer(served: Served, request: IncomingMessage, response: ServerResponse): number {
  const refuse = (status: number): number => {
    response.writeHead(status, { 'content-type': 'text/plain' }).end();
    return status;
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405);
  const path = servedPath(served, request.url ?? '');
  const opened = path === undefined ? undefined : openInside(served, path);
  if (path === undefined || opened === undefined) return refuse(404);
  return send(request, response, { ...opened, path });
}

/** The file that a request names; undefined for hidden, odd or climbing names. */
function servedPath({ directory, allows }: Served, url: string): string | undefined {
  try {
    const parts = decodeURIComponent(url.replace(/[?#].*$/, ''))
      .split('/')
      .filter((part) => part !== '');
    if (parts.length === 0 || parts.some((part) => part.startsWith('.') || part.includes('\0'))) return undefined;
    return allows(parts.join('/')) ? `${directory}/${parts.join('/')}` : undefined;
  } catch {
    return undefined;
  }
}

interface Opened {
  readonly fd: number;
  readonly stat: Stats;
}

/** Opens first and asks the kernel afterwards where that was, so that no link can be swapped in between. */
function openInside({ directory: root, allows, allowsContent }: Served, path: string): Opened | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const stat = fstatSync(fd);
    const real = readlinkSync(`/proc/self/fd/${fd}`);
    const below = real.startsWith(`${root}/`) ? real.slice(root.length + 1) : undefined;
    const isAllowed = below !== undefined && !`/${below}`.includes('/.') && allows(below);
    if (stat.isFile() && isAllowed && (stat.size > SMALL_BYTES || allowsContent(below, contentOf(fd, stat.size))))
      return { fd, stat };
  } catch {
    // No /proc: nothing can be promised, so nothing is served.
  }
  closeSync(fd);
  return undefined;
}

function contentOf(fd: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  return bytes.subarray(0, readSync(fd, bytes, 0, sizeBytes, 0));
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { fd, stat, path }: Opened & { readonly path: string },
): number {
  const tag = `"${stat.mtimeMs.toString(16)}-${stat.size.toString(16)}"`;
  const modified = new Date(stat.mtimeMs).toUTCString();
  const headers = {
    'content-type': TYPES[/[^.]*$/.exec(path)?.[0] ?? ''] ?? 'application/octet-stream',
    'accept-ranges': 'bytes',
    etag: tag,
    'last-modified': modified,
  };
  const end = (status: number, more: Record<string, string | number> = {}): number => {
    closeSync(fd);
    response.writeHead(status, { ...headers, ...more }).end();
    return status;
  };
  const since = request.headers['if-modified-since'];
  const known =
    request.headers['if-none-match'] === tag ||
    (request.headers['if-none-match'] === undefined &&
      since !== undefined &&
      Date.parse(since) >= Math.floor(stat.mtimeMs / 1000) * 1000);
  if (known) return end(304);
  const condition = request.headers['if-range'];
  const range =
    condition === undefined || condition === tag || condition === modified
      ? parseRange(request.headers.range, stat.size)
      : undefined;
  if (range === 'impossible') return end(416, { 'content-range': `bytes */${stat.size}` });
  const { start, last } = range ?? { start: 0, last: stat.size - 1 };
  const status = range === undefined ? 200 : 206;
  const length = {
    'content-length': last - start + 1,
    ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${last}/${stat.size}` }),
  };
  if (request.method === 'HEAD' || last < start) return end(status, length);
  response.writeHead(status, { ...headers, ...length });
  const stream = createReadStream('', { fd, start, end: last });
  stream.on('error', () => response.destroy());
  response.on('close', () => stream.destroy());
  stream.pipe(response);
  return status;
}

/** One range of `bytes=`; several, or nonsense, are ignored as RFC 9110 allows. */
function parseRange(
  header: string | undefined,
  size: number,
): { readonly start: number; readonly last: number } | 'impossible' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return undefined;
  const start = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const last = match[1] === '' || match[2] === '' ? size - 1 : Math.min(size - 1, Number(match[2]));
  return start >= size || last < start ? 'impossible' : { start, last };
}
