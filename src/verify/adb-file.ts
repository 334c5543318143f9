/**
 * v3 (ADB) indexes and packages. A signature covers the schema and the ADB block; the block holds the SHA-256 of each
 * file; data blocks must be those files, all of them, in order. The block's SHA-256 is the package's identity.
 *
 * @see apk-tools 3.0 `adb_trust_verify_signature`, `extract_v3.c`
 */
import { createHash, verify as verifySignature } from 'node:crypto';
import type { ByteSource } from '../core/bytes.ts';
import { sha256Hex, sha512Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { PackageRecord, RepositoryIndex } from '../core/package.ts';
import { parseTreePath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import type { Verified, Voucher } from '../core/verified.ts';
import { adbError, readAdbBlocks, type AdbHandler, type AdbSchema } from '../formats/adb-blocks.ts';
import { adbEntries, adbRecord, type AdbEntry } from '../formats/adb-record.ts';
import { ADB_KINDS } from '../formats/adb-schema.ts';
import { adbNumber, adbObject, adbObjects, adbText, parseAdbRoot } from '../formats/adb-values.ts';
import type { TarSink } from '../formats/tar-entry.ts';
import type { TrustedKey, TrustedKeys } from './key.ts';
import { asVerification } from './structure.ts';

export interface AdbPackage {
  readonly record: PackageRecord;
  readonly entries: readonly AdbEntry[];
}

export type JudgedAdb = { readonly vouchers: readonly Voucher[] } & (
  | { readonly kind: 'index'; readonly index: Verified<RepositoryIndex> }
  | { readonly kind: 'package'; readonly package: Verified<AdbPackage> }
);

export interface AdbOptions {
  readonly keys: TrustedKeys;
  /** Location of a repository, for an index. */
  readonly location: string;
}

const SIGNATURE_HEADER = 18;
const HASH_SHA512 = 4;

/**
 * Judges a v3 file whole: signature, structure, every file's content.
 *
 * @throws ALP_VERIFY_*, ALP_LIMIT_*, ALP_UNPACK_PATH
 */
export function verifyAdb(source: ByteSource, { keys, location }: AdbOptions): JudgedAdb {
  const what = quoteName(source.name);
  return asVerification(what, () => {
    let schema: AdbSchema = 'index';
    let block = Buffer.alloc(0);
    const signatures: Buffer[] = [];
    const vouchers: Voucher[] = [];
    let files: ReturnType<typeof createFileChecks> | undefined;
    const judge = (): void => {
      if (vouchers.length === 0) vouchers.push(...demandAdbSignature({ what, schema, block, signatures, keys }));
    };
    const opened = (): ReturnType<typeof createFileChecks> => {
      judge();
      return (files ??= createFileChecks(adbEntries(parseAdbRoot(block, ADB_KINDS.package))));
    };
    const handler: AdbHandler = {
      adb: (kind, bytes) => {
        schema = kind;
        block = Buffer.from(bytes);
      },
      signature: (bytes) => void signatures.push(Buffer.from(bytes)),
      data: (path, file, sizeBytes) => opened().begin(path, file, sizeBytes),
    };
    readAdbBlocks(source, handler, limits.unpacked);
    judge();
    if (schema === 'index') return { kind: 'index', index: indexFrom(block, { location, sha256: wholeSha256(source), sizeBytes: source.sizeBytes }), vouchers };
    const entries = opened().finish();
    const root = parseAdbRoot(block, ADB_KINDS.package);
    const record: PackageRecord = {
      ...adbRecord(adbObject(root, 'info')),
      checksum: { algorithm: 'sha256', hex: sha256Hex(block) },
      sizeBytes: source.sizeBytes,
      replacesPriority: adbNumber(root, 'replaces-priority'),
    };
    const judged: AdbPackage = { record, entries };
    return { kind: 'package', package: judged as Verified<AdbPackage>, vouchers };
  });
}

function indexFrom(block: Buffer, file: Pick<RepositoryIndex, 'location' | 'sha256' | 'sizeBytes'>): Verified<RepositoryIndex> {
  const root = parseAdbRoot(block, ADB_KINDS.index);
  const packages = adbObjects(root, 'packages').map(adbRecord);
  const bare = packages.find(({ checksum }) => checksum === undefined);
  if (bare !== undefined) throw adbError(`${bare.name} has no hash in the index`);
  const index: RepositoryIndex = { ...file, description: adbText(root, 'description'), packages };
  return index as Verified<RepositoryIndex>;
}

interface AdbSigned {
  readonly what: string;
  readonly schema: AdbSchema;
  readonly block: Buffer;
  readonly signatures: readonly Buffer[];
  readonly keys: TrustedKeys;
}

/** As for v2: a wrong signature under a trusted key is fatal, one by somebody unknown is passed over. */
function demandAdbSignature({ what, schema, block, signatures, keys }: AdbSigned): Voucher[] {
  const vouchers: Voucher[] = [];
  const digest = Buffer.from(sha512Hex(block), 'hex');
  const byId = new Map([...keys.values()].map((key) => [adbKeyId(key), key]));
  for (const bytes of signatures) {
    if (bytes.length <= SIGNATURE_HEADER || bytes[0] !== 0) throw new AlprootError('ALP_VERIFY_SIGNATURE', `${what}: a signature that is cut off or of an unknown version`);
    const key = byId.get(bytes.toString('hex', 2, SIGNATURE_HEADER));
    if (key === undefined) continue;
    const signed = Buffer.concat([Buffer.from(schema === 'index' ? 'indx' : 'pckg', 'latin1'), bytes.subarray(0, SIGNATURE_HEADER), digest]);
    if (bytes[1] !== HASH_SHA512 || !isRight(key, signed, bytes.subarray(SIGNATURE_HEADER))) {
      throw new AlprootError('ALP_VERIFY_SIGNATURE', `bad signature by ${key.name}`, { facts: { keyName: key.name } });
    }
    vouchers.push({ kind: 'key', keyName: key.name, algorithm: 'sha512' });
  }
  if (vouchers.length > 0) return vouchers;
  throw signatures.length === 0
    ? new AlprootError('ALP_VERIFY_SIGNATURE', `${what} is not signed`)
    : new AlprootError('ALP_VERIFY_KEY', `${what} is signed by a key that is not trusted here`, { hint: 'if you trust its maker, name the public key with --key FILE', facts: { keyIds: signatures.map((bytes) => bytes.toString('hex', 2, SIGNATURE_HEADER)) } });
}

function isRight(key: TrustedKey, signed: Buffer, signature: Buffer): boolean {
  try {
    return verifySignature('sha512', signed, key.key, signature);
  } catch {
    return false;
  }
}

/** First 16 bytes, in hex, of the SHA-512 of the bare public key: PKCS#1 for RSA, the point for EC. */
export function adbKeyId({ key }: TrustedKey): string {
  const bare = key.asymmetricKeyType === 'rsa' ? key.export({ format: 'der', type: 'pkcs1' }) : ecPoint(key.export({ format: 'jwk' }));
  return sha512Hex(bare).slice(0, 32);
}

const ecPoint = ({ x = '', y = '' }: { readonly x?: string; readonly y?: string }): Buffer =>
  Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);

/** Holds data blocks against the entries that the signed block describes. */
function createFileChecks(entries: readonly AdbEntry[]): { readonly begin: (path: number, file: number, sizeBytes: number) => TarSink; readonly finish: () => readonly AdbEntry[] } {
  const wanted = entries.filter(({ kind, sizeBytes }) => kind === 'file' && sizeBytes > 0);
  for (const { path, kind, sizeBytes, sha256 } of entries) {
    if (path !== '') parseTreePath(path);
    if (kind === 'file' && sizeBytes === 0 && sha256 !== sha256Hex('')) throw adbError(`${quoteName(path)} is empty, its hash is not`);
  }
  let next = 0;
  return {
    begin: (path, file, sizeBytes) => {
      const entry = wanted[next++];
      if (entry?.at[0] !== path || entry.at[1] !== file || entry.sizeBytes !== sizeBytes) throw adbError(`a data block that is not the next file's (${path}/${file}, ${sizeBytes} bytes)`);
      const hash = createHash('sha256');
      return {
        write: (chunk) => void hash.update(chunk),
        close: () => {
          if (hash.digest('hex') !== entry.sha256) throw new AlprootError('ALP_VERIFY_DIGEST', `${quoteName(entry.path)} differs from its checksum`);
        },
      };
    },
    finish: () => {
      if (next < wanted.length) throw adbError(`no data for ${quoteName(wanted[next]?.path ?? '')}`);
      return entries;
    },
  };
}

function wholeSha256(source: ByteSource): RepositoryIndex['sha256'] {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(256 * 1024);
  for (let at = 0, count = 0; (count = source.read(buffer, at)) > 0; at += count) hash.update(buffer.subarray(0, count));
  return hash.digest('hex') as RepositoryIndex['sha256'];
}
