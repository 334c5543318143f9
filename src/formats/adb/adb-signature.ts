/**
 * What a v3 signature covers and how it names its key: schema, signature header and SHA-512 of the ADB block, under a
 * key that is called by the SHA-512 of its bare public half.
 *
 * @see apk-tools 3.0 `adb_trust_verify_signature`, `adb_digest_v0_signature`
 */
import type { KeyObject } from 'node:crypto';
import { sha512Hex } from '../../core/digest.ts';
import type { AdbSchema } from './adb-block-reader.ts';

/** Version, hash and key id, before the signature proper. */
export const SIGNATURE_HEADER_BYTES = 18;
const VERSION = 0;
const HASH_SHA512 = 4;
const SCHEMA_MAGIC: Readonly<Record<AdbSchema, string>> = { index: 'indx', package: 'pckg' };

export interface AdbSignature {
  /** First 16 bytes, in hex, of the SHA-512 of the signer's bare public key. */
  readonly keyId: string;
  /** Made over a SHA-512, which is all that apk knows. */
  readonly isSha512: boolean;
  readonly header: Buffer;
  readonly bytes: Buffer;
}

/** undefined for a block that is cut off or of a later version. */
export function parseAdbSignature(block: Buffer): AdbSignature | undefined {
  if (block.length <= SIGNATURE_HEADER_BYTES || block[0] !== VERSION) return undefined;
  const header = block.subarray(0, SIGNATURE_HEADER_BYTES);
  return {
    keyId: header.toString('hex', 2),
    isSha512: header[1] === HASH_SHA512,
    header,
    bytes: block.subarray(SIGNATURE_HEADER_BYTES),
  };
}

export const adbSignatureHeader = (keyId: string): Buffer =>
  Buffer.concat([Buffer.from([VERSION, HASH_SHA512]), Buffer.from(keyId, 'hex')]);

/** The bytes that are signed, with SHA-512 once more by the signature scheme itself. */
export const adbSignedBytes = (schema: AdbSchema, block: Uint8Array, header: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(SCHEMA_MAGIC[schema], 'latin1'), header, Buffer.from(sha512Hex(block), 'hex')]);

/** Of a public key: its PKCS#1 form for RSA, the uncompressed point for EC. */
export function adbKeyId({ key }: { readonly key: KeyObject }): string {
  const bare =
    key.asymmetricKeyType === 'rsa'
      ? key.export({ format: 'der', type: 'pkcs1' })
      : ecPoint(key.export({ format: 'jwk' }));
  return sha512Hex(bare).slice(0, 32);
}

const ecPoint = ({ x = '', y = '' }: { readonly x?: string; readonly y?: string }): Buffer =>
  Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
