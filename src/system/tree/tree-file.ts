/**
 * Contents of regular files of a tree: written in pieces, read in pieces, copied with their holes; no one piece is
 * large.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fstatSync,
  futimesSync,
  openSync,
  readSync,
  unlinkSync,
} from 'node:fs';
import { AlprootError, errnoOf } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { TreePath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { createHoleWriter } from '../files/holes.ts';

export interface TreeFileWriter {
  readonly write: (chunk: Uint8Array) => void;
  readonly finish: (mode: number, mtime: number) => void;
  /** Closes it without further ado. */
  readonly abandon: () => void;
}

const PIECE_BYTES = 1024 * 1024;
/** What Node reads at once. */
const MOST_AT_ONCE = 2 ** 31 - 1;

/** @param attempt runs one step, and turns what the system says into an error of ours */
export function createFileWriter(fd: number, attempt: (work: () => void) => void): TreeFileWriter {
  const output = createHoleWriter(fd);
  return {
    write: (chunk) => attempt(() => output.write(chunk)),
    finish: (mode, mtime) =>
      attempt(() => {
        output.finish();
        fchmodSync(fd, mode);
        futimesSync(fd, mtime, mtime);
        closeSync(fd);
      }),
    abandon: () => closeSync(fd),
  };
}

function cappedSize(fd: number, path: TreePath, maxBytes: number): number {
  const { size } = fstatSync(fd);
  if (size > maxBytes)
    throw new AlprootError('ALP_LIMIT_SIZE', `${quoteName(path)} is ${size} bytes, more than the cap of ${maxBytes}`);
  return size;
}

/** The length of an open file that is to be read at once. @throws ALP_LIMIT_SIZE */
export const cappedAtOnce = (fd: number, path: TreePath, maxBytes: number): number =>
  cappedSize(fd, path, Math.min(maxBytes, MOST_AT_ONCE));

/**
 * The content of an open file that is `sizeBytes` long; each piece is valid until the next is asked for.
 *
 * @throws ALP_LIMIT_SIZE, ALP_UNPACK_TREE when its length is another one
 */
export function* filePieces(fd: number, path: TreePath, sizeBytes: number): Generator<Buffer> {
  const changed = (): AlprootError =>
    new AlprootError('ALP_UNPACK_TREE', `${quoteName(path)} changed its length while it was read`);
  if (cappedSize(fd, path, limits.unpacked) !== sizeBytes) throw changed();
  const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, sizeBytes));
  for (let at = 0; at < sizeBytes;) {
    const count = readSync(fd, buffer, 0, Math.min(buffer.length, sizeBytes - at), at);
    if (count === 0) throw changed();
    yield buffer.subarray(0, count);
    at += count;
  }
}

/**
 * Copies an open file to a new one, by reflink where the file system can; holes stay holes.
 *
 * @throws ALP_LIMIT_SIZE before anything is written
 */
export function copyContent(fd: number, path: TreePath, target: Buffer): void {
  const size = cappedSize(fd, path, limits.unpacked);
  const source = `/proc/self/fd/${fd}`;
  if (size < PIECE_BYTES || fstatSync(fd).blocks * 512 >= size)
    return copyFileSync(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  if (isCloned(source, target)) return;
  const copy = openSync(target, 'wx', 0o600);
  try {
    const output = createHoleWriter(copy);
    for (const piece of filePieces(fd, path, size)) output.write(piece);
    output.finish();
  } finally {
    closeSync(copy);
  }
}

function isCloned(source: string, target: Buffer): boolean {
  try {
    copyFileSync(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw error;
    try {
      unlinkSync(target);
    } catch (missing) {
      if (errnoOf(missing) !== 'ENOENT') throw missing;
    }
    return false;
  }
}
