/** A fetcher over files that are here already, such as those of a bundle: no socket is ever opened. */
import type { ByteSource } from '../core/bytes.ts';
import type { Sha256Hex } from '../core/digest.ts';
import { AlprootError, isAlprootError } from '../core/errors.ts';
import { quoteName } from '../core/redact.ts';
import type { BlobRef } from '../store/blobs.ts';
import type { Store } from '../store/store.ts';
import type { Fetcher } from './fetcher.ts';
import type { FetchRequest } from './fetch-request.ts';

export interface BundledFile {
  readonly file: { readonly sha256: Sha256Hex; readonly sizeBytes: number };
  readonly source: ByteSource;
}

export interface BundleFetcherOptions {
  readonly store: Pick<Store, 'createBlob'>;
  /** For messages: the bundle's file name. */
  readonly name: string;
  /** By the path below any mirror; the base of a request is left out of account. */
  readonly find: (path: string) => BundledFile | undefined;
}

/** Takes what is asked for from `find`, hashed again on its way into the store. */
export function createBundleFetcher({ store, name, find }: BundleFetcherOptions): Fetcher {
  const take = ({ path, maxBytes, sha256 }: FetchRequest): BlobRef => {
    const bundleSource = find(path);
    if (bundleSource === undefined)
      throw new AlprootError('ALP_FETCH_NOT_FOUND', `${path} is not in ${quoteName(name)}`, {
        hint: 'make the bundle again for what is wanted now',
        facts: { path },
      });
    const { file, source } = bundleSource;
    if (file.sizeBytes > maxBytes)
      throw new AlprootError('ALP_LIMIT_SIZE', `${path} is ${file.sizeBytes} bytes, more than ${maxBytes}`);
    if (sha256 !== undefined && sha256 !== file.sha256)
      throw new AlprootError(
        'ALP_VERIFY_DIGEST',
        `${path} in ${quoteName(name)} has SHA-256 ${file.sha256}, expected ${sha256}`,
      );
    return copyInto(store, { path, file, source });
  };
  // Inside a promise, so that a caller meets failures where it meets those of a network.
  const fetch = (request: FetchRequest): Promise<BlobRef> => Promise.resolve().then(() => take(request));
  return {
    fetch,
    fetchOptional: (request) =>
      fetch(request).catch((error: unknown) => {
        if (isAlprootError(error, 'ALP_FETCH_NOT_FOUND')) return undefined;
        throw error;
      }),
  };
}

/** The digest is taken of the bytes that are written; a wrong one leaves nothing behind. */
function copyInto(
  store: BundleFetcherOptions['store'],
  { path, file, source }: BundledFile & { readonly path: string },
): BlobRef {
  const blob = store.createBlob();
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  try {
    for (let at = 0; ;) {
      const count = source.read(buffer, at);
      if (count === 0) break;
      blob.write(buffer.subarray(0, count));
      at += count;
    }
    const ref = blob.finish();
    if (ref.sha256 !== file.sha256)
      throw new AlprootError(
        'ALP_VERIFY_DIGEST',
        `${path} changed while it was read: SHA-256 ${ref.sha256}, expected ${file.sha256}`,
      );
    return ref;
  } finally {
    blob.abandon();
  }
}
