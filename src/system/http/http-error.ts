/** What went wrong on the network, in words that say whose fault it may be. */
import { AlprootError } from '../../core/errors.ts';
import { redactUrl, showName } from '../../core/redact.ts';
import type { ShownCertificate } from './tls-chain.ts';

const TLS_REASONS: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  CERT_HAS_EXPIRED: [
    'its certificate has expired',
    "check this machine's clock; if it is right, the server's certificate must be renewed",
  ],
  CERT_NOT_YET_VALID: ['its certificate is not valid yet', "check this machine's clock"],
  DEPTH_ZERO_SELF_SIGNED_CERT: [
    'its certificate is self-signed',
    'give the certificate with --ca-file FILE if you trust it',
  ],
  SELF_SIGNED_CERT_IN_CHAIN: [
    'its chain ends in an unknown root',
    'behind an intercepting proxy, give its root with --ca-file FILE; `alproot doctor --network` lists the CA certificates that count',
  ],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: [
    'the issuer of its certificate is unknown',
    'behind an intercepting proxy, give its root with --ca-file FILE; `alproot doctor --network` lists the CA certificates that count',
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [
    'the issuer of its certificate is unknown',
    'behind an intercepting proxy, give its root with --ca-file FILE; `alproot doctor --network` lists the CA certificates that count',
  ],
  UNABLE_TO_GET_ISSUER_CERT: [
    'the issuer of its certificate is unknown',
    'behind an intercepting proxy, give its root with --ca-file FILE; `alproot doctor --network` lists the CA certificates that count',
  ],
  CERT_SIGNATURE_FAILURE: [
    'its certificate is signed by an unknown authority under a known name',
    'behind an intercepting proxy, give its root with --ca-file FILE; `alproot doctor --network` lists the CA certificates that count',
  ],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'its certificate is for another host',
    'the name in the URL is wrong, or somebody answers in its place',
  ],
};

/** Wraps once; our own errors pass. @param proxy that the request went through */
export function explainNetworkError(error: unknown, url: URL, proxy?: URL): AlprootError {
  if (error instanceof AlprootError) return error;
  const where = redactUrl(url);
  const { code = '', message } = deepest(error);
  const tls = TLS_REASONS[code];
  if (tls !== undefined)
    return new AlprootError('ALP_FETCH_TLS', `TLS to ${where}: ${tls[0]}${issuerOf(error)}`, {
      cause: error,
      hint: tls[1],
      facts: { check: code },
    });
  if (
    /^ERR_(?:SSL|TLS)|EPROTO|^(?:UNSPECIFIED|UNABLE_TO_|CERT_|CRL_|ERROR_IN_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH|HOSTNAME_MISMATCH)/.test(
      code,
    ) ||
    /SSL routines|certificate/.test(message)
  )
    return new AlprootError('ALP_FETCH_TLS', `TLS to ${where}: ${message}`, {
      cause: error,
      hint: 'see alproot doctor --network',
      facts: { check: code },
    });
  const refused = /Proxy (?:response|Authentication Required) \((\d{3})\)/.exec(chainText(error))?.[1];
  if (refused !== undefined) {
    return new AlprootError('ALP_FETCH_PROXY', `the proxy refuses the way to ${where} (${refused})`, {
      cause: error,
      facts: { status: Number(refused) },
      hint:
        refused === '407'
          ? 'it wants credentials: put them into the proxy variable, http://user:password@proxy:port'
          : 'ask who runs the proxy, or exempt the host with NO_PROXY',
    });
  }
  if (/TIMEOUT|ETIMEDOUT/.test(code))
    return new AlprootError('ALP_FETCH_SLOW', `no answer from ${where} in time`, { cause: error });
  if (proxy !== undefined && /^E[A-Z_]+$/.test(code)) {
    return new AlprootError(
      'ALP_FETCH_NETWORK',
      `cannot reach ${where} through the proxy ${redactUrl(proxy)}: ${code}`,
      {
        cause: error,
        hint: 'check the proxy variable (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY), or exempt the host with NO_PROXY',
        facts: { errno: code },
      },
    );
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new AlprootError('ALP_FETCH_NETWORK', `cannot resolve the name of ${where}`, {
      cause: error,
      hint: 'no network, or a proxy is needed: set HTTPS_PROXY',
      facts: { errno: code },
    });
  if (/^UND_ERR_(?:RES_CONTENT|RESPONSE_CONTENT)|HPE_/.test(code))
    return new AlprootError('ALP_FETCH_TRUNCATED', `${where} sent a broken answer: ${message}`, { cause: error });
  return new AlprootError('ALP_FETCH_NETWORK', `cannot reach ${where}: ${code === '' ? message : code}`, {
    cause: error,
    hint: 'check the address and the network, or name another mirror with --mirror',
    facts: { errno: code },
  });
}

const UNKNOWN_ROOT = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
]);
const WRONG_DATE = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);

/** Whether a look at the server's certificates would say more than the error does. */
export const wantsChain = (error: AlprootError): boolean =>
  error.code === 'ALP_FETCH_TLS' && (UNKNOWN_ROOT.has(checkOf(error)) || WRONG_DATE.has(checkOf(error)));

const checkOf = ({ facts }: AlprootError): string => String(facts['check']);

/**
 * The same error with what the certificates tell: who stands in between, or how far the clock is off.
 *
 * @param now milliseconds since 1970
 */
export function explainChain(error: AlprootError, chain: readonly ShownCertificate[], now: number): AlprootError {
  const leaf = chain[0];
  const last = chain.at(-1);
  if (leaf === undefined || last === undefined) return error;
  const facts = { ...error.facts, chain };
  if (UNKNOWN_ROOT.has(checkOf(error))) {
    const who = showName(last.issuer);
    return new AlprootError(
      'ALP_FETCH_TLS',
      `${error.message} (issuer ${who}): a proxy that intercepts TLS, or a server with an authority of its own`,
      { cause: error.cause, hint: error.hint, facts },
    );
  }
  const culprit =
    chain.find(({ validFrom, validTo }) => Date.parse(validFrom) > now || Date.parse(validTo) < now) ?? leaf;
  const clock = `this machine's clock says ${new Date(now).toISOString().slice(0, 16)}Z`;
  const wrong = Date.parse(culprit.validFrom) > now;
  const text = `${showName(culprit.subject)} is valid from ${culprit.validFrom} to ${culprit.validTo}, and ${clock}${wrong ? ': the clock is wrong, or the certificate is from the future' : ''}`;
  return new AlprootError('ALP_FETCH_TLS', `${error.message}: ${text}`, {
    cause: error.cause,
    hint: error.hint,
    facts,
  });
}

/** The messages of an error and its causes. */
function chainText(error: unknown): string {
  const { message = '', cause } = error as { message?: string; cause?: unknown };
  return cause === undefined ? message : `${message}\n${chainText(cause)}`;
}

function deepest(error: unknown): { code?: string; message: string } {
  let at = error as { code?: string; message?: string; cause?: unknown; errors?: unknown[] };
  while (at.code === undefined && (at.cause ?? at.errors?.[0]) !== undefined)
    at = (at.cause ?? at.errors?.[0]) as typeof at;
  return { ...(typeof at.code === 'string' ? { code: at.code } : {}), message: at.message ?? String(error) };
}

function issuerOf(error: unknown): string {
  const { cert } = error as { cert?: { issuer?: { CN?: string; O?: string } } };
  const name = cert?.issuer?.CN ?? cert?.issuer?.O;
  return name === undefined ? '' : ` (issuer ${name})`;
}
