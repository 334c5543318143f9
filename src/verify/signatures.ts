/**
 * The signature members in front of a package or an index: who signed, with what, and whether a trusted key
 * did.
 */
import { AlprootError } from '../core/errors.ts';
import { asBuffer, type ByteSource } from '../core/bytes.ts';
import { limits } from '../core/limits.ts';
import { quoteName } from '../core/redact.ts';
import type { Signer } from '../core/verified.ts';
import { readMember } from '../formats/gzip/gzip-member.ts';
import { createTarReader } from '../formats/tar/tar-reader.ts';
import { isKeyName, type TrustedKeys } from './key.ts';
import { isRsaSignature, type SignatureDigest } from './rsa.ts';

export interface SignatureBlock {
  readonly label: string;
  readonly keyName: string;
  readonly bytes: Buffer;
}

const LABELS: Readonly<Record<string, SignatureDigest>> = { RSA: 'sha1', RSA256: 'sha256', RSA512: 'sha512' };
const MAX_MEMBERS = 4;

export interface Member {
  readonly start: number;
  readonly end: number;
  readonly bytes: Buffer;
  /** Names of its tar entries and their content, in order. */
  readonly files: readonly { readonly name: string; readonly content: Buffer }[];
}

/**
 * What an index, or what may be one, can inflate to: real ones grow fivefold, and a few KiB that say they are half a
 * GiB are not one.
 */
export const indexCap = (compressedBytes: number): number =>
  Math.min(limits.index, Math.max(64 * 1024 * 1024, 32 * compressedBytes));

/** One small member: plain gzip, whole blocks, regular files only. @throws ALP_FORMAT_*, ALP_LIMIT_SIZE */
export function readSegment(
  source: ByteSource,
  position: number,
  profile: 'segment' | 'index',
  maxBytes: number,
): Member {
  const files: { name: string; content: Buffer }[] = [];
  const { bytes, end } = readMember(source, position, {
    maxBytes,
    limitName: profile === 'index' ? 'index' : 'control',
  });
  const reader = createTarReader(
    {
      entry: (entry) => {
        if (entry.kind !== 'file')
          throw new AlprootError(
            'ALP_FORMAT_APK',
            `${quoteName(entry.path)} is a ${entry.kind} where only files may be`,
          );
        // The whole member is pushed at once, so a file is one part of it, or empty.
        let content: Buffer = Buffer.alloc(0);
        return {
          write: (chunk) => void (content = asBuffer(chunk)),
          close: () => void files.push({ name: entry.path, content }),
        };
      },
    },
    profile,
  );
  reader.push(bytes);
  reader.finish();
  return { start: position, end, bytes, files };
}

/**
 * Reads signature members from the start until another member comes.
 *
 * @returns the signatures and the first other member
 * @throws ALP_FORMAT_APK for a mixture, too many, or none of either
 */
export function readSignatures(
  source: ByteSource,
  profile: 'segment' | 'index',
  maxBytes: number,
): { signatures: SignatureBlock[]; member: Member } {
  const signatures: SignatureBlock[] = [];
  let position = 0;
  for (let count = 0; ; count++) {
    const member = readSegment(source, position, profile, maxBytes);
    const signing = member.files.filter(({ name }) => name.startsWith('.SIGN.'));
    if (signing.length === 0) {
      if (member.files.length === 0) throw new AlprootError('ALP_FORMAT_APK', `an empty member at byte ${position}`);
      return { signatures, member };
    }
    if (signing.length < member.files.length)
      throw new AlprootError('ALP_FORMAT_APK', 'a signature beside other files in one member');
    if (member.bytes.length > limits.signatureMember)
      throw new AlprootError(
        'ALP_LIMIT_SIZE',
        `a signature member of ${member.bytes.length} bytes (limit signatureMember)`,
      );
    if (count >= MAX_MEMBERS) throw new AlprootError('ALP_FORMAT_APK', `more than ${MAX_MEMBERS} signature members`);
    signatures.push(...signing.map(parseSignature));
    position = member.end;
  }
}

/** The signatures of a file whose other members begin at `end`. @throws ALP_FORMAT_*, ALP_VERIFY_KEY */
export function readSignaturesBefore(source: ByteSource, end: number): SignatureBlock[] {
  const signatures: SignatureBlock[] = [];
  for (let position = 0; position < end;) {
    const member = readSegment(source, position, 'index', limits.signatureMember);
    signatures.push(...member.files.map(parseSignature));
    position = member.end;
  }
  return signatures;
}

function parseSignature({ name, content }: { readonly name: string; readonly content: Buffer }): SignatureBlock {
  const match = /^\.SIGN\.([A-Z0-9]+)\.(.+)$/.exec(name);
  const [, label = '', keyName = ''] = match ?? [];
  if (!isKeyName(keyName))
    throw new AlprootError('ALP_VERIFY_KEY', `illegal key name in signature ${quoteName(name)}`);
  return { label, keyName, bytes: content };
}

/**
 * Whose of `keys` signed `data`.
 *
 * @returns the signers; empty when no signature names a trusted key
 * @throws ALP_VERIFY_SIGNATURE when a signature under a trusted name is wrong: never "try the next"
 */
export function verifySignatures(
  signatures: readonly SignatureBlock[],
  data: Uint8Array,
  keys: TrustedKeys,
): Signer[] {
  const signers: Signer[] = [];
  for (const { label, keyName, bytes } of signatures) {
    const key = keys.get(keyName);
    if (key === undefined) continue;
    const digest = LABELS[label];
    if (digest === undefined)
      throw new AlprootError(
        'ALP_VERIFY_SIGNATURE',
        `signature kind ${quoteName(label)} by ${keyName} is not supported`,
      );
    if (!isRsaSignature({ data, signature: bytes, digest, key })) {
      throw new AlprootError('ALP_VERIFY_SIGNATURE', `bad signature by ${keyName}`, { facts: { keyName, label } });
    }
    signers.push({ kind: 'key', keyName, algorithm: digest });
  }
  return signers;
}

/**
 * Like verifySignatures, and there must be at least one signer.
 *
 * @throws ALP_VERIFY_SIGNATURE, ALP_VERIFY_KEY naming the keys wanted
 */
export function requireSignature(
  what: string,
  signatures: readonly SignatureBlock[],
  data: Uint8Array,
  keys: TrustedKeys,
): Signer[] {
  const signers = verifySignatures(signatures, data, keys);
  if (signers.length > 0) return signers;
  const names = [...new Set(signatures.map(({ keyName }) => keyName))];
  throw names.length === 0
    ? new AlprootError('ALP_VERIFY_SIGNATURE', `${what} is not signed`, {
        hint: 'sign it with `alproot mirror sign`, or take it from a mirror that does',
      })
    : new AlprootError(
        'ALP_VERIFY_KEY',
        `${what} is signed by ${names.map(quoteName).join(', ')}, which is not trusted here`,
        {
          hint: 'if you trust that key, name its public file with --key FILE after the --mirror that it belongs to',
          facts: { keyNames: names },
        },
      );
}
