/**
 * Files written and read piece by piece, with their digest: layers and archives that need not fit in memory at once.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { createHash } from 'node:crypto';
import type { HostPath } from '../../core/paths.ts';
import { fileError } from '../../core/file-error.ts';
import { createHoleWriter } from './holes.ts';

export interface WrittenFile {
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Makes a new file out of pieces. @throws ALP_FILE_WRITE */
export function writeChunks(path: HostPath, chunks: Iterable<Uint8Array>): WrittenFile {
  const output = openOutput(path);
  try {
    for (const chunk of chunks) output.write(chunk);
    return output.finish();
  } catch (error) {
    throw fileError('write', path, error);
  } finally {
    output.close();
  }
}

/** The same of pieces that come one after the other. @throws ALP_FILE_WRITE */
export async function writeComingChunks(path: HostPath, chunks: AsyncIterable<Uint8Array>): Promise<WrittenFile> {
  const output = openOutput(path);
  try {
    for await (const chunk of chunks) output.write(chunk);
    return output.finish();
  } catch (error) {
    throw fileError('write', path, error);
  } finally {
    output.close();
  }
}

interface Output {
  readonly write: (chunk: Uint8Array) => void;
  readonly finish: () => WrittenFile;
  readonly close: () => void;
}

function openOutput(path: HostPath): Output {
  const hash = createHash('sha256');
  let fd: number;
  try {
    fd = openSync(path, 'wx', 0o644);
  } catch (error) {
    throw fileError('write', path, error);
  }
  const output = createHoleWriter(fd);
  return {
    write: (chunk) => {
      hash.update(chunk);
      output.write(chunk);
    },
    finish: () => ({ sizeBytes: output.finish(), sha256: hash.digest('hex') }),
    close: () => closeSync(fd),
  };
}

/** Passes pieces on, and hands `onEnd` the SHA-256 of all of them. */
export function* hashedOnTheWay(chunks: Iterable<Uint8Array>, onEnd: (sha256: string) => void): Generator<Uint8Array> {
  const hash = createHash('sha256');
  for (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  onEnd(hash.digest('hex'));
}

const CHUNK_BYTES = 1024 * 1024;

/** The bytes of a file; each piece is valid until the next one is asked for. @throws ALP_FILE_READ */
export function* readChunks(path: HostPath): Generator<Buffer> {
  const attempt = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      throw fileError('read', path, error);
    }
  };
  const fd = attempt(() => openSync(path, 'r'));
  try {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      const count = attempt(() => readSync(fd, buffer, 0, buffer.length, null));
      if (count === 0) return;
      yield buffer.subarray(0, count);
    }
  } finally {
    closeSync(fd);
  }
}
