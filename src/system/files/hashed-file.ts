/** Files named by what they hold: written under a temporary name, hashed on the way, renamed when whole. */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { eachChunk, type ByteSource } from '../../core/bytes.ts';
import type { Sha256Hex } from '../../core/digest.ts';
import { errnoOf } from '../../core/errors.ts';
import { parentOfHost, type HostPath } from '../../core/paths.ts';
import { fileError } from '../../core/file-error.ts';
import { syncDirectory } from './files.ts';
import { makeDirectories } from './make-directories.ts';

/** A descriptor of a regular file; undefined when there is none, or it is a link. */
export function openRegular(path: HostPath): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(errnoOf(error) ?? '')) return undefined;
    throw fileError('read', path, error);
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  return undefined;
}

/** Bytes of an open file. */
export interface DescriptorSource extends ByteSource {
  readonly descriptor: number;
}

/**
 * Random access through a descriptor that the caller closes.
 *
 * @param name what messages call it
 * @param options `path`: where it is, when `name` is not its path
 */
export const descriptorSource = (
  fd: number,
  name: string,
  { path = name }: { readonly path?: string } = {},
): DescriptorSource => ({
  name,
  sizeBytes: fstatSync(fd).size,
  read: (target, position) => {
    try {
      return readSync(fd, target, 0, target.length, position);
    } catch (error) {
      throw fileError('read', path, error);
    }
  },
  descriptor: fd,
});

/** SHA-256 of a whole source, hex. */
export function hashOf(source: ByteSource): string {
  const hash = createHash('sha256');
  eachChunk(source, (chunk) => hash.update(chunk));
  return hash.digest('hex');
}

interface Hashed {
  readonly sha256: Sha256Hex;
  readonly sizeBytes: number;
}

export interface CopyJob {
  /** Both are open until it is done. */
  readonly from: number;
  readonly to: number;
  /** From there on its bytes are hashed by themselves as well. */
  readonly tailStart: number;
}

export interface Copied extends Hashed {
  readonly tail: { readonly start: number; readonly sha256: Sha256Hex };
}

/** All of one open file to the end of another, hashed on the way. @throws Error of the system */
export function copyHashed({ from, to, tailStart }: CopyJob): Copied {
  const [whole, tail] = [createHash('sha256'), createHash('sha256')];
  let at = 0;
  eachChunk(descriptorSource(from, ''), (chunk) => {
    whole.update(chunk);
    tail.update(chunk.subarray(Math.max(0, tailStart - at)));
    writeWhole(to, chunk);
    at += chunk.length;
  });
  return {
    sha256: whole.digest('hex') as Sha256Hex,
    sizeBytes: at,
    tail: { start: tailStart, sha256: tail.digest('hex') as Sha256Hex },
  };
}

function writeWhole(fd: number, chunk: Uint8Array): void {
  for (let done = 0; done < chunk.length;) done += writeSync(fd, chunk, done);
}

/** A file being written; nobody sees it before `finish`, which names it after its SHA-256. */
export interface HashedWriter {
  readonly write: (chunk: Uint8Array) => void;
  readonly sizeBytes: () => number;
  /** Where another may write all of it in place of `write`; undefined where no file is written. */
  readonly descriptor: number | undefined;
  /** @param known of a content that another has written and hashed @throws ALP_FILE_WRITE */
  readonly finish: (known?: Hashed) => Hashed;
  /** Forgets it; after `finish` this does nothing. */
  readonly abandon: () => void;
}

export interface HashedFileOptions {
  /** Where the file goes, given its digest; on the same file system. */
  readonly target: (sha256: Sha256Hex) => HostPath;
  /** Whether it must survive a power failure; not where its readers hash it again, and can have another. */
  readonly durable: boolean;
}

/** @param temporary where it is until then */
export function writeHashedFile(temporary: HostPath, { target, durable }: HashedFileOptions): HashedWriter {
  let fd: number | undefined;
  let size = 0;
  const hash = createHash('sha256');
  try {
    fd = insideDirectory(temporary, () => openSync(temporary, 'wx', 0o644));
  } catch (error) {
    throw fileError('write', temporary, error);
  }
  const abandon = (): void => {
    if (fd === undefined) return;
    closeSync(fd);
    fd = undefined;
    unlinkSync(temporary);
  };
  const attempt = <T>(work: (open: number) => T): T => {
    if (fd === undefined) throw new Error('a finished blob was written to');
    try {
      return work(fd);
    } catch (error) {
      abandon();
      throw fileError('write', temporary, error);
    }
  };
  return {
    abandon,
    sizeBytes: () => size,
    write: (chunk) =>
      attempt((open) => {
        hash.update(chunk);
        writeWhole(open, chunk);
        size += chunk.length;
      }),
    descriptor: fd,
    finish: (known) =>
      attempt((open) => {
        const { sha256, sizeBytes } = known ?? { sha256: hash.digest('hex') as Sha256Hex, sizeBytes: size };
        const path = target(sha256);
        if (durable) fsyncSync(open);
        insideDirectory(path, () => renameSync(temporary, path));
        closeSync(open);
        fd = undefined;
        if (durable) syncDirectory(parentOfHost(path));
        return { sha256, sizeBytes };
      }),
  };
}

/**
 * The same without a file: only its digest is wanted.
 *
 * @param verify is given it by `finish`, and throws when it will not do
 */
export function hashBytes(verify: (sha256: Sha256Hex) => unknown): HashedWriter {
  const hash = createHash('sha256');
  let size = 0;
  return {
    write: (chunk) => {
      hash.update(chunk);
      size += chunk.length;
    },
    sizeBytes: () => size,
    descriptor: undefined,
    finish: () => {
      const sha256 = hash.digest('hex') as Sha256Hex;
      verify(sha256);
      return { sha256, sizeBytes: size };
    },
    abandon: () => undefined,
  };
}

/** Does what makes `path`, and once more when its directory had to be made first. */
function insideDirectory<T>(path: HostPath, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    makeDirectories(parentOfHost(path));
    return make();
  }
}

/** Closes a descriptor. */
export const closeDescriptor = (fd: number): void => closeSync(fd);

/** Removes one file; that it is gone already is fine. */
export function removeFile(path: HostPath): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw fileError('remove', path, error);
  }
}

/** Renames a file into place, replacing what is there. @throws ALP_FILE_WRITE */
export function moveFile(from: HostPath, to: HostPath): void {
  try {
    makeDirectories(parentOfHost(to));
    renameSync(from, to);
  } catch (error) {
    throw fileError('write', to, error);
  }
}
