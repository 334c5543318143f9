/**
 * Keys that sign packages and indexes, named as abuild-keygen names them. A signature member is a tar of one file,
 * `.SIGN.RSA256.KEY.rsa.pub`, whose content is the RSA signature of the compressed bytes that follow.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, sign } from 'node:crypto';
import { sha256Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { formatGzipMember } from '../formats/gzip/gzip-writer.ts';
import { formatTarItem } from '../formats/tar/tar-writer.ts';
import { readFileCapped, writeFileAtomic } from '../system/files/files.ts';

export interface SigningKey {
  /** File name of the public half, as it lies in `/etc/apk/keys`: `me@example.org-5f3c2d1a.rsa.pub`. */
  readonly publicName: string;
  /** PEM, PKCS#8 or PKCS#1. */
  readonly privatePem: string;
  /** PEM, SubjectPublicKeyInfo. */
  readonly publicPem: string;
}

/** What apk's `.SIGN.` names promise: RSA (SHA-1, all that old apks know), RSA256, RSA512. */
export type SignatureKind = 'RSA' | 'RSA256' | 'RSA512';

const DIGESTS: Readonly<Record<SignatureKind, string>> = {
  RSA: 'RSA-SHA1',
  RSA256: 'RSA-SHA256',
  RSA512: 'RSA-SHA512',
};
const MAX_KEY_BYTES = 64 * 1024;
const OWNER = /^[A-Za-z0-9][A-Za-z0-9@._+-]{0,200}$/;

/**
 * A new RSA key, `OWNER-HEX.rsa`, where HEX is the start of the public half's SHA-256.
 *
 * @param owner who signs, usually an address: `me@example.org`
 * @param bits 4096 as abuild-keygen makes; 2048 is quicker
 * @throws ALP_USAGE_ARGUMENT for an owner that cannot be part of a file name of /etc/apk/keys
 */
export async function generateSigningKey(owner: string, bits: 2048 | 3072 | 4096 = 4096): Promise<SigningKey> {
  if (!OWNER.test(owner)) {
    throw new AlprootError(
      'ALP_USAGE_ARGUMENT',
      `${quoteName(owner)} cannot name a key: letters, digits and @ . _ + - only`,
    );
  }
  return new Promise((resolve, reject) => {
    generateKeyPair('rsa', { modulusLength: bits }, (error, publicKey, privateKey) => {
      if (error !== null) {
        reject(error);
        return;
      }
      const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
      resolve({ publicName: `${owner}-${sha256Hex(publicPem).slice(0, 8)}.rsa.pub`, privatePem, publicPem });
    });
  });
}

/** Writes `STEM.rsa` (mode 600) into `privateDirectory` and `STEM.rsa.pub` into `publicDirectory`. */
export function writeSigningKey(key: SigningKey, privateDirectory: HostPath, publicDirectory: HostPath): void {
  writeFileAtomic(joinHost(privateDirectory, key.publicName.replace(/\.pub$/, '')), key.privatePem, { mode: 0o600 });
  writeFileAtomic(joinHost(publicDirectory, key.publicName), key.publicPem);
}

/**
 * A private key file, `STEM.rsa` or one of an elliptic curve; the public half is computed.
 *
 * @throws ALP_VERIFY_KEY when it is missing or is not such a private key
 */
export function readSigningKey(path: HostPath): SigningKey {
  const bytes = readFileCapped(path, MAX_KEY_BYTES);
  const refuse = (why: string, cause?: unknown): AlprootError =>
    new AlprootError('ALP_VERIFY_KEY', `cannot sign with ${quoteName(path)}: ${why}`, {
      cause,
      hint: 'make a key with `alproot mirror keygen`',
    });
  if (bytes === undefined) throw refuse('there is no such file');
  const privatePem = bytes.toString('latin1');
  try {
    const privateKey = createPrivateKey(privatePem);
    if (privateKey.asymmetricKeyType !== 'rsa' && privateKey.asymmetricKeyType !== 'ec')
      throw refuse('it is neither an RSA nor an EC key');
    const publicPem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
    const file = path.slice(path.lastIndexOf('/') + 1);
    return {
      publicName: privateKey.asymmetricKeyType === 'ec' ? `${file}.pub` : `${file.replace(/\.rsa$/, '')}.rsa.pub`,
      privatePem,
      publicPem,
    };
  } catch (error) {
    throw error instanceof AlprootError ? error : refuse('it is not a private key in PEM', error);
  }
}

/** The raw RSA signature (PKCS#1 v1.5) of `bytes`. @throws ALP_VERIFY_KEY for an EC key, which signs v3 files only */
export function signBytes(
  bytes: Uint8Array,
  { privatePem, publicName }: SigningKey,
  kind: SignatureKind = 'RSA256',
): Buffer {
  const key = createPrivateKey(privatePem);
  if (key.asymmetricKeyType !== 'rsa')
    throw new AlprootError(
      'ALP_VERIFY_KEY',
      `cannot sign with ${quoteName(publicName)}: it is not an RSA key, which is what v2 packages and ` +
        `detached signatures need`,
      { hint: 'make a key with `alproot mirror keygen`' },
    );
  return sign(DIGESTS[kind], bytes, key);
}

/** The gzip member that goes before the signed ones. */
export function signatureMember(signed: Uint8Array, key: SigningKey, kind: SignatureKind = 'RSA256'): Promise<Buffer> {
  const path = `.SIGN.${kind}.${key.publicName}`;
  // Stored, not deflated: a package signed by another key of the same kind keeps its size.
  return formatGzipMember(formatTarItem({ kind: 'file', path, mode: 0o644, bytes: signBytes(signed, key, kind) }), 0);
}
