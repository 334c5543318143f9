/** What the headers of an answer mean; numbers are read strictly. */
import { AlprootError } from '../core/errors.ts';
import { redactUrl } from '../core/redact.ts';
import type { HttpResponse } from '../system/http/http.ts';

const RETRY_AFTER_CAP_MS = 120_000;
const WHOLE = /^(?:0|[1-9]\d{0,14})$/;

/**
 * The whole size that the headers promise, if any.
 *
 * @throws ALP_LIMIT_SIZE, ALP_FETCH_TRUNCATED for a number that is none
 */
export function checkLength(
  response: HttpResponse,
  { already, maxBytes }: { readonly already: number; readonly maxBytes: number },
): number | undefined {
  const text = response.headers['content-length'];
  if (text === undefined) return undefined;
  if (!WHOLE.test(text))
    throw new AlprootError('ALP_FETCH_TRUNCATED', `${redactUrl(response.url)} sent an illegal Content-Length`);
  const total = already + Number(text);
  if (total > maxBytes)
    throw new AlprootError('ALP_LIMIT_SIZE', `${redactUrl(response.url)} is ${total} bytes, more than ${maxBytes}`);
  return total;
}

/** First byte of a 206 answer; undefined when its Content-Range is missing or odd. */
export function contentRangeStart({ headers }: HttpResponse): number | undefined {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(?:\d{1,15}|\*)$/.exec(headers['content-range'] ?? '');
  return match === null ? undefined : Number(match[1]);
}

/** A strong validator for If-Range. */
export function validatorOf({ headers }: HttpResponse): string | undefined {
  const tag = headers['etag'];
  return tag !== undefined && tag.startsWith('"') ? tag : headers['last-modified'];
}

/** HTML where a package or an index should be. */
export const isPortal = ({ headers }: HttpResponse): boolean => /^text\/html\b/i.test(headers['content-type'] ?? '');

/** Content that begins as a web page does, whatever its headers claim; nothing on a mirror does. */
export const isPage = (chunk: Uint8Array): boolean =>
  /^\s*<(?:!doctype\s+html|html|head|\?xml)\b/i.test(Buffer.from(chunk.subarray(0, 256)).toString('latin1'));

export const portalError = (url: URL): AlprootError =>
  new AlprootError(
    'ALP_FETCH_PORTAL',
    `${redactUrl(url)} answered with a web page: this looks like a login page or a portal`,
    { hint: 'open the address in a browser, or check the proxy' },
  );

export function retryAfterMs({ headers }: HttpResponse, now: number): number {
  const text = headers['retry-after'];
  if (text === undefined) return 0;
  const ms = WHOLE.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), RETRY_AFTER_CAP_MS) : 0;
}

export function statusError({ status, url }: HttpResponse): AlprootError {
  const where = redactUrl(url);
  const facts = { status };
  if (status === 404 || status === 410)
    return new AlprootError('ALP_FETCH_NOT_FOUND', `${where} does not exist (${status})`, { facts });
  if (status === 401 || status === 403)
    return new AlprootError('ALP_FETCH_STATUS', `${where} wants credentials or refuses (${status})`, {
      facts,
      hint: 'put the user and the password into the URL or ~/.netrc',
    });
  if (status === 407)
    return new AlprootError('ALP_FETCH_STATUS', `the proxy wants credentials for ${where} (407)`, {
      facts,
      hint: 'put them into the proxy variable: http://user:password@proxy:port',
    });
  if (status === 511)
    return new AlprootError('ALP_FETCH_PORTAL', `the network wants a login before ${where} (511)`, {
      facts,
      hint: 'open any web page in a browser',
    });
  if (status === 408 || status === 425 || status === 429 || status >= 500 || status === 416)
    return new AlprootError('ALP_FETCH_SERVER', `${where} answered ${status}`, { facts });
  return new AlprootError('ALP_FETCH_STATUS', `${where} answered ${status}`, { facts });
}
