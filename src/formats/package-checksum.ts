/** `Q1…` and `Q2…`: digests as apk writes them in indexes and databases. */
import { isSha1Hex, isSha256Hex, type Sha1Hex } from '../core/digest.ts';
import type { PackageChecksum } from '../core/package.ts';

/** Exactly `Q1` + base64 of 20 bytes or `Q2` + base64 of 32; anything else is undefined, never "no checksum". */
export function parseChecksum(text: string): PackageChecksum | undefined {
  const kind = text.slice(0, 2);
  const body = text.slice(2);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(body)) return undefined;
  const hex = Buffer.from(body, 'base64').toString('hex');
  if (Buffer.from(hex, 'hex').toString('base64') !== body) return undefined;
  if (kind === 'Q1' && isSha1Hex(hex)) return { algorithm: 'sha1', hex };
  if (kind === 'Q2' && isSha256Hex(hex)) return { algorithm: 'sha256', hex };
  return undefined;
}

export const formatChecksum = ({ algorithm, hex }: PackageChecksum): string =>
  `${algorithm === 'sha1' ? 'Q1' : 'Q2'}${Buffer.from(hex, 'hex').toString('base64')}`;

export const sameChecksum = (a: PackageChecksum | undefined, b: PackageChecksum | undefined): boolean =>
  a !== undefined && b !== undefined && a.algorithm === b.algorithm && a.hex === b.hex;

/**
 * The form that a database keeps: 20 bytes, of whichever hash, written `Q1`.
 *
 * @see apk-tools 3.0 `apk_pkg_hash_blob`
 */
export const databaseChecksum = ({ hex }: PackageChecksum): PackageChecksum => ({ algorithm: 'sha1', hex: hex.slice(0, 40) as Sha1Hex });

/** Whether a database's package is that of an index, as far as 20 bytes can tell. */
export const sameIdentity = (a: PackageChecksum | undefined, b: PackageChecksum | undefined): boolean =>
  a !== undefined && b !== undefined && a.hex.slice(0, 40) === b.hex.slice(0, 40);
