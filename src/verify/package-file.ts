/**
 * A v2 package (one of v3 is handed on): signature members, the control member that they sign, the data member that
 * the control member's `datahash` names. Everything but the inside of the data member is verified here; `unpack` reads
 * that in the same strict grammar while it writes into a tree that is not published yet.
 */
import { createHash } from 'node:crypto';
import type { ByteSource } from '../core/bytes.ts';
import { sha1Hex, sha256Hex, type Sha256Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { PackageChecksum, PackageRecord } from '../core/package.ts';
import { quoteName } from '../core/redact.ts';
import type { Verified, Signer } from '../core/verified.ts';
import { isAdb } from '../formats/adb/adb-blocks.ts';
import { compareDataHash, requireDataHash } from '../formats/apk/data-hash.ts';
import { pendingData, type PackageData } from '../formats/apk/package-data.ts';
import { readFully } from '../formats/gzip/gzip-member.ts';
import { parsePkginfo } from '../formats/apk/pkginfo.ts';
import { verifyAdbPackage } from './adb-file.ts';
import { compareWithIndex, requireIdentity } from './identity.ts';
import {
  indexSigner,
  mergeWithIndex,
  SCRIPT_KINDS,
  type OpenedPackage,
  type PackageOptions,
  type ScriptKind,
  type VerifiedPackage,
} from './opened-package.ts';
import { readSignatures, requireSignature, verifySignatures, type Member, type SignatureBlock } from './signatures.ts';
import { asVerification } from './structure.ts';

/** @throws ALP_VERIFY_*, ALP_LIMIT_*, ALP_UNPACK_PATH for an illegal name */
export function verifyPackage(source: ByteSource, options: PackageOptions): VerifiedPackage {
  const what = quoteName(source.name);
  const head = Buffer.alloc(4);
  if (readFully(source, head, 0) === head.length && isAdb(head)) return verifyAdbPackage(source, options);
  return asVerification(what, () => {
    const { signatures, member } = readSignatures(source, 'segment', limits.control);
    const control = rangeOf(source, member.start, member.end);
    const { expected } = options;
    const checksum = controlChecksum(control, expected);
    if (expected !== undefined) requireIdentity(what, checksum, expected);
    const signers = controlSigners(what, { signatures, control }, options);
    const parts = controlParts(member);
    const { record, datahash, triggers } = parsePkginfo(parts.pkginfo);
    if (datahash === undefined) throw new AlprootError('ALP_VERIFY_STRUCTURE', `${what} has no datahash`);
    const { data, sha256 } = verifyData(source, { start: member.end, datahash, options });
    const whole: PackageRecord = { ...record, checksum, sizeBytes: source.sizeBytes };
    if (expected !== undefined) compareWithIndex(what, whole, expected);
    const opened: OpenedPackage = {
      record: mergeWithIndex(whole, expected),
      sha256,
      sizeBytes: source.sizeBytes,
      scripts: parts.scripts,
      triggers,
      datahash,
      data,
    };
    return { package: opened as Verified<OpenedPackage>, signers: [...indexSigner(options), ...signers] };
  });
}

/** A v3 index knows v2 packages by the SHA-256 of the same member. */
const controlChecksum = (control: Buffer, expected: PackageRecord | undefined): PackageChecksum =>
  expected?.checksum?.algorithm === 'sha256'
    ? { algorithm: 'sha256', hex: sha256Hex(control) }
    : { algorithm: 'sha1', hex: sha1Hex(control) };

interface SignedControl {
  readonly signatures: readonly SignatureBlock[];
  readonly control: Buffer;
}

/** Those of the package itself; one is a must where no index lists it. */
function controlSigners(
  what: string,
  { signatures, control }: SignedControl,
  { keys, expected, allowUntrusted = false, requireSignature: isRequired = false }: PackageOptions,
): Signer[] {
  if (allowUntrusted) return [];
  return expected === undefined || isRequired
    ? requireSignature(what, signatures, control, keys)
    : verifySignatures(signatures, control, keys);
}

interface DataPromise {
  readonly start: number;
  readonly datahash: Sha256Hex;
  readonly options: PackageOptions;
}

/** The data member, checked unless that may wait, and the SHA-256 of the whole file. */
function verifyData(
  source: ByteSource,
  { start, datahash, options: { hashed, deferData = false } }: DataPromise,
): { readonly data: PackageData; readonly sha256: Sha256Hex } {
  const checked: PackageData = { kind: 'checked', start };
  if (hashed === undefined) {
    const whole = createHash('sha256').update(rangeOf(source, 0, start));
    requireDataHash(source, start, { expected: datahash, whole });
    return { data: checked, sha256: whole.digest('hex') as Sha256Hex };
  }
  const { sha256, tail } = hashed;
  if (tail?.start === start) compareDataHash(source, { expected: datahash, got: tail.sha256 });
  else if (deferData) return { data: pendingData(start, datahash), sha256 };
  else requireDataHash(source, start, { expected: datahash });
  return { data: checked, sha256 };
}

/** Where the data member begins, as a file says that was not verified yet. @throws ALP_FORMAT_*, ALP_LIMIT_SIZE */
export const dataStartOf = (source: ByteSource): number =>
  readSignatures(source, 'segment', limits.control).member.end;

function controlParts({ files }: Member): {
  readonly pkginfo: string;
  readonly scripts: ReadonlyMap<ScriptKind, Buffer>;
} {
  const [first, ...rest] = files;
  if (first?.name !== '.PKGINFO')
    throw new AlprootError('ALP_FORMAT_APK', 'the control member does not begin with .PKGINFO');
  if (first.content.length > limits.pkginfo)
    throw new AlprootError('ALP_LIMIT_SIZE', `.PKGINFO of ${first.content.length} bytes (limit pkginfo)`);
  const scripts = new Map<ScriptKind, Buffer>();
  for (const { name, content } of rest) {
    const kind = SCRIPT_KINDS.find((script) => name === `.${script}`);
    if (kind !== undefined) {
      if (scripts.has(kind)) throw new AlprootError('ALP_FORMAT_APK', `two scripts ${name}`);
      if (content.length > limits.script)
        throw new AlprootError('ALP_LIMIT_SIZE', `${name} of ${content.length} bytes (limit script)`);
      scripts.set(kind, content);
    } else if (!/^\.[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) || /^\.(?:SIGN|INSTALL|PKGINFO)/.test(name)) {
      throw new AlprootError('ALP_FORMAT_APK', `unexpected ${quoteName(name)} in the control member`);
    } else if (content.length > limits.pkginfo)
      throw new AlprootError('ALP_LIMIT_SIZE', `${quoteName(name)} of ${content.length} bytes in the control member`);
  }
  return { pkginfo: first.content.toString('latin1'), scripts };
}

function rangeOf(source: ByteSource, start: number, end: number): Buffer {
  const bytes = Buffer.alloc(end - start);
  if (readFully(source, bytes, start) < bytes.length)
    throw new AlprootError('ALP_FORMAT_APK', 'the file became shorter while it was read');
  return bytes;
}
