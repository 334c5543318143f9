/** Files written and read piece by piece, with their digest: layers and archives that need not fit in memory at once. */
import { closeSync, openSync, readSync } from 'node:fs';
import { createHash } from 'node:crypto';
import type { HostPath } from '../core/paths.ts';
import { fileError } from './files.ts';
import { createHoleWriter } from './holes.ts';

export interface WrittenFile {
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Makes a new file out of pieces. @throws ALP_STORE_WRITE */
export function writeChunks(path: HostPath, chunks: Iterable<Uint8Array>): WrittenFile {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    const fd = openSync(path, 'wx', 0o644);
    try {
      const output = createHoleWriter(fd);
      for (const chunk of chunks) {
        hash.update(chunk);
        output.write(chunk);
      }
      sizeBytes = output.finish();
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw fileError('write', path, error);
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}

const CHUNK_BYTES = 1024 * 1024;

/** The bytes of a file; each piece is valid until the next one is asked for. @throws ALP_STORE_WRITE */
export function* readChunks(path: HostPath): Generator<Buffer> {
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      const count = readSync(fd, buffer, 0, buffer.length, null);
      if (count === 0) return;
      yield buffer.subarray(0, count);
    }
  } finally {
    closeSync(fd);
  }
}
