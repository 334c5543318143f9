/**
 * A bundle opened for use in place of the network. It is verified whole before anything of it is used: every blob that
 * the manifest names is there, has its size and its SHA-256, and nothing else is. What its files mean is then verified
 * as if a mirror had sent them.
 */
import type { ByteSource } from '../core/bytes.ts';
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { HostPath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { parseBundleManifest, type BundleFile, type BundleManifest } from '../formats/lock/bundle-manifest.ts';
import { closeDescriptor, descriptorSource, hashOf } from '../system/files/hashed-file.ts';
import { openNamedFile } from '../system/files/named-file.ts';
import { blobName, MANIFEST, signatureName, uniqueBlobs } from './bundle-create.ts';
import { entrySource, readBundleEntries, type BundleEntry } from './bundle-entries.ts';

export interface BundleSignature {
  /** As its entry names the key; looked up among trusted ones, nothing else. */
  readonly keyName: string;
  readonly signature: Buffer;
}

export interface OpenBundleOptions {
  /**
   * Verifies the signatures over the manifest: the name of the trusted key that signed it, undefined when none of
   * the names is trusted. Throws ALP_VERIFY_SIGNATURE for a wrong signature under a trusted name.
   */
  readonly verify: (manifest: Uint8Array, signatures: readonly BundleSignature[]) => string | undefined;
  /** Refuse a bundle that no trusted key signed. */
  readonly requireSignature?: boolean;
}

export interface Bundle {
  readonly manifest: BundleManifest;
  /** SHA-256 of the manifest: names the content. */
  readonly manifestSha256: string;
  /** Name of the trusted key that signed it. */
  readonly signedBy: string | undefined;
  /** Names of all keys that signed it, trusted or not. */
  readonly signers: readonly string[];
  readonly sizeBytes: number;
  /** A file of the mirror that it stands for, by its path there; undefined when the bundle does not have it. */
  readonly find: (path: string) => { readonly file: BundleFile; readonly source: ByteSource } | undefined;
  readonly close: () => void;
}

/**
 * Opens and verifies a bundle.
 *
 * @throws ALP_USAGE_ARGUMENT when there is no such file; ALP_VERIFY_STRUCTURE, ALP_VERIFY_DIGEST naming the item,
 *   ALP_VERIFY_SIGNATURE, ALP_VERIFY_UNKNOWN (unsigned, and a signature is required), ALP_FORMAT_LOCK, ALP_LIMIT_*
 */
export function openBundle(path: HostPath, { verify, requireSignature = false }: OpenBundleOptions): Bundle {
  const fd = openNamedFile(path, { what: 'bundle', hint: 'make one with `alproot bundle create`' });
  try {
    const source = descriptorSource(fd, path);
    const entries = readBundleEntries(source);
    const text = readEntry(source, entries, MANIFEST, limits.lockfile * 2);
    const signatures = readManifestSignatures(source, entries);
    const signedBy = verify(text, signatures);
    if (requireSignature && signedBy === undefined) {
      const who = signatures.map(({ keyName }) => keyName).join(', ');
      throw new AlprootError(
        'ALP_VERIFY_UNKNOWN',
        `${quoteName(path)} is not signed by a trusted key${who === '' ? '' : ` (signed by ${who})`}`,
        { hint: 'trust its maker with --key FILE' },
      );
    }
    const manifest = parseBundleManifest(text.toString('utf8'));
    requireContent({ source, entries, manifest });
    return {
      manifest,
      manifestSha256: hashOf(entrySource(source, requireEntry(entries, MANIFEST))),
      signedBy,
      signers: signatures.map(({ keyName }) => keyName),
      sizeBytes: source.sizeBytes,
      find: finder({ source, entries, manifest }),
      close: () => closeDescriptor(fd),
    };
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

interface Opened {
  readonly source: ByteSource;
  readonly entries: ReadonlyMap<string, BundleEntry>;
  readonly manifest: BundleManifest;
}

function requireEntry(entries: ReadonlyMap<string, BundleEntry>, name: string): BundleEntry {
  const entry = entries.get(name);
  if (entry === undefined)
    throw new AlprootError('ALP_VERIFY_STRUCTURE', `the bundle lacks ${name}`, { facts: { item: name } });
  return entry;
}

function readEntry(
  source: ByteSource,
  entries: ReadonlyMap<string, BundleEntry>,
  name: string,
  maxBytes: number,
): Buffer {
  const entry = requireEntry(entries, name);
  if (entry.sizeBytes > maxBytes)
    throw new AlprootError(
      'ALP_LIMIT_SIZE',
      `${quoteName(name)} of the bundle is ${entry.sizeBytes} bytes, more than ${maxBytes}`,
    );
  const bytes = Buffer.alloc(entry.sizeBytes);
  const part = entrySource(source, entry);
  for (let at = 0; at < bytes.length;) {
    const count = part.read(bytes.subarray(at), at);
    if (count === 0) throw new AlprootError('ALP_VERIFY_STRUCTURE', `the bundle became shorter while it was read`);
    at += count;
  }
  return bytes;
}

function readManifestSignatures(source: ByteSource, entries: ReadonlyMap<string, BundleEntry>): BundleSignature[] {
  return [...entries.keys()].flatMap((name): BundleSignature[] => {
    const keyName = /^manifest\.json\.(.+)\.sig$/.exec(name)?.[1];
    return keyName === undefined
      ? []
      : [{ keyName, signature: readEntry(source, entries, signatureName(keyName), 4096) }];
  });
}

/** Each promised blob is there and right; nothing is there that was not promised. */
function requireContent({ source, entries, manifest }: Opened): void {
  const promised = new Set([MANIFEST]);
  const sizes = new Map(uniqueBlobs(manifest.files).map(({ sha256, sizeBytes }) => [sha256, sizeBytes]));
  for (const file of [...manifest.files, ...manifest.tool]) {
    const name = manifest.tool.includes(file) ? file.path : blobName(file.sha256);
    if (sizes.has(file.sha256) && sizes.get(file.sha256) !== file.sizeBytes)
      throw new AlprootError('ALP_VERIFY_STRUCTURE', `the bundle gives two sizes for ${file.path}`);
    if (promised.has(name)) continue;
    promised.add(name);
    const entry = requireEntry(entries, name);
    if (entry.sizeBytes !== file.sizeBytes || hashOf(entrySource(source, entry)) !== file.sha256) {
      throw new AlprootError(
        'ALP_VERIFY_DIGEST',
        `${quoteName(file.path)} in the bundle is not what its manifest says: expected SHA-256 ${file.sha256}`,
        { hint: 'the bundle was damaged or tampered with: get it again', facts: { item: file.path } },
      );
    }
  }
  const stray = [...entries.keys()].find((name) => !promised.has(name) && !name.endsWith('.sig'));
  if (stray !== undefined)
    throw new AlprootError(
      'ALP_VERIFY_STRUCTURE',
      `the bundle holds ${quoteName(stray)}, which its manifest does not name`,
      { facts: { item: stray } },
    );
  requireLocked(manifest);
}

/**
 * What the lock pins by SHA-256 is among the files, so a swapped package cannot hide behind a new manifest entry. An
 * index is not needed beside a lock; one that is there must be the locked one.
 */
function requireLocked({ lock, files }: BundleManifest): void {
  const held = new Set(files.map(({ sha256 }) => sha256));
  const lost = lock.downloads.find(({ sha256 }) => !held.has(sha256));
  if (lost !== undefined)
    throw new AlprootError(
      'ALP_VERIFY_DIGEST',
      `the bundle lacks ${quoteName(lost.url)} as its lock pins it (SHA-256 ${lost.sha256})`,
      { facts: { item: lost.url } },
    );
  const paths = new Set(files.map(({ path }) => path));
  for (const { arch, minirootfs, repositories, packages } of lock.environments) {
    const indexes = repositories.filter(({ location }) => paths.has(`${location}/${arch}/APKINDEX.tar.gz`));
    const pinned = [
      [minirootfs.file, minirootfs.sha256],
      ...indexes.map(({ location, sha256 }) => [`index of ${location}`, sha256]),
      ...packages.map(({ record, sha256 }) => [`${record.name}-${record.version}`, sha256]),
    ] as const;
    const missing = pinned.find(([, sha256]) => !held.has(sha256 as never));
    if (missing !== undefined)
      throw new AlprootError(
        'ALP_VERIFY_DIGEST',
        `the bundle lacks ${quoteName(missing[0] ?? '')} as its lock pins it (SHA-256 ${missing[1] ?? ''})`,
        { facts: { item: missing[0] } },
      );
  }
}

function finder({ source, entries, manifest }: Opened): Bundle['find'] {
  const byPath = new Map(manifest.files.map((file) => [file.path, file]));
  return (path) => {
    const file = byPath.get(path);
    return file === undefined
      ? undefined
      : { file, source: entrySource(source, requireEntry(entries, blobName(file.sha256))) };
  };
}
