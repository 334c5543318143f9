/** Text from outside made safe to print: no control characters, no passwords. */

/**
 * A name of unknown origin, readable on one line: UTF-8 where it is valid, `\xNN` for every control, bidi or
 * invalid byte. Accepts latin1 (one character per byte) and ordinary strings alike.
 */
export function showName(name: string): string {
  const bytes = /[^\x00-\xff]/.test(name) ? Buffer.from(name, 'utf8') : Buffer.from(name, 'latin1');
  const text = isUtf8(bytes) ? bytes.toString('utf8') : name;
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, (char) =>
    [...Buffer.from(char, isUtf8(bytes) ? 'utf8' : 'latin1')].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
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

/** A URL without user, password, query and fragment; text that is no URL is returned escaped. */
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

/** Multi-line untrusted text (a script's output) for a terminal: line breaks and tabs kept, all else escaped. */
export const showText = (text: string): string =>
  text.replace(/[^\n\t]+/g, (run) => (/[\p{Cc}\p{Cf}]/u.test(run) ? showName(run) : run));
