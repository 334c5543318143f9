/**
 * A v2 package (one of v3 is handed on): signature members, the control member that they sign, the data member that
 * the control member's `datahash` names. Everything but the inside of the data member is judged here; `unpack` reads
 * that in the same strict grammar while it writes to a place where nobody looks yet.
 */
import { createHash } from 'node:crypto';
import type { ByteSource } from '../core/bytes.ts';
import { sha1Hex, sha256Hex, type Sha256Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { PackageChecksum, PackageFile, PackageRecord } from '../core/package.ts';
import { quoteName } from '../core/redact.ts';
import type { Verified, Signer } from '../core/verified.ts';
import { isAdb } from '../formats/adb/adb-blocks.ts';
import { compareDataHash, requireDataHash } from '../formats/apk/data-hash.ts';
import { withFields } from '../formats/apk/package-fields.ts';
import { readFully } from '../formats/gzip/gzip-member.ts';
import { parsePkginfo } from '../formats/apk/pkginfo.ts';
import { verifyAdbPackage } from './adb-file.ts';
import { compareWithIndex, requireIdentity } from './identity.ts';
import type { TrustedKeys } from './key.ts';
import { requireSignature, judgeSignatures, readSignatures, type Member } from './signatures.ts';
import { asVerification } from './structure.ts';

export const SCRIPT_KINDS = [
  'pre-install',
  'post-install',
  'pre-upgrade',
  'post-upgrade',
  'pre-deinstall',
  'post-deinstall',
  'trigger',
] as const;
export type ScriptKind = (typeof SCRIPT_KINDS)[number];

/** A package whose control part is trusted and whose data part has the promised hash. */
export interface OpenedPackage extends PackageFile {
  readonly scripts: ReadonlyMap<ScriptKind, Buffer>;
  /** Directories (globs) that its trigger watches. */
  readonly triggers: readonly string[];
  /** Of the data member, as the control member promises it; a v3 package has none. */
  readonly datahash: Sha256Hex | undefined;
  /** Where the data member begins, which ends with the file; undefined for a v3 package. */
  readonly dataStart: number | undefined;
  /** What the data member's SHA-256 must be, where that was left to who reads it. */
  readonly unjudged: Sha256Hex | undefined;
}

export interface PackageOptions {
  readonly keys: TrustedKeys;
  /** The signed index's entry, which anchors the package's identity; undefined for a file on its own. */
  readonly expected?: PackageRecord | undefined;
  /** Name of the repository, for the voucher. */
  readonly repository?: string | undefined;
  /** Wants a signature of the package's own even when an index vouches for it. */
  readonly requireSignature?: boolean;
  readonly allowUntrusted?: boolean;
  /**
   * SHA-256 of the whole file, and of its bytes from some place on, where it was hashed just now on its way into the
   * store.
   */
  readonly hashed?:
    { readonly sha256: Sha256Hex; readonly tail?: { readonly start: number; readonly sha256: Sha256Hex } } | undefined;
  /** Leaves the data member to who reads it, if nothing but its own hash is wanted of it; see `unjudged`. */
  readonly deferData?: boolean;
}

export interface VerifiedPackage {
  readonly package: Verified<OpenedPackage>;
  readonly signers: readonly Signer[];
}

/** @throws ALP_VERIFY_*, ALP_LIMIT_*, ALP_UNPACK_PATH for an illegal name */
export function verifyPackage(source: ByteSource, options: PackageOptions): VerifiedPackage {
  const what = quoteName(source.name);
  const head = Buffer.alloc(4);
  if (readFully(source, head, 0) === head.length && isAdb(head)) return verifyAdbPackage(source, options);
  return asVerification(what, () => {
    const { signatures, member } = readSignatures(source, 'segment', limits.control);
    const control = rangeOf(source, member.start, member.end);
    const { expected } = options;
    // A v3 index knows v2 packages by the SHA-256 of the same member.
    const checksum: PackageChecksum =
      expected?.checksum?.algorithm === 'sha256'
        ? { algorithm: 'sha256', hex: sha256Hex(control) }
        : { algorithm: 'sha1', hex: sha1Hex(control) };
    if (expected !== undefined) requireIdentity(what, checksum, expected);
    const own = expected === undefined || options.requireSignature === true;
    const signers =
      options.allowUntrusted === true
        ? []
        : own
          ? requireSignature(what, signatures, control, options.keys)
          : judgeSignatures(signatures, control, options.keys);
    const parts = controlParts(member);
    const { record, datahash, triggers } = parsePkginfo(parts.pkginfo);
    if (datahash === undefined) throw new AlprootError('ALP_VERIFY_STRUCTURE', `${what} has no datahash`);
    const { hashed } = options;
    const data = hashed?.tail?.start === member.end ? hashed.tail : undefined;
    const unjudged = options.deferData === true && hashed !== undefined && data === undefined ? datahash : undefined;
    const fileHash = hashed === undefined ? createHash('sha256').update(rangeOf(source, 0, member.end)) : undefined;
    if (data !== undefined) compareDataHash(source, { expected: datahash, got: data.sha256 });
    else if (unjudged === undefined) requireDataHash(source, member.end, { expected: datahash, whole: fileHash });
    const whole: PackageRecord = { ...record, checksum, sizeBytes: source.sizeBytes };
    if (expected !== undefined) compareWithIndex(what, whole, expected);
    // An index does not carry `replaces`; it counts as the signed control part says.
    const verified =
      expected === undefined
        ? whole
        : withFields(expected, { replaces: whole.replaces, replacesPriority: whole.replacesPriority });
    const opened: OpenedPackage = {
      record: verified,
      sha256: hashed?.sha256 ?? (fileHash?.digest('hex') as Sha256Hex),
      sizeBytes: source.sizeBytes,
      scripts: parts.scripts,
      triggers,
      datahash,
      dataStart: member.end,
      unjudged,
    };
    const index: Signer[] =
      expected === undefined ? [] : [{ kind: 'index', repository: options.repository ?? 'index' }];
    return { package: opened as Verified<OpenedPackage>, signers: [...index, ...signers] };
  });
}

/** Where the data member begins, as an unjudged file says. @throws ALP_FORMAT_*, ALP_LIMIT_SIZE */
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
