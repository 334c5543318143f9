/** `Q1…` and `Q2…`: digests as apk writes them in indexes and databases. */
import type { Sha1Hex, Sha256Hex } from '../../core/digest.ts';
import type { PackageChecksum } from '../../core/package.ts';

/** Exactly `Q1` + base64 of 20 bytes or `Q2` + base64 of 32; anything else is undefined, never "no checksum". */
export function parseChecksum(text: string): PackageChecksum | undefined {
  if (SHA1.test(text)) return { algorithm: 'sha1', hex: hexOf(text) as Sha1Hex };
  if (SHA256.test(text)) return { algorithm: 'sha256', hex: hexOf(text) as Sha256Hex };
  return undefined;
}

/** Whether it would parse. */
export const isChecksumText = (text: string): boolean => SHA1.test(text) || SHA256.test(text);

/** The last digit stands for four bits of the digest: the other two must be zero. */
const SHA1 = /^Q1[A-Za-z0-9+/]{26}[AEIMQUYcgkosw048]=$/;
const SHA256 = /^Q2[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

const hexOf = (text: string): string => Buffer.from(text.slice(2), 'base64').toString('hex');

export const formatChecksum = ({ algorithm, hex }: PackageChecksum): string =>
  `${algorithm === 'sha1' ? 'Q1' : 'Q2'}${Buffer.from(hex, 'hex').toString('base64')}`;

export const sameChecksum = (a: PackageChecksum | undefined, b: PackageChecksum | undefined): boolean =>
  a !== undefined && b !== undefined && a.algorithm === b.algorithm && a.hex === b.hex;

/**
 * The form that a database keeps: 20 bytes, of whichever hash, written `Q1`.
 *
 * @see apk-tools 3.0 `apk_pkg_hash_blob`
 */
export const databaseChecksum = ({ hex }: PackageChecksum): PackageChecksum => ({
  algorithm: 'sha1',
  hex: hex.slice(0, 40) as Sha1Hex,
});

/** Whether a database's package is that of an index, as far as 20 bytes can tell. */
export const sameIdentity = (a: PackageChecksum | undefined, b: PackageChecksum | undefined): boolean =>
  a !== undefined && b !== undefined && a.hex.slice(0, 40) === b.hex.slice(0, 40);
