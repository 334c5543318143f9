/** A file that is mostly hole: pieces at their places, the rest never written. */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { HostPath } from '../../core/paths.ts';
import { fileError } from '../../core/file-error.ts';

export interface SparsePiece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Makes a new file that only its owner may use. @throws ALP_FILE_WRITE */
export function writeSparseFile(path: HostPath, sizeBytes: number, pieces: Iterable<SparsePiece>): void {
  try {
    const fd = openSync(path, 'wx', 0o600);
    try {
      ftruncateSync(fd, sizeBytes);
      for (const { at, bytes } of pieces)
        for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw fileError('write', path, error);
  }
}
