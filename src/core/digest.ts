/** Digests as lower-case hex strings with distinct types, and the hashing of whole buffers. */
import { createHash, hash, type Hash } from 'node:crypto';

export type Sha1Hex = string & { readonly __digest: 'sha1' };
export type Sha256Hex = string & { readonly __digest: 'sha256' };
export type Sha512Hex = string & { readonly __digest: 'sha512' };

export const sha1Hex = (bytes: Uint8Array): Sha1Hex => createHash('sha1').update(bytes).digest('hex') as Sha1Hex;
export const sha256Hex = (bytes: Uint8Array | string): Sha256Hex =>
  createHash('sha256').update(bytes).digest('hex') as Sha256Hex;
export const sha512Hex = (bytes: Uint8Array): Sha512Hex =>
  createHash('sha512').update(bytes).digest('hex') as Sha512Hex;

export const isSha1Hex = (text: string): text is Sha1Hex => /^[0-9a-f]{40}$/.test(text);
export const isSha256Hex = (text: string): text is Sha256Hex => /^[0-9a-f]{64}$/.test(text);
export const isSha512Hex = (text: string): text is Sha512Hex => /^[0-9a-f]{128}$/.test(text);

/**
 * A key for the store: the SHA-256 over length-prefixed fields, so that no two different lists of fields give
 * the same key.
 */
export function keyOf(...fields: readonly string[]): Sha256Hex {
  const hash = createHash('sha256');
  for (const field of fields) {
    const bytes = Buffer.from(field, 'utf8');
    hash.update(`${bytes.length}:`).update(bytes);
  }
  return hash.digest('hex') as Sha256Hex;
}

export interface ContentHash {
  readonly update: (chunk: Uint8Array) => void;
  readonly digest: () => Buffer;
}

/**
 * For content that is `sizeBytes` long: what comes in one piece is hashed in one call, for which Node makes no object.
 */
export function contentHash(algorithm: 'sha1' | 'sha256', sizeBytes: number): ContentHash {
  let whole: Buffer | undefined;
  let pieces: Hash | undefined;
  return {
    update: (chunk) => {
      if (pieces === undefined && chunk.length === sizeBytes) whole = hash(algorithm, chunk, 'buffer');
      else (pieces ??= createHash(algorithm)).update(chunk);
    },
    digest: () => whole ?? (pieces ?? createHash(algorithm)).digest(),
  };
}
