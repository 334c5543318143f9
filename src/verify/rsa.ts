/**
 * RSA PKCS#1 v1.5 signatures. node:crypto decides. Where the host's OpenSSL policy refuses SHA-1 (which signs
 * Alpine's packages), node-forge recovers the padded block and it is compared whole with the one that we encode:
 * nothing is parsed, so nothing can be hidden in it.
 *
 * @see RFC 8017 §8.2.2, §9.2
 */
import { createHash, timingSafeEqual, verify } from 'node:crypto';
import forge from 'node-forge';
import type { TrustedKey } from './key.ts';

export type SignatureDigest = 'sha1' | 'sha256' | 'sha512';

const DIGEST_INFO: Readonly<Record<SignatureDigest, string>> = {
  sha1: '3021300906052b0e03021a05000414',
  sha256: '3031300d060960864801650304020105000420',
  sha512: '3051300d060960864801650304020305000440',
};

export interface RsaInput {
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
  readonly digest: SignatureDigest;
  readonly key: TrustedKey;
}

/** Whether the signature is right, by whichever engine this host allows. */
export function isRsaSignature(input: RsaInput): boolean {
  return isRsaSignatureByOpenssl(input) ?? isRsaSignatureByForge(input);
}

/** undefined when OpenSSL refuses to judge. */
export function isRsaSignatureByOpenssl({ data, signature, digest, key }: RsaInput): boolean | undefined {
  if (key.key.asymmetricKeyType !== 'rsa') return false;
  try {
    return verify(digest, data, key.key, signature);
  } catch {
    return undefined;
  }
}

/** The same verdict with node-forge's arithmetic and our own encoding. */
export function isRsaSignatureByForge({ data, signature, digest, key }: RsaInput): boolean {
  if (key.key.asymmetricKeyType !== 'rsa') return false;
  const publicKey = forge.pki.publicKeyFromPem(key.pem);
  const size = Math.ceil((key.key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  if (signature.length !== size) return false;
  const number = new forge.jsbn.BigInteger(Buffer.from(signature).toString('hex'), 16);
  if (number.compareTo(publicKey.n) >= 0) return false;
  const block = Buffer.from(number.modPow(publicKey.e, publicKey.n).toString(16).padStart(size * 2, '0'), 'hex');
  const tail = Buffer.concat([Buffer.from(DIGEST_INFO[digest], 'hex'), createHash(digest).update(data).digest()]);
  const wanted = Buffer.alloc(size, 0xff);
  wanted.set([0, 1]);
  wanted[size - tail.length - 1] = 0;
  wanted.set(tail, size - tail.length);
  return block.length === wanted.length && timingSafeEqual(block, wanted);
}
