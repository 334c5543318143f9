/**
 * Writes a bundle: one tar that any `tar` lists, the same bytes for the same content.
 *
 *     manifest.json                 what it is; its keys are in formats/bundle-manifest.ts
 *     manifest.json.KEY.rsa.pub.sig RSA/SHA-256 over the manifest, when it was signed
 *     blobs/sha256/HEX              sorted by name, each once
 *     tool/NAME                     alproot itself, when asked for
 */
import { sha256Hex, type Sha256Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import type { HostPath } from '../core/paths.ts';
import { stagingPath } from '../system/files/publish.ts';
import { quoteName } from '../core/redact.ts';
import {
  formatBundleManifest,
  parseBundleManifest,
  type BundleFile,
  type BundleKey,
} from '../formats/lock/bundle-manifest.ts';
import type { Lock } from '../formats/lock/lockfile.ts';
import { formatTarItem, TAR_END } from '../formats/tar/tar-writer.ts';
import type { BlobStore } from '../store/blobs.ts';
import { writeHashedFile } from '../system/files/hashed-file.ts';

/** The user's own key, as the caller holds it. */
export interface BundleSigner {
  /** File name of its public half. */
  readonly publicName: string;
  /** RSA PKCS#1 v1.5 over SHA-256. */
  readonly sign: (bytes: Uint8Array) => Uint8Array;
}

export interface CreateBundleOptions {
  readonly output: HostPath;
  readonly lock: Lock;
  /** Everything that the lock needs, in the store. */
  readonly files: readonly BundleFile[];
  readonly keys?: readonly BundleKey[];
  /** Files of alproot itself, `tool/NAME`, executable. */
  readonly tool?: readonly { readonly path: string; readonly bytes: Uint8Array }[];
  readonly store: Pick<BlobStore, 'openBlob'>;
  readonly signer?: BundleSigner | undefined;
}

export const MANIFEST = 'manifest.json';
export const signatureName = (keyName: string): string => `${MANIFEST}.${keyName}.sig`;
export const blobName = (sha256: Sha256Hex): string => `blobs/sha256/${sha256}`;

/**
 * Makes the bundle, or nothing at all.
 *
 * @returns digest and size of the file
 * @throws ALP_FORMAT_LOCK when what it would hold is not sound, ALP_STORE_DAMAGED naming a file that the store lacks,
 *   ALP_FILE_WRITE
 */
export function createBundle({ output, lock, files, keys = [], tool = [], store, signer }: CreateBundleOptions): {
  readonly sha256: Sha256Hex;
  readonly sizeBytes: number;
} {
  const toolFiles = tool.map(({ path, bytes }): BundleFile => ({
    path,
    sha256: sha256Hex(bytes),
    sizeBytes: bytes.length,
  }));
  const manifest = Buffer.from(formatBundleManifest({ lock, files, keys, tool: toolFiles }));
  parseBundleManifest(manifest.toString('utf8'));
  const writer = writeHashedFile(stagingPath(output), { target: () => output, durable: true });
  const put = (path: string, bytes: Uint8Array, mode = 0o644): void =>
    writer.write(formatTarItem({ kind: 'file', path, mode, bytes }));
  try {
    put(MANIFEST, manifest);
    if (signer !== undefined) put(signatureName(signer.publicName), signer.sign(manifest));
    for (const file of uniqueBlobs(files)) put(blobName(file.sha256), readStored(store, file));
    for (const { path, bytes } of [...tool].sort((a, b) => (a.path < b.path ? -1 : 1))) put(path, bytes, 0o755);
    writer.write(TAR_END);
    return writer.finish();
  } finally {
    writer.abandon();
  }
}

/** One file for each digest, in the order of the digests. */
export const uniqueBlobs = (files: readonly BundleFile[]): BundleFile[] =>
  [...new Map(files.map((file) => [file.sha256, file])).values()].sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1));

function readStored(store: Pick<BlobStore, 'openBlob'>, { sha256, path, sizeBytes }: BundleFile): Buffer {
  const blob = store.openBlob(sha256, path);
  if (blob === undefined)
    throw new AlprootError('ALP_STORE_DAMAGED', `${quoteName(path)} is not in the store`, {
      hint: 'run `alproot fetch`, then try again',
      facts: { path, sha256 },
    });
  try {
    const bytes = Buffer.alloc(blob.sizeBytes);
    for (let at = 0; at < bytes.length;) {
      const count = blob.read(bytes.subarray(at), at);
      if (count === 0) break;
      at += count;
    }
    if (bytes.length !== sizeBytes || sha256Hex(bytes) !== sha256)
      throw new AlprootError('ALP_STORE_DAMAGED', `${quoteName(path)} changed while it was read`);
    return bytes;
  } finally {
    blob.close();
  }
}
