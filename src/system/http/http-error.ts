/** What went wrong on the network, in words that say whose fault it may be. */
import { AlprootError, type ErrorCode } from '../../core/errors.ts';
import { redactUrl, showName } from '../../core/redact.ts';
import type { ShownCertificate } from './tls-chain.ts';

interface TlsReason {
  readonly what: string;
  readonly hint: string;
  /** What the server's certificates would tell besides. */
  readonly chainTells?: 'issuer' | 'dates';
}

const INTERCEPTED =
  'behind an intercepting proxy, give its root with --ca-file FILE; ' +
  '`alproot doctor --network` lists the CA certificates that count';
const UNKNOWN_ISSUER: TlsReason = {
  what: 'the issuer of its certificate is unknown',
  hint: INTERCEPTED,
  chainTells: 'issuer',
};

/** By OpenSSL's and Node's codes. */
const TLS_REASONS: Readonly<Record<string, TlsReason>> = {
  CERT_HAS_EXPIRED: {
    what: 'its certificate has expired',
    hint: "check this machine's clock; if it is right, the server's certificate must be renewed",
    chainTells: 'dates',
  },
  CERT_NOT_YET_VALID: {
    what: 'its certificate is not valid yet',
    hint: "check this machine's clock",
    chainTells: 'dates',
  },
  DEPTH_ZERO_SELF_SIGNED_CERT: {
    what: 'its certificate is self-signed',
    hint: 'give the certificate with --ca-file FILE if you trust it',
    chainTells: 'issuer',
  },
  SELF_SIGNED_CERT_IN_CHAIN: { what: 'its chain ends in an unknown root', hint: INTERCEPTED, chainTells: 'issuer' },
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_ISSUER,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_ISSUER,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_ISSUER,
  CERT_SIGNATURE_FAILURE: {
    what: 'its certificate is signed by an unknown authority under a known name',
    hint: INTERCEPTED,
    chainTells: 'issuer',
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    what: 'its certificate is for another host',
    hint: 'the name in the URL is wrong, or somebody answers in its place',
  },
};

/** What is known of a failure: the error itself, and the code and message at its root. */
interface Failure {
  readonly error: unknown;
  /** Of the host, without credentials. */
  readonly where: string;
  /** That the request went through. */
  readonly proxy: URL | undefined;
  readonly code: string;
  readonly message: string;
}

