/**
 * RSA PKCS#1 v1.5 signatures. node:crypto decides. Where the host's OpenSSL policy refuses SHA-1 (which signs
 * Alpine's packages), the padded block is recovered here and compared whole with the one that we encode: nothing is
 * parsed, so nothing can be hidden in it.
 *
 * @see RFC 8017 §8.2.2, §9.2
 */
import { createHash, timingSafeEqual, verify } from 'node:crypto';
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
  return isRsaSignatureByOpenssl(input) ?? isRsaSignatureByArithmetic(input);
}

/** undefined when OpenSSL refuses the key or the digest. */
export function isRsaSignatureByOpenssl({ data, signature, digest, key }: RsaInput): boolean | undefined {
  if (key.key.asymmetricKeyType !== 'rsa') return false;
  try {
    return verify(digest, data, key.key, signature);
  } catch {
    return undefined;
  }
}

/** The same verdict with plain arithmetic and our own encoding. */
export function isRsaSignatureByArithmetic({ data, signature, digest, key }: RsaInput): boolean {
  if (key.key.asymmetricKeyType !== 'rsa') return false;
  const size = Math.ceil((key.key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  if (signature.length !== size) return false;
  const { n: modulus, e: exponent } = key.key.export({ format: 'jwk' });
  const [n, e, s] = [
    numberOf(Buffer.from(modulus ?? '', 'base64url')),
    numberOf(Buffer.from(exponent ?? '', 'base64url')),
    numberOf(signature),
  ];
  // OpenSSL takes no larger exponent with large keys either; it would be work without bound.
  if (s >= n || e >> MAX_EXPONENT_BITS !== 0n) return false;
  const block = Buffer.from(
    power(s, e, n)
      .toString(16)
      .padStart(size * 2, '0'),
    'hex',
  );
  const tail = Buffer.concat([Buffer.from(DIGEST_INFO[digest], 'hex'), createHash(digest).update(data).digest()]);
  const wanted = Buffer.alloc(size, 0xff);
  wanted.set([0, 1]);
  wanted[size - tail.length - 1] = 0;
  wanted.set(tail, size - tail.length);
  return block.length === wanted.length && timingSafeEqual(block, wanted);
}

const MAX_EXPONENT_BITS = 64n;

const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x0${Buffer.from(bytes).toString('hex')}`);

/** Everything in it is public, so that its time may tell. */
function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let square = base % modulus, left = exponent; left > 0n; left >>= 1n, square = (square * square) % modulus) {
    if ((left & 1n) === 1n) result = (result * square) % modulus;
  }
  return result;
}
