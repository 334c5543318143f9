/**
 * Whole files of the host: read under a cap, written atomically (temporary name, fsync, rename, fsync of the
 * directory). A reader sees the old file or the new one, whatever happens.
 */
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
import { dirname } from 'node:path';
import { AlprootError, errnoOf } from '../../core/errors.ts';
import { fileError } from '../../core/file-error.ts';
import type { HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { makeDirectories } from './make-directories.ts';
import { temporaryBeside } from '../process/process-identity.ts';

/**
 * The bytes of a regular file.
 *
 * @param maxBytes refused with ALP_LIMIT_SIZE when the file is larger
 * @returns undefined when the file does not exist
 * @throws ALP_LIMIT_SIZE, ALP_FILE_READ (unreadable, not a regular file, shrank while read)
 */
export function readFileCapped(path: HostPath, maxBytes: number): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw fileError('read', path, error);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile())
      throw new AlprootError('ALP_FILE_READ', `cannot read ${quoteName(path)}: not a regular file`, {
        facts: { path },
      });
    if (stat.size > maxBytes) {
      throw new AlprootError(
        'ALP_LIMIT_SIZE',
        `${quoteName(path)} is ${stat.size} bytes, more than the cap of ${maxBytes}`,
      );
    }
    // Files of /proc say that they are empty.
    if (stat.size === 0) return readToEnd(fd, maxBytes);
    const bytes = Buffer.alloc(stat.size);
    let filled = 0;
    while (filled < bytes.length) {
      const count = readSync(fd, bytes, filled, bytes.length - filled, filled);
      if (count === 0)
        throw new AlprootError('ALP_FILE_READ', `${quoteName(path)} became shorter while it was read`, {
          facts: { path },
        });
      filled += count;
    }
    return bytes;
  } catch (error) {
    throw error instanceof AlprootError ? error : fileError('read', path, error);
  } finally {
    closeSync(fd);
  }
}

function readToEnd(fd: number, maxBytes: number): Buffer {
  const buffer = Buffer.alloc(Math.min(maxBytes, 64 * 1024));
  let filled = 0;
  for (let count = -1; count !== 0 && filled < buffer.length; filled += count)
    count = readSync(fd, buffer, filled, buffer.length - filled, null);
  return buffer.subarray(0, filled);
}

export interface WriteOptions {
  /** Permission bits; 0o644 unless given. */
  readonly mode?: number;
  /** Whether it must survive a power failure; true unless given. */
  readonly durable?: boolean;
}

/**
 * Replaces or makes `path`; its directory is made when missing.
 *
 * @throws ALP_FILE_WRITE with the errno, the path and what to do
 */
export function writeFileAtomic(
  path: HostPath,
  bytes: Uint8Array | string,
  { mode = 0o644, durable = true }: WriteOptions = {},
): void {
  const temporary = temporaryBeside(path);
  try {
    makeDirectories(dirname(path));
    const fd = openSync(temporary, 'wx', mode);
    try {
      const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
      for (let written = 0; written < buffer.length;) written += writeSync(fd, buffer, written);
      if (durable) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
    if (durable) syncDirectory(dirname(path));
  } catch (error) {
    try {
      unlinkSync(temporary);
    } catch {
      // It was never made, or is renamed already.
    }
    throw fileError('write', path, error);
  }
}

/** Forces the bytes of a file to the disk. */
export function syncFile(path: HostPath): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes the names in a directory durable. File systems that cannot are left alone. */
export function syncDirectory(path: string): void {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!['EINVAL', 'EACCES', 'EPERM', 'ENOTSUP'].includes(errnoOf(error) ?? '')) throw error;
  }
}
