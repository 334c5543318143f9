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
   * The same for a `judge` who hashes all of it anyway and tells what it is: the bytes stay open and are hashed once.
   * What the judge throws about an intact blob is thrown.
   */
  readonly openVerified: <T extends { readonly sha256: Sha256Hex }>(
    sha256: Sha256Hex,
    by: { readonly name: string; readonly verify: (blob: OpenBlob) => T },
  ) => VerifiedBlob<T> | undefined;
  readonly blobPath: (sha256: Sha256Hex) => HostPath;
}

/** @param refuse throws what a store that can only be read says of a path; absent for one that can be written */
export function createBlobStore(root: HostPath, refuse?: (path: HostPath) => never): BlobStore {
  const blobPath = (sha256: Sha256Hex): HostPath => {
    if (!isSha256Hex(sha256)) throw new AlprootError('ALP_STORE_DAMAGED', 'a blob name that is no SHA-256');
    return joinHost(root, 'blobs', 'sha256', sha256.slice(0, 2), sha256);
  };
  const hasBlob = (sha256: Sha256Hex): boolean => {
    const fd = openOwn(blobPath(sha256));
    if (fd !== undefined) closeDescriptor(fd);
    return fd !== undefined;
  };
  // What is there already need not be written: a directory mirror is asked for its indexes each time.
  const createBlob = (): BlobWriter =>
    refuse === undefined
      ? writeHashedFile(joinHost(root, 'tmp', temporaryName('blob')), { target: blobPath, durable: false })
      : hashBytes((sha256) => hasBlob(sha256) || refuse(blobPath(sha256)));
  return {
    blobPath,
    createBlob,
    putBlob: (bytes) => {
      const writer = createBlob();
      try {
        writer.write(bytes);
        return writer.finish();
      } finally {
        writer.abandon();
      }
    },
    hasBlob,
    openVerified: (sha256, { name, verify }) => {
      const source = openUnchecked(sha256, name);
      if (source === undefined) return undefined;
      try {
        const contents = verify(source);
        if (contents.sha256 === sha256) return { contents, source };
        source.close();
      } catch (error) {
        source.close();
        const intact = openBlob(sha256, name);
        if (intact === undefined) return undefined;
        intact.close();
        throw error;
      }
      openBlob(sha256, name)?.close();
      return undefined;
    },
    openBlob,
  };

  function openUnchecked(sha256: Sha256Hex, name: string): OpenBlob | undefined {
    const fd = openOwn(blobPath(sha256));
    if (fd !== undefined) markUsed(blobPath(sha256));
    return fd === undefined
      ? undefined
      : { ...descriptorSource(fd, name, { path: blobPath(sha256) }), close: () => closeDescriptor(fd) };
  }

  function openBlob(sha256: Sha256Hex, name: string): OpenBlob | undefined {
    const fd = openOwn(blobPath(sha256));
    if (fd === undefined) return undefined;
    const source = descriptorSource(fd, name, { path: blobPath(sha256) });
    if (hashOf(source) === sha256) {
      markUsed(blobPath(sha256));
      return { ...source, close: () => closeDescriptor(fd) };
    }
    closeDescriptor(fd);
    if (refuse === undefined) removeFile(blobPath(sha256));
    return undefined;
  }
}

/** Another user could change the bytes after they were hashed: what is not ours is as good as missing. */
function openOwn(path: HostPath): number | undefined {
  const fd = openRegular(path);
  if (fd === undefined || !isInForeignHands(fd)) return fd;
  closeDescriptor(fd);
  return undefined;
}
