/**
 * Which certificates a server shows, and which check they fail: for `doctor --network` and for people behind an
 * intercepting proxy. The connection that it makes accepts anything, carries no data, and is closed at once.
 */
import { connect, type DetailedPeerCertificate } from 'node:tls';

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

export interface TlsQuestion {
  readonly host: string;
  readonly port: number;
  /** PEM texts of the authorities that count. */
  readonly roots: readonly string[];
  readonly timeoutMs: number;
}

const MAX_CHAIN = 10;

/** Asks the server directly, without a proxy. Never rejects: what fails is part of the report. */
export function examineTls({ host, port, roots, timeoutMs }: TlsQuestion): Promise<TlsReport> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, ca: [...roots], rejectUnauthorized: false, ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }) });
    const end = (report: TlsReport): void => {
      socket.destroy();
      resolve(report);
    };
    socket.setTimeout(timeoutMs, () => end({ chain: [], failedCheck: 'TIMEOUT' }));
    socket.once('error', (error: NodeJS.ErrnoException) => end({ chain: [], failedCheck: error.code ?? error.message }));
    socket.once('secureConnect', () => {
      const trouble = socket.authorizationError as (Error & { code?: string }) | string | null | undefined;
      end({ chain: chainOf(socket.getPeerCertificate(true)), failedCheck: socket.authorized ? undefined : typeof trouble === 'string' ? trouble : (trouble?.code ?? trouble?.message ?? 'UNKNOWN') });
    });
  });
}

function chainOf(leaf: DetailedPeerCertificate): ShownCertificate[] {
  const chain: ShownCertificate[] = [];
  const seen = new Set<string>();
  for (let at: DetailedPeerCertificate | undefined = leaf; at?.fingerprint256 !== undefined && !seen.has(at.fingerprint256) && chain.length < MAX_CHAIN; at = at.issuerCertificate) {
    seen.add(at.fingerprint256);
    chain.push({ subject: nameOf(at.subject), issuer: nameOf(at.issuer), validFrom: at.valid_from, validTo: at.valid_to, sha256: at.fingerprint256.replaceAll(':', '').toLowerCase() });
  }
  return chain;
}

const nameOf = (name: { readonly CN?: string | string[]; readonly O?: string | string[] }): string => [name.CN ?? name.O ?? ''].flat().join(', ');
