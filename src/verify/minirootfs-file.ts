/**
 * A minirootfs: known by its SHA-512 among the pins that ship with alproot, else signed by Alpine's release key or by
 * a mirror's.
 */
import { createHash, createVerify } from 'node:crypto';
import type { ByteSource } from '../core/bytes.ts';
import type { Sha256Hex, Sha512Hex } from '../core/digest.ts';
import { isSha512Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { quoteName } from '../core/redact.ts';
import type { Verified, Signer } from '../core/verified.ts';
import type { TrustedKeys } from './key.ts';
import { checkPgpSignature, type PgpQuery } from './pgp-signature.ts';

export interface MinirootfsFile {
  readonly name: string;
  readonly sha256: Sha256Hex;
  readonly sha512: Sha512Hex;
  readonly sizeBytes: number;
}

/** SHA-512 by file name, and back. */
export interface MinirootfsPins {
  readonly byName: ReadonlyMap<string, Sha512Hex>;
  readonly byDigest: ReadonlyMap<Sha512Hex, string>;
}

/** Reads lines of `sha512sum`. @throws ALP_FORMAT_TEXT */
export function parsePins(text: string): MinirootfsPins {
  const byName = new Map<string, Sha512Hex>();
  const byDigest = new Map<Sha512Hex, string>();
  for (const line of text.split('\n').filter((row) => row !== '')) {
    const [digest = '', name = '', ...more] = line.split(/ [ *]/);
    if (!isSha512Hex(digest) || name === '' || more.length > 0)
      throw new AlprootError('ALP_FORMAT_TEXT', 'a pin is not `SHA512  NAME`');
    byName.set(name, digest);
    byDigest.set(digest, name);
  }
  return { byName, byDigest };
}

/** `NAME.rsa256.KEY`: a raw RSA signature (PKCS#1 v1.5, SHA-256) of the whole file. */
export interface DetachedSignature {
  readonly keyName: string;
  readonly bytes: Buffer;
}

export interface MinirootfsOptions {
  readonly name: string;
  readonly pins: MinirootfsPins;
  readonly signatures?: readonly DetachedSignature[];
  readonly keys?: TrustedKeys;
  /** The `.asc` that lies beside it, and who may have made it. */
  readonly pgp?: ReleaseSignature | undefined;
}

export type ReleaseSignature = Omit<PgpQuery, 'name'>;

export interface VerifiedMinirootfs {
  readonly file: Verified<MinirootfsFile>;
  readonly signers: readonly Signer[];
}

/** @throws ALP_VERIFY_DIGEST, ALP_VERIFY_SIGNATURE, ALP_VERIFY_KEY, ALP_VERIFY_UNKNOWN, ALP_LIMIT_SIZE */
export function verifyMinirootfs(
  source: ByteSource,
  { name, pins, signatures = [], keys = new Map(), pgp }: MinirootfsOptions,
): VerifiedMinirootfs {
  if (source.sizeBytes > limits.minirootfs)
    throw new AlprootError('ALP_LIMIT_SIZE', `${quoteName(name)} is ${source.sizeBytes} bytes (limit minirootfs)`);
  const trusted = signatures.filter(({ keyName }) => keys.has(keyName));
  const verifiers = trusted.map(() => createVerify('RSA-SHA256'));
  // Judged only when it is needed: a pin says more than a signature.
  const check = pgp === undefined || pins.byName.has(name) ? undefined : checkPgpSignature({ ...pgp, name });
  const sha256 = createHash('sha256');
  const sha512 = createHash('sha512');
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  for (let at = 0; ;) {
    const count = source.read(buffer, at);
    if (count === 0) break;
    for (const sink of [sha256, sha512, ...verifiers, ...(check === undefined ? [] : [check])])
      sink.update(buffer.subarray(0, count));
    at += count;
  }
  const file: MinirootfsFile = {
    name,
    sha256: sha256.digest('hex') as Sha256Hex,
    sha512: sha512.digest('hex') as Sha512Hex,
    sizeBytes: source.sizeBytes,
  };
  const signers = [...pinned(file, pins), ...(check === undefined ? [] : [check.finish()]), ...signed(file)];
  if (signers.length > 0) return { file: file as Verified<MinirootfsFile>, signers };
  throw unknown(file);

  function signed({ name: shown }: MinirootfsFile): Signer[] {
    return trusted.map(({ keyName, bytes }, at) => {
      const key = keys.get(keyName)?.key;
      if (key === undefined || verifiers[at]?.verify(key, bytes) !== true)
        throw new AlprootError('ALP_VERIFY_SIGNATURE', `bad signature of ${quoteName(shown)} by ${keyName}`);
      return { kind: 'key', keyName, algorithm: 'sha256' };
    });
  }

  function unknown({ name: shown }: MinirootfsFile): AlprootError {
    const other = signatures.map(({ keyName }) => quoteName(keyName)).join(', ');
    return new AlprootError(
      'ALP_VERIFY_UNKNOWN',
      `${quoteName(shown)} has no known digest and no trusted signature` +
        (other === '' ? '' : `: it is signed by ${other}, which is not trusted here`),
      {
        hint:
          other === ''
            ? 'use a release whose digest ships with alproot, or a mirror that has its .asc or signs it'
            : 'if you trust that key, name its public file with --key FILE after the --mirror',
      },
    );
  }
}

/** A pin of the same name must agree; a pin of another name with this digest counts too. */
function pinned({ name, sha512 }: MinirootfsFile, pins: MinirootfsPins): Signer[] {
  const wanted = pins.byName.get(name);
  const found = pins.byDigest.get(sha512);
  if (wanted !== undefined && wanted !== sha512 && found === undefined) {
    throw new AlprootError(
      'ALP_VERIFY_DIGEST',
      `${quoteName(name)} has SHA-512 ${sha512.slice(0, 16)}…, expected ${wanted.slice(0, 16)}…`,
      { facts: { expected: wanted, got: sha512 } },
    );
  }
  return found === undefined ? [] : [{ kind: 'pin', algorithm: 'sha512', source: 'keys/minirootfs.sha512' }];
}
