/** Text from outside made safe to print: no control characters, no passwords. */

/**
 * A name of unknown origin, readable on one line: UTF-8 where it is valid, `\xNN` for every control, bidi or
 * invalid byte. Accepts latin1 (one character per byte) and ordinary strings alike.
 */
export function showName(name: string): string {
  const bytes = /[^\x00-\xff]/.test(name) ? Buffer.from(name, 'utf8') : Buffer.from(name, 'latin1');
  const text = isUtf8(bytes) ? bytes.toString('utf8') : name;
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, (char) =>
    [...Buffer.from(char, isUtf8(bytes) ? 'utf8' : 'latin1')]
      .map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`)
      .join(''),
  );
}

/** `showName` in backquotes, cut at 200 characters. */
export function quoteName(name: string): string {
  const shown = showName(name);
  return `\`${shown.length > 200 ? `${shown.slice(0, 200)}…` : shown}\``;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** A URL without user, password, query and fragment; text that is not a URL is returned escaped. */
export function redactUrl(url: string | URL): string {
  try {
    const parsed = new URL(url);
    const secret = parsed.username !== '' || parsed.password !== '';
    const query = parsed.search === '' ? '' : '?…';
    return showName(`${parsed.protocol}//${secret ? '***@' : ''}${parsed.host}${parsed.pathname}${query}`);
  } catch {
    return showName(String(url));
  }
}

/** Text that may be shown, logged and written into an image: whatever URLs are in it, their passwords are not. */
export type RedactedText = string & { readonly __text: 'redacted' };

/** From the `://` on: anything up to the last `@` before the path is the user's. */
const CREDENTIALS = /:\/\/(?!git@)[^\s/?#"'`<>\\]*@/g;
/** Parameters of presigned and token addresses. */
const SECRET_PARAMETER = new RegExp(
  [
    '([?&](?:(?:access|auth|private|id)[_-]?token|token|x-amz-(?:signature|credential|security-token)|sig|signature',
    '|api[_-]?key|key|secret|client_secret|password|passwd|pwd|auth)=)[^\\s&#"\'`<>\\\\]+',
  ].join(''),
  'gi',
);

/** Any text, with what is secret in its URLs replaced by `***`. */
export const redactText = (text: string): RedactedText =>
  text.replace(CREDENTIALS, '://***@').replace(SECRET_PARAMETER, '$1***') as RedactedText;

/** The same for every string in plain data, keys of objects left alone. */
export function redactData<T>(value: T): T {
  if (typeof value === 'string') return redactText(value) as unknown as T;
  if (Array.isArray(value)) return value.map((item: unknown) => redactData(item)) as unknown as T;
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, redactData<unknown>(item)]),
  ) as unknown as T;
}

/** Multi-line untrusted text (a script's output) for a terminal: line breaks and tabs kept, all else escaped. */
export const showText = (text: string): string =>
  text.replace(/[^\n\t]+/g, (run) => (/[\p{Cc}\p{Cf}]/u.test(run) ? showName(run) : run));