interface Explanation {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** In this order: undefined for failures of another kind. */
const EXPLANATIONS: readonly ((failure: Failure) => Explanation | undefined)[] = [
  knownTlsFailure,
  otherTlsFailure,
  proxyRefusal,
  ({ code, where }) =>
    /TIMEOUT|ETIMEDOUT/.test(code)
      ? { code: 'ALP_FETCH_SLOW', message: `no answer from ${where} in time` }
      : undefined,
  unreachableProxy,
  ({ code, where }) =>
    code === 'ENOTFOUND' || code === 'EAI_AGAIN'
      ? {
          code: 'ALP_FETCH_NETWORK',
          message: `cannot resolve the name of ${where}`,
          hint: 'no network, or a proxy is needed: set HTTPS_PROXY',
          facts: { errno: code },
        }
      : undefined,
  ({ code, where, message }) =>
    /^UND_ERR_(?:RES_CONTENT|RESPONSE_CONTENT)|HPE_/.test(code)
      ? { code: 'ALP_FETCH_TRUNCATED', message: `${where} sent a broken answer: ${message}` }
      : undefined,
];

function unreachableProxy({ code, where, proxy }: Failure): Explanation | undefined {
  if (proxy === undefined || !/^E[A-Z_]+$/.test(code)) return undefined;
  return {
    code: 'ALP_FETCH_NETWORK',
    message: `cannot reach ${where} through the proxy ${redactUrl(proxy)}: ${code}`,
    hint: 'check the proxy variable (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY), or exempt the host with NO_PROXY',
    facts: { errno: code },
  };
}

const unreachable = ({ code, where, message }: Failure): Explanation => ({
  code: 'ALP_FETCH_NETWORK',
  message: `cannot reach ${where}: ${code === '' ? message : code}`,
  hint: 'check the address and the network, or name another mirror with --mirror',
  facts: { errno: code },
});

/** Wraps once; our own errors pass. @param proxy that the request went through */
export function explainNetworkError(error: unknown, url: URL, proxy?: URL): AlprootError {
  if (error instanceof AlprootError) return error;
  const { code = '', message } = deepest(error);
  const failure: Failure = { error, where: redactUrl(url), proxy, code, message };
  let explanation: Explanation | undefined;
  for (const explain of EXPLANATIONS) explanation ??= explain(failure);
  const { code: ours, message: text, hint, facts = {} } = explanation ?? unreachable(failure);
  return new AlprootError(ours, text, { cause: error, hint, facts });
}

function knownTlsFailure({ error, where, code }: Failure): Explanation | undefined {
  const reason = TLS_REASONS[code];
  if (reason === undefined) return undefined;
  return {
    code: 'ALP_FETCH_TLS',
    message: `TLS to ${where}: ${reason.what}${issuerOf(error)}`,
    hint: reason.hint,
    facts: { check: code },
  };
}

const TLS_CODES = new RegExp(
  [
    '^ERR_(?:SSL|TLS)|EPROTO',
    '^(?:UNSPECIFIED|UNABLE_TO_|CERT_|CRL_|ERROR_IN_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH|HOSTNAME_MISMATCH)',
  ].join('|'),
);

function otherTlsFailure({ where, code, message }: Failure): Explanation | undefined {
  if (!TLS_CODES.test(code) && !/SSL routines|certificate/.test(message)) return undefined;
  return {
    code: 'ALP_FETCH_TLS',
    message: `TLS to ${where}: ${message}`,
    hint: 'see alproot doctor --network',
    facts: { check: code },
  };
}

function proxyRefusal({ error, where }: Failure): Explanation | undefined {
  const status = /Proxy (?:response|Authentication Required) \((\d{3})\)/.exec(chainText(error))?.[1];
  if (status === undefined) return undefined;
  return {
    code: 'ALP_FETCH_PROXY',
    message: `the proxy refuses the way to ${where} (${status})`,
    facts: { status: Number(status) },
    hint:
      status === '407'
        ? 'it wants credentials: put them into the proxy variable, http://user:password@proxy:port'
        : 'ask who runs the proxy, or exempt the host with NO_PROXY',
  };
}

/** Whether the server's certificates would say more than the error does. */
export const wantsChain = (error: AlprootError): boolean => chainTellsOf(error) !== undefined;

const chainTellsOf = ({ code, facts }: AlprootError): TlsReason['chainTells'] =>
  code === 'ALP_FETCH_TLS' ? TLS_REASONS[String(facts['check'])]?.chainTells : undefined;

/**
 * The same error with what the certificates tell: who intercepts, or how far the clock is off.
 *
 * @param now milliseconds since 1970
 */
export function explainChain(error: AlprootError, chain: readonly ShownCertificate[], now: number): AlprootError {
  const leaf = chain[0];
  const last = chain.at(-1);
  if (leaf === undefined || last === undefined) return error;
  const told =
    chainTellsOf(error) === 'issuer'
      ? ` (issuer ${showName(last.issuer)}): a proxy that intercepts TLS, or a server with an authority of its own`
      : `: ${datesText(chain.find(({ validFrom, validTo }) => !isValidAt(now, validFrom, validTo)) ?? leaf, now)}`;
  return new AlprootError('ALP_FETCH_TLS', `${error.message}${told}`, {
    cause: error.cause,
    hint: error.hint,
    facts: { ...error.facts, chain },
  });
}

const isValidAt = (now: number, from: string, to: string): boolean =>
  !(Date.parse(from) > now || Date.parse(to) < now);

function datesText({ subject, validFrom, validTo }: ShownCertificate, now: number): string {
  const clock = `this machine's clock says ${new Date(now).toISOString().slice(0, 16)}Z`;
  const early = Date.parse(validFrom) > now ? ': the clock is wrong, or the certificate is from the future' : '';
  return `${showName(subject)} is valid from ${validFrom} to ${validTo}, and ${clock}${early}`;
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
