/**
 * Which certificates a server shows, and which check they fail: for `doctor --network` and for people behind an
 * intercepting proxy. The connection that it makes accepts anything, sends no data, and is closed at once.
 */
import type { Socket } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { openTunnel } from './tunnel.ts';

export interface ShownCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** As the certificate has it: `Jan  1 00:00:00 2026 GMT`. */
  readonly validFrom: string;
  readonly validTo: string;
  readonly sha256: string;
}

export interface TlsReport {
  /** From the server's own upwards; empty when there was no handshake. */
  readonly chain: readonly ShownCertificate[];
  /** undefined: every check passes. Otherwise OpenSSL's or Node's code: `CERT_HAS_EXPIRED`. */
  readonly failedCheck: string | undefined;
}

export interface TlsQuery {
  readonly host: string;
  readonly port: number;
  /** PEM texts of the CA certificates that count. */
  readonly roots: readonly string[];
  readonly timeoutMs: number;
  /** undefined: directly. */
  readonly proxy?: URL | undefined;
}

const MAX_CHAIN = 10;

/** Shakes hands with the server and hangs up. Never rejects: what fails is part of the report. */
export async function examineTls({ host: name, port, roots, timeoutMs, proxy }: TlsQuery): Promise<TlsReport> {
  const host = name.replace(/^\[|\]$/g, '');
  let tunnel: Socket | undefined;
  try {
    tunnel = proxy === undefined ? undefined : await openTunnel({ proxy, host, port, timeoutMs, roots });
  } catch (error) {
    return { chain: [], failedCheck: (error as Error).message };
  }
  return shakeHands({ host, port, roots, timeoutMs }, tunnel);
}

function shakeHands({ host, port, roots, timeoutMs }: TlsQuery, tunnel: Socket | undefined): Promise<TlsReport> {
  return new Promise((resolve) => {
    const way = tunnel === undefined ? { host, port } : { socket: tunnel, host };
    const socket = connect({
      ...way,
      ca: [...roots],
      rejectUnauthorized: false,
      ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
    });
    const end = (report: TlsReport): void => {
      socket.destroy();
      resolve(report);
    };
    socket.setTimeout(timeoutMs, () => end({ chain: [], failedCheck: 'TIMEOUT' }));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end({ chain: [], failedCheck: error.code ?? error.message }),
    );
    socket.once('secureConnect', () => {
      end({
        chain: certificateChain(socket.getPeerCertificate(true)),
        failedCheck: socket.authorized ? undefined : checkNameOf(socket.authorizationError),
      });
    });
  });
}

function certificateChain(leaf: DetailedPeerCertificate): ShownCertificate[] {
  const chain: ShownCertificate[] = [];
  const seen = new Set<string>();
  for (
    let at: DetailedPeerCertificate | undefined = leaf;
    at?.fingerprint256 !== undefined && !seen.has(at.fingerprint256) && chain.length < MAX_CHAIN;
    at = at.issuerCertificate
  ) {
    seen.add(at.fingerprint256);
    chain.push({
      subject: subjectText(at.subject),
      issuer: subjectText(at.issuer),
      validFrom: at.valid_from,
      validTo: at.valid_to,
      sha256: at.fingerprint256.replaceAll(':', '').toLowerCase(),
    });
  }
  return chain;
}

const subjectText = (name: { readonly CN?: string | string[]; readonly O?: string | string[] }): string =>
  [name.CN ?? name.O ?? ''].flat().join(', ');

/** Node says that it is an Error; it is a code, or an Error with one. */
function checkNameOf(failure: unknown): string {
  if (typeof failure === 'string') return failure;
  const { code, message = 'UNKNOWN' } = (failure ?? {}) as { readonly code?: string; readonly message?: string };
  return code ?? message;
}
