/**
 * What a mirror consists of, by name. Whatever else lies in the directory, a key of the owner's, a backup, a
 * checkout's own files, is not served: names that are allowed are listed, not those that are hidden.
 */

const DIRECTORY = /^[A-Za-z0-9_][A-Za-z0-9_.+~-]{0,127}$/;
const MAX_DEPTH = 12;

const KEY = String.raw`[A-Za-z0-9][\w.@+-]{0,200}\.pub`;
const SUFFIX = String.raw`(?:\.sha256|\.sha512|\.asc|\.rsa256\.${KEY})?`;

const FILES: readonly RegExp[] = [
  /^APKINDEX\.tar\.gz$/,
  /^Packages\.adb$/,
  /^[A-Za-z0-9_][A-Za-z0-9_.+~-]{0,250}\.apk$/,
  /^latest-releases\.yaml$/,
  new RegExp(String.raw`^alpine-[\w.+-]{1,120}\.(?:tar\.gz|iso|img\.gz)${SUFFIX}$`),
  /^mirror-ca\.pem$/,
  /^(?:MIRRORS\.txt|last-updated)$/,
];

const PUBLIC_KEY = new RegExp(`^${KEY}$`);

/** @param path below the mirror, slash-separated */
export function isServedName(path: string): boolean {
  const parts = path.split('/');
  const name = parts.pop() ?? '';
  return (
    parts.length <= MAX_DEPTH &&
    parts.every((part) => DIRECTORY.test(part)) &&
    (FILES.some((file) => file.test(name)) || PUBLIC_KEY.test(name))
  );
}

const PRIVATE = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/;

/** Whether a file holds a private key, whatever its name says. */
export const holdsPrivateKey = (bytes: Uint8Array): boolean => PRIVATE.test(Buffer.from(bytes).toString('latin1'));

/** Whether the content is what the name says, as far as a small file can betray something. */
export function isServedContent(path: string, bytes: Uint8Array): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (holdsPrivateKey(bytes)) return false;
  if (!PUBLIC_KEY.test(name) || FILES.some((file) => file.test(name))) return true;
  return /^\s*-----BEGIN PUBLIC KEY-----/.test(Buffer.from(bytes).toString('latin1'));
}
