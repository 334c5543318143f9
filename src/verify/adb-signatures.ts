/**
 * The signatures of a v3 (ADB) file: each covers the schema and the ADB block, and names its key by an id.
 *
 * @see apk-tools 3.0 `adb_trust_verify_signature`
 */
import { verify as verifySignature } from 'node:crypto';
import { AlprootError } from '../core/errors.ts';
import type { Signer } from '../core/verified.ts';
import type { AdbSchema } from '../formats/adb/adb-block-reader.ts';
import { adbKeyId, adbSignedBytes, parseAdbSignature } from '../formats/adb/adb-signature.ts';
import type { TrustedKeys } from './key.ts';

export interface AdbSigned {
  /** The file, for messages. */
  readonly what: string;
  readonly schema: AdbSchema;
  readonly block: Buffer;
  readonly signatures: readonly Buffer[];
  readonly keys: TrustedKeys;
}

/**
 * As for v2: a wrong signature under a trusted key is fatal, one by an unknown key is passed over.
 *
 * @throws ALP_VERIFY_SIGNATURE
 */
export function verifyAdbSignatures({ what, schema, block, signatures, keys }: AdbSigned): Signer[] {
  const byId = new Map([...keys.values()].map((trusted) => [adbKeyId(trusted), trusted]));
  return signatures.flatMap((bytes): Signer[] => {
    const signature = parseAdbSignature(bytes);
    if (signature === undefined)
      throw new AlprootError('ALP_VERIFY_SIGNATURE', `${what}: a signature that is cut off or of an unknown version`);
    const trusted = byId.get(signature.keyId);
    if (trusted === undefined) return [];
    const { name: keyName, key } = trusted;
    const isRight = (): boolean => {
      try {
        return verifySignature('sha512', adbSignedBytes(schema, block, signature.header), key, signature.bytes);
      } catch {
        return false;
      }
    };
    if (!signature.isSha512 || !isRight())
      throw new AlprootError('ALP_VERIFY_SIGNATURE', `bad signature by ${keyName}`, { facts: { keyName } });
    return [{ kind: 'key', keyName, algorithm: 'sha512' }];
  });
}

export const unsignedAdbError = (what: string, signatures: readonly Buffer[]): AlprootError =>
  signatures.length === 0
    ? new AlprootError('ALP_VERIFY_SIGNATURE', `${what} is not signed`, {
        hint: 'sign it with `alproot mirror sign`, or take it from a mirror that does',
      })
    : new AlprootError('ALP_VERIFY_KEY', `${what} is signed by a key that is not trusted here`, {
        hint: 'if you trust its maker, name the public key with --key FILE',
        facts: { keyIds: signatures.map((bytes) => parseAdbSignature(bytes)?.keyId ?? '') },
      });
