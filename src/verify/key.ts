/** Public keys that are trusted to sign, each under the name by which signatures refer to it. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { AlprootError } from '../core/errors.ts';
import { quoteName } from '../core/redact.ts';

export interface TrustedKey {
  readonly name: string;
  readonly key: KeyObject;
  readonly pem: string;
}

/** Keys by name. A name in a signature is only ever looked up here, never made into a path. */
export type TrustedKeys = ReadonlyMap<string, TrustedKey>;

const KEY_NAME = /^[\w.@+-]{1,128}$/;
const MIN_BITS = 2048;
const MAX_BITS = 8192;

export const isKeyName = (name: string): boolean => KEY_NAME.test(name);

/**
 * A key from its PEM text.
 *
 * RSA keys of Alpine that are older than its 2048-bit ones are 2048 bits too; smaller ones are refused.
 *
 * @throws ALP_VERIFY_KEY in plain words: a private key, not SubjectPublicKeyInfo, not RSA, too small
 */
export function parseTrustedKey(pem: string, name: string): TrustedKey {
  const refuse = (why: string): never => {
    throw new AlprootError('ALP_VERIFY_KEY', `cannot trust key ${quoteName(name)}: ${why}`);
  };
  if (!isKeyName(name)) refuse('a key name has 1 to 128 letters, digits and _ . @ + -');
  if (pem.includes('PRIVATE KEY')) refuse('this is a private key: keep it secret, and give the public one');
  if (!/^\s*-----BEGIN PUBLIC KEY-----[\sA-Za-z0-9+/=]+-----END PUBLIC KEY-----\s*$/.test(pem))
    refuse('not a PEM public key (BEGIN PUBLIC KEY)');
  let key: KeyObject;
  try {
    key = createPublicKey({ key: pem, format: 'pem', type: 'spki' });
  } catch (error) {
    throw new AlprootError(
      'ALP_VERIFY_KEY',
      `cannot trust key ${quoteName(name)}: not a public key that OpenSSL reads`,
      { cause: error },
    );
  }
  if (key.asymmetricKeyType === 'ec') return { name, key, pem };
  if (key.asymmetricKeyType !== 'rsa') refuse(`${key.asymmetricKeyType ?? 'unknown'} keys are not used by apk`);
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < MIN_BITS || modulusLength > MAX_BITS)
    refuse(`${modulusLength} bits; ${MIN_BITS} to ${MAX_BITS} are accepted`);
  if (publicExponent < 3n || publicExponent % 2n === 0n) refuse('its exponent is even or below 3');
  return { name, key, pem };
}

/**
 * A key that is looked at when it is first used: of those that ship with alproot most never are.
 *
 * @throws then as parseTrustedKey
 */
export function lateKey(pem: string, name: string): TrustedKey {
  let parsed: TrustedKey | undefined;
  return {
    name,
    pem,
    get key() {
      return (parsed ??= parseTrustedKey(pem, name)).key;
    },
  };
}

/** Keys by name; later ones replace earlier ones of the same name. */
export const keyring = (...groups: readonly Iterable<TrustedKey>[]): TrustedKeys =>
  new Map(groups.flatMap((group) => [...group].map((key) => [key.name, key] as const)));
