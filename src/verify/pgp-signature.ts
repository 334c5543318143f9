/** Detached OpenPGP signatures by keys whose whole fingerprints are known beforehand. */
import { createHash, createPublicKey, createVerify, type KeyObject } from 'node:crypto';
import { AlprootError, isAlprootError } from '../core/errors.ts';
import { quoteName } from '../core/redact.ts';
import type { Signer } from '../core/verified.ts';
import { parsePgpKey, parsePgpSignature, type PgpSignature } from '../formats/pgp/pgp-packets.ts';

/** Alpine's release key: Natanael Copa's, RSA 4096; pinned here besides being shipped. */
export const RELEASE_KEY_FINGERPRINT = '0482D84022F52DF1C4E7CD43293ACD0907D9495A';

const MIN_BITS = 2048;

/** RSA keys by fingerprint. */
export type PgpKeys = ReadonlyMap<string, KeyObject>;

/**
 * A key that counts only with this fingerprint. Its own expiry and certifications don't matter: it is pinned.
 *
 * @param file armored or binary
 * @throws ALP_VERIFY_KEY
 */
export function pinnedPgpKey(file: Buffer, fingerprint: string): PgpKeys {
  const key = asKey(() => parsePgpKey(file));
  if (key.fingerprint !== fingerprint)
    throw new AlprootError(
      'ALP_VERIFY_KEY',
      `the release key has the fingerprint ${key.fingerprint}, expected ${fingerprint}`,
    );
  const jwk = { kty: 'RSA', n: key.modulus.toString('base64url'), e: key.exponent.toString('base64url') };
  const object = createPublicKey({ key: jwk, format: 'jwk' });
  if ((object.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_BITS)
    throw new AlprootError('ALP_VERIFY_KEY', `the release key has fewer than ${MIN_BITS} bits`);
  return new Map([[fingerprint, object]]);
}

function asKey<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isAlprootError(error)) throw error;
    throw new AlprootError('ALP_VERIFY_KEY', error.message, { cause: error });
  }
}

export interface PgpCheck {
  readonly update: (bytes: Uint8Array) => void;
  /** Judges what was fed. @throws ALP_VERIFY_SIGNATURE */
  readonly finish: () => Signer;
}

export interface PgpQuery {
  /** For messages: the name of the signed file. */
  readonly name: string;
  /** The content of its `.asc`. */
  readonly signature: Buffer;
  readonly keys: PgpKeys;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * @throws ALP_VERIFY_SIGNATURE for a file that is not one detached signature, ALP_VERIFY_KEY for another's, with both
 * fingerprints
 */
export function checkPgpSignature({ name, signature, keys, now }: PgpQuery): PgpCheck {
  const refuse = (why: string): never => {
    throw new AlprootError('ALP_VERIFY_SIGNATURE', `${quoteName(name)}: ${why}`);
  };
  const parsed = asSignature(name, signature);
  const [fingerprint, key] = [...keys].find(([known]) => known.endsWith(parsed.issuer)) ?? [];
  if (fingerprint === undefined || key === undefined) {
    throw new AlprootError(
      'ALP_VERIFY_KEY',
      `${quoteName(name)} is signed by the OpenPGP key ${parsed.issuer}, expected ${[...keys.keys()].join(' or ')}`,
      { facts: { expected: [...keys.keys()], got: parsed.issuer } },
    );
  }
  if (parsed.expires !== undefined && parsed.expires * 1000 < now) refuse('its OpenPGP signature has expired');
  const verifier = createVerify(parsed.digest);
  const hash = createHash(parsed.digest);
  return {
    update: (bytes) => {
      verifier.update(bytes);
      hash.update(bytes);
    },
    finish: () => {
      verifier.update(parsed.trailer);
      const size = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
      const fits =
        parsed.value.length <= size && hash.update(parsed.trailer).digest().subarray(0, 2).equals(parsed.hint);
      // OpenPGP leaves out leading zeros; PKCS#1 wants the modulus's length.
      if (!fits || !verifier.verify(key, Buffer.concat([Buffer.alloc(size - parsed.value.length), parsed.value])))
        refuse(`bad OpenPGP signature by ${fingerprint}`);
      return { kind: 'pgp', fingerprint };
    },
  };
}

function asSignature(name: string, file: Buffer): PgpSignature {
  try {
    return parsePgpSignature(file);
  } catch (error) {
    if (!isAlprootError(error)) throw error;
    throw new AlprootError(
      'ALP_VERIFY_SIGNATURE',
      `the signature of ${quoteName(name)} cannot be taken: ${error.message}`,
      { cause: error },
    );
  }
}
