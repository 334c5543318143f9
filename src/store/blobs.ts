/** Bytes by their SHA-256. A blob is handed out only after its bytes were hashed again. */
import type { ByteSource } from '../core/bytes.ts';
import { isSha256Hex, type Sha256Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { isSha256Text, isShape } from '../core/json-shape.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import { temporaryName } from '../system/process/process-identity.ts';
import { isInForeignHands } from '../system/files/ownership.ts';
import { markUsed } from '../system/tree/tree-size.ts';
import {
  closeDescriptor,
  descriptorSource,
  hashBytes,
  hashOf,
  openRegular,
  removeFile,
  writeHashedFile,
  type HashedWriter,
} from '../system/files/hashed-file.ts';
import { recordCodec } from './record-codec.ts';

export interface BlobRef {
  readonly sha256: Sha256Hex;
  readonly sizeBytes: number;
  /** What its bytes from `start` on have as SHA-256, where that was found out on the way. */
  readonly tail?: { readonly start: number; readonly sha256: Sha256Hex };
}

/** A record that names a blob. */
export const BLOB_RECORD = recordCodec(1, isShape<Pick<BlobRef, 'sha256'>>({ sha256: isSha256Text }));

/** A blob being written; nobody sees it before `finish`. */
export type BlobWriter = HashedWriter;

export interface OpenBlob extends ByteSource {
  readonly close: () => void;
}

export interface VerifiedBlob<T> {
  readonly contents: T;
  readonly source: OpenBlob;
}

export interface BlobVerifier<T> {
  /** Of the blob, for messages. */
  readonly name: string;
  /** @throws AlprootError for bytes that are refused */
  readonly verify: (blob: OpenBlob) => T;
}

export interface BlobStore {
  readonly createBlob: () => BlobWriter;
  readonly putBlob: (bytes: Uint8Array) => BlobRef;
  readonly hasBlob: (sha256: Sha256Hex) => boolean;
  /**
   * The bytes, hashed through the descriptor that then reads them; undefined when it is not there or was damaged (and
   * is dropped).
   */
  readonly openBlob: (sha256: Sha256Hex, name: string) => OpenBlob | undefined;
  /**
   * The same for a verifier that hashes all of it anyway: the bytes stay open and are hashed once. What it throws
   * about an intact blob is thrown.
   */
  readonly openVerified: <T extends { readonly sha256: Sha256Hex }>(
    sha256: Sha256Hex,
    by: BlobVerifier<T>,
  ) => VerifiedBlob<T> | undefined;
  readonly blobPath: (sha256: Sha256Hex) => HostPath;
}

interface BlobDirectory {
  readonly root: HostPath;
  /** Throws what a store that can only be read says of a path; absent for one that can be written. */
  readonly refuse: ((path: HostPath) => never) | undefined;
}

/** @param refuse throws what a store that can only be read says of a path; absent for one that can be written */
export function createBlobStore(root: HostPath, refuse?: (path: HostPath) => never): BlobStore {
  const blobs: BlobDirectory = { root, refuse };
  return {
    blobPath: (sha256) => blobPathIn(blobs, sha256),
    createBlob: () => createBlobIn(blobs),
    putBlob: (bytes) => {
      const writer = createBlobIn(blobs);
      try {
        writer.write(bytes);
        return writer.finish();
      } finally {
        writer.abandon();
      }
    },
    hasBlob: (sha256) => hasBlobIn(blobs, sha256),
    openVerified: (sha256, by) => openVerifiedIn(blobs, sha256, by),
    openBlob: (sha256, name) => openBlobIn(blobs, sha256, name),
  };
}

function blobPathIn({ root }: BlobDirectory, sha256: Sha256Hex): HostPath {
  if (!isSha256Hex(sha256)) throw new AlprootError('ALP_STORE_DAMAGED', 'the name of a blob is not a valid SHA-256');
  return joinHost(root, 'blobs', 'sha256', sha256.slice(0, 2), sha256);
}

function hasBlobIn(blobs: BlobDirectory, sha256: Sha256Hex): boolean {
  const fd = openOwn(blobPathIn(blobs, sha256));
  if (fd !== undefined) closeDescriptor(fd);
  return fd !== undefined;
}

/** What is there already need not be written: the indexes of a directory mirror are read each time. */
function createBlobIn(blobs: BlobDirectory): BlobWriter {
  const { root, refuse } = blobs;
  const target = (sha256: Sha256Hex): HostPath => blobPathIn(blobs, sha256);
  return refuse === undefined
    ? writeHashedFile(joinHost(root, 'tmp', temporaryName('blob')), { target, durable: false })
    : hashBytes((sha256) => hasBlobIn(blobs, sha256) || refuse(target(sha256)));
}

function openVerifiedIn<T extends { readonly sha256: Sha256Hex }>(
  blobs: BlobDirectory,
  sha256: Sha256Hex,
  { name, verify }: BlobVerifier<T>,
): VerifiedBlob<T> | undefined {
  const path = blobPathIn(blobs, sha256);
  const fd = openOwn(path);
  if (fd === undefined) return undefined;
  markUsed(path);
  const source = blobOf(fd, name, path);
  try {
    const contents = verify(source);
    if (contents.sha256 === sha256) return { contents, source };
    source.close();
  } catch (error) {
    source.close();
    const intact = openBlobIn(blobs, sha256, name);
    if (intact === undefined) return undefined;
    intact.close();
    throw error;
  }
  openBlobIn(blobs, sha256, name)?.close();
  return undefined;
}

function openBlobIn(blobs: BlobDirectory, sha256: Sha256Hex, name: string): OpenBlob | undefined {
  const path = blobPathIn(blobs, sha256);
  const fd = openOwn(path);
  if (fd === undefined) return undefined;
  const source = blobOf(fd, name, path);
  if (hashOf(source) === sha256) {
    markUsed(path);
    return source;
  }
  source.close();
  if (blobs.refuse === undefined) removeFile(path);
  return undefined;
}

const blobOf = (fd: number, name: string, path: HostPath): OpenBlob => ({
  ...descriptorSource(fd, name, { path }),
  close: () => closeDescriptor(fd),
});

/** Another user could change the bytes after they were hashed: what is not ours is as good as missing. */
function openOwn(path: HostPath): number | undefined {
  const fd = openRegular(path);
  if (fd === undefined || !isInForeignHands(fd)) return fd;
  closeDescriptor(fd);
  return undefined;
}
