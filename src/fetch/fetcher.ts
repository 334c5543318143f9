/**
 * Bytes from a mirror into the store. URLs are fetched with retries and resumption, directories are read; what
 * arrives is capped and hashed, and only whole files become blobs. Trust is not decided here.
 */
import { eachChunk } from '../core/bytes.ts';
import { isUrl } from '../core/mirror.ts';
import { AlprootError, errnoOf } from '../core/errors.ts';
import { hostPath, joinHost } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import type { BlobRef } from '../store/blobs.ts';
import type { Store } from '../store/store.ts';
import { closeDescriptor, descriptorSource, openRegular, type DescriptorSource } from '../system/files/hashed-file.ts';
import { isDirectory, isTaken } from '../system/files/host-paths.ts';
import type { CopyFile, FetcherOptions, FetchRequest } from './fetch-request.ts';

export interface Fetcher {
  /** @throws ALP_FETCH_*, ALP_LIMIT_SIZE, ALP_STORE_WRITE; ALP_FETCH_NOT_FOUND when the mirror does not have it */
  readonly fetch: (request: FetchRequest) => Promise<BlobRef>;
  /** Like fetch; undefined when the mirror says that it does not have it. */
  readonly fetchOptional: (request: FetchRequest) => Promise<BlobRef | undefined>;
}

/** From here on it is worth a message to another thread. */
export const LARGE_BYTES = 256 * 1024;

const PATH = /^[A-Za-z0-9_.+~@:-]+(?:\/[A-Za-z0-9_.+~@:-]+)*$/;

export function createFetcher(options: FetcherOptions): Fetcher {
  const fetch = async (request: FetchRequest): Promise<BlobRef> => {
    const { base, path, sha256 } = request;
    if (!PATH.test(path) || path.split('/').includes('..'))
      throw new AlprootError('ALP_USAGE_ARGUMENT', `illegal path ${quoteName(path)} on a mirror`);
    if (sha256 !== undefined && options.store.hasBlob(sha256)) {
      const blob = options.store.openBlob(sha256, path);
      if (blob !== undefined) {
        blob.close();
        return { sha256, sizeBytes: blob.sizeBytes };
      }
    }
    const ref = isUrl(base) ? await fromNetwork(request, options) : await copyFromDirectory(request, options);
    if (sha256 !== undefined && ref.sha256 !== sha256)
      throw new AlprootError('ALP_VERIFY_DIGEST', `${path} has SHA-256 ${ref.sha256}, expected ${sha256}`);
    return ref;
  };
  return {
    fetch,
    fetchOptional: async (request) => {
      try {
        return await fetch(request);
      } catch (error) {
        if (error instanceof AlprootError && error.code === 'ALP_FETCH_NOT_FOUND') return undefined;
        throw error;
      }
    },
  };
}

/** What only the network needs is loaded for it. */
async function fromNetwork(request: FetchRequest, options: FetcherOptions): Promise<BlobRef> {
  const { download } = await import('./download.ts');
  return download(new URL(`${request.base}/${request.path}`), request, options);
}

async function copyFromDirectory(
  { base, path, maxBytes, copy, signal, label = path }: FetchRequest,
  { store, emit }: FetcherOptions,
): Promise<BlobRef> {
  const file = joinHost(hostPath(base), path);
  const fd = openForCopy(file);
  if (fd === undefined) {
    if (!isDirectory(base))
      throw new AlprootError('ALP_FETCH_NETWORK', `mirror ${quoteName(base)} is not a directory`, {
        hint: 'name a URL, or a directory laid out like https://dl-cdn.alpinelinux.org/alpine',
      });
    if (isTaken(file))
      throw new AlprootError(
        'ALP_FETCH_NETWORK',
        `cannot read ${quoteName(file)}: it is a link, no regular file, or permission is denied`,
        { facts: { path: file } },
      );
    throw new AlprootError('ALP_FETCH_NOT_FOUND', `${path} is not in ${quoteName(base)}`, { facts: { path } });
  }
  try {
    const source = descriptorSource(fd, path);
    if (source.sizeBytes > maxBytes)
      throw new AlprootError('ALP_LIMIT_SIZE', `${path} is ${source.sizeBytes} bytes, more than ${maxBytes}`);
    const isLarge = source.sizeBytes >= LARGE_BYTES;
    const id = `${base}/${path}`;
    if (isLarge) emit({ kind: 'start', id, label: `copying ${label}` });
    const copied = copy === undefined || !isLarge ? undefined : await copyBy(copy, source, store);
    // The other thread has ended, because nobody wants it any more.
    signal?.throwIfAborted();
    const ref = copied ?? copyHere(source, store);
    if (isLarge) emit({ kind: 'done', id, label: `copying ${label}` });
    return ref;
  } finally {
    closeDescriptor(fd);
  }
}

/** undefined when it went wrong: who copies it then tells why. */
async function copyBy(copy: CopyFile, source: DescriptorSource, store: Store): Promise<BlobRef | undefined> {
  const blob = store.createBlob();
  try {
    if (blob.descriptor === undefined) return undefined;
    const copied = await copy(source, blob.descriptor);
    blob.finish(copied);
    return copied;
  } catch {
    return undefined;
  } finally {
    blob.abandon();
  }
}

function copyHere(source: DescriptorSource, store: Store): BlobRef {
  const blob = store.createBlob();
  try {
    eachChunk(source, blob.write);
    return blob.finish();
  } finally {
    blob.abandon();
  }
}

function openForCopy(file: ReturnType<typeof joinHost>): number | undefined {
  try {
    return openRegular(file);
  } catch (error) {
    const errno = errnoOf(error) ?? errnoOf((error as AlprootError).cause);
    throw new AlprootError('ALP_FETCH_NETWORK', `cannot read ${quoteName(file)}: ${errno ?? 'unknown error'}`, {
      cause: error,
    });
  }
}
