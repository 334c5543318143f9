/**
 * v3 (ADB) indexes and packages. A signature covers the schema and the ADB block; the block holds the SHA-256 of each
 * file; data blocks must be those files, all of them, in order. The block's SHA-256 is the package's identity.
 *
 * @see apk-tools 3.0 `adb_trust_verify_signature`, `extract_v3.c`
 */
import { createHash } from 'node:crypto';
import type { ByteSource } from '../core/bytes.ts';
import { sha256Hex, type Sha256Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { PackageRecord, RepositoryIndex } from '../core/package.ts';
import { quoteName } from '../core/redact.ts';
import type { Verified, Signer } from '../core/verified.ts';
import { readAdbArchive } from '../formats/adb/adb-archive.ts';
import { adbError, type AdbSchema } from '../formats/adb/adb-block-reader.ts';
import { adbRecord } from '../formats/adb/adb-record.ts';
import { ADB_KINDS } from '../formats/adb/adb-schema.ts';
import {
  adbNumber,
  adbObject,
  adbObjects,
  adbText,
  adbTexts,
  parseAdbRoot,
  type AdbObject,
} from '../formats/adb/adb-values.ts';
import { checkedEntry, createEntryRules, type EntryContext } from '../formats/apk/package-entries.ts';
import { unsignedAdbError, verifyAdbSignatures } from './adb-signatures.ts';
import { compareWithIndex, requireIdentity, refuseDuplicateRecords } from './identity.ts';
import {
  indexSigner,
  mergeWithIndex,
  SCRIPT_KINDS,
  type OpenedPackage,
  type PackageOptions,
  type ScriptKind,
  type VerifiedPackage,
} from './opened-package.ts';
import { asVerification } from './structure.ts';
import type { IndexOptions, VerifiedIndex } from './verified-index.ts';

export type VerifiedAdb =
  ({ readonly kind: 'index' } & VerifiedIndex) | ({ readonly kind: 'package' } & VerifiedPackage);

/** Verifies a v3 file whole, of whichever schema it is. @throws ALP_VERIFY_*, ALP_LIMIT_*, ALP_UNPACK_PATH */
export function verifyAdb(source: ByteSource, options: IndexOptions & PackageOptions): VerifiedAdb {
  const what = quoteName(source.name);
  return asVerification(what, () => {
    const signed = readSigned(source, what, options);
    return signed.schema === 'index'
      ? { kind: 'index', ...verifiedIndex(source, signed, options) }
      : { kind: 'package', ...verifiedPackage(source, signed, options) };
  });
}

/** The v3 counterpart of verifyIndex. @throws ALP_VERIFY_*, ALP_LIMIT_* */
export function verifyAdbIndex(source: ByteSource, options: IndexOptions): VerifiedIndex {
  const verified = verifyAdb(source, options);
  if (verified.kind !== 'index')
    throw new AlprootError('ALP_VERIFY_STRUCTURE', `index of ${quoteName(options.location)}: this is a package`);
  return verified;
}

/** The v3 counterpart of verifyPackage, content included. @throws ALP_VERIFY_*, ALP_LIMIT_*, ALP_UNPACK_PATH */
export function verifyAdbPackage(source: ByteSource, options: PackageOptions): VerifiedPackage {
  const verified = verifyAdb(source, { ...options, location: source.name });
  if (verified.kind !== 'package')
    throw new AlprootError('ALP_VERIFY_STRUCTURE', `${quoteName(source.name)}: this is an index`);
  return verified;
}

interface SignedBlock {
  readonly schema: AdbSchema;
  readonly block: Buffer;
  readonly signers: readonly Signer[];
}

/** The whole file, signature and identity first, then content. */
function readSigned(
  source: ByteSource,
  what: string,
  { keys, allowUntrusted = false, expected, requireSignature = false }: PackageOptions,
): SignedBlock {
  let signed: SignedBlock | undefined;
  let context: EntryContext = { label: what, algorithm: 'sha256' };
  let rules = createEntryRules(context);
  readAdbArchive(
    source,
    {
      verify: (schema, block, signatures) => {
        if (expected !== undefined) requireIdentity(what, { algorithm: 'sha256', hex: sha256Hex(block) }, expected);
        const signers = allowUntrusted ? [] : verifyAdbSignatures({ what, schema, block, signatures, keys });
        if (!allowUntrusted && signers.length === 0 && (expected === undefined || requireSignature))
          throw unsignedAdbError(what, signatures);
        signed = { schema, block, signers };
        if (schema !== 'package') return;
        const { name, version } = adbRecord(adbObject(parseAdbRoot(block, ADB_KINDS.package), 'info'));
        context = { ...context, label: `${name}-${version}` };
        rules = createEntryRules(context);
      },
      // Names, links and content are held against what the signed block says.
      entry: (entry) => checkedEntry(rules, entry, context),
    },
    limits.unpacked,
  );
  if (signed === undefined) throw adbError('no ADB block');
  return signed;
}

/** What apk goes by when an index says nothing. */
const USUAL_NAMES = '${name}-${version}.apk';

function verifiedIndex(
  source: ByteSource,
  { block, signers }: SignedBlock,
  { location }: IndexOptions,
): VerifiedIndex {
  const root = parseAdbRoot(block, ADB_KINDS.index);
  const names = adbText(root, 'pkgname-spec');
  if (names !== '' && names !== USUAL_NAMES)
    throw adbError(`packages under names of its own (pkgname-spec ${quoteName(names)}), which is not supported`);
  const packages = adbObjects(root, 'packages').map(adbRecord);
  const bare = packages.find(({ checksum }) => checksum === undefined);
  if (bare !== undefined) throw adbError(`${bare.name} has no hash in the index`);
  refuseDuplicateRecords(packages);
  const index: RepositoryIndex = {
    location,
    description: adbText(root, 'description'),
    sha256: wholeSha256(source),
    sizeBytes: source.sizeBytes,
    packages,
  };
  return { index: index as Verified<RepositoryIndex>, signers };
}

function verifiedPackage(
  source: ByteSource,
  { block, signers }: SignedBlock,
  options: PackageOptions,
): VerifiedPackage {
  const { expected } = options;
  const root = parseAdbRoot(block, ADB_KINDS.package);
  const own: PackageRecord = {
    ...adbRecord(adbObject(root, 'info')),
    checksum: { algorithm: 'sha256', hex: sha256Hex(block) },
    sizeBytes: source.sizeBytes,
    replacesPriority: adbNumber(root, 'replaces-priority'),
  };
  if (expected !== undefined) compareWithIndex(quoteName(source.name), own, expected);
  const opened: OpenedPackage = {
    record: mergeWithIndex(own, expected),
    sha256: wholeSha256(source),
    sizeBytes: source.sizeBytes,
    scripts: scriptsOf(adbObject(root, 'scripts')),
    triggers: adbTexts(root, 'triggers'),
    datahash: undefined,
    data: undefined,
  };
  return { package: opened as Verified<OpenedPackage>, signers: [...indexSigner(options), ...signers] };
}

function scriptsOf(scripts: AdbObject): ReadonlyMap<ScriptKind, Buffer> {
  return new Map(
    SCRIPT_KINDS.filter((kind) => scripts.has(kind)).map((kind) => {
      const content = Buffer.from(adbText(scripts, kind), 'latin1');
      if (content.length > limits.script)
        throw new AlprootError('ALP_LIMIT_SIZE', `${kind} of ${content.length} bytes (limit script)`);
      return [kind, content] as const;
    }),
  );
}

function wholeSha256(source: ByteSource): Sha256Hex {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(256 * 1024);
  for (let at = 0, count = 0; (count = source.read(buffer, at)) > 0; at += count)
    hash.update(buffer.subarray(0, count));
  return hash.digest('hex') as Sha256Hex;
}
