/**
 * The container of apk v3 files: optional compression, a header, aligned blocks. Read as a stream, so that a package
 * of any size needs little memory.
 *
 * @see apk-tools 3.0 `adb.h`, `adb_comp.c`
 */
import { Decompress } from 'fzstd';
import { asBuffer, type ByteSource } from '../../core/bytes.ts';
import { AlprootError } from '../../core/errors.ts';
import { createInflater } from '../gzip/inflater.ts';
import { zstdFrameProblem } from '../gzip/zstd-frame.ts';
import { adbError, createBlockReader, type AdbHandler } from './adb-block-reader.ts';

const CHUNK = 256 * 1024;

/** Whether `head`, the first bytes of a file, begins an ADB file of any compression. */
export const isAdb = (head: Uint8Array): boolean =>
  ['ADB.', 'ADBd', 'ADBc'].includes(Buffer.from(head.subarray(0, 4)).toString('latin1'));

/**
 * Reads the whole file.
 *
 * @param maxBytes cap on the uncompressed size
 * @throws ALP_FORMAT_ADB, ALP_LIMIT_SIZE, and whatever the handler throws
 */
export function readAdbBlocks(source: ByteSource, handler: AdbHandler, maxBytes: number): void {
  const reader = createBlockReader(handler);
  let total = 0;
  const push = (chunk: Uint8Array): void => {
    total += chunk.length;
    if (total > maxBytes)
      throw new AlprootError('ALP_LIMIT_SIZE', `an ADB file of more than ${maxBytes} bytes (limit unpacked)`);
    reader.push(asBuffer(chunk));
  };
  const head = Buffer.alloc(6);
  const got = source.read(head, 0);
  const magic = head.toString('latin1', 0, 4);
  if (got < 6) throw adbError('too short for an ADB file');
  if (magic === 'ADB.') copy(source, 0, push);
  else if (magic === 'ADBd') inflate(source, 4, push);
  else if (magic === 'ADBc' && head[4] === 1) inflate(source, 6, push);
  else if (magic === 'ADBc' && head[4] === 2) unzstd(source, 6, push);
  else if (magic === 'ADBc' && head[4] === 0) copy(source, 6, push);
  else throw adbError('not an ADB file, or compressed in an unknown way');
  reader.finish();
}

type Push = (chunk: Uint8Array) => void;

function copy(source: ByteSource, start: number, push: Push): void {
  const input = Buffer.allocUnsafe(CHUNK);
  for (let at = start, count = 0; (count = source.read(input, at)) > 0; at += count) push(input.subarray(0, count));
}

function inflate(source: ByteSource, start: number, push: Push): void {
  const inflater = createInflater();
  const output = Buffer.allocUnsafe(CHUNK);
  const step = (input: Uint8Array): { consumed: number; produced: number } => {
    try {
      return inflater.step(input, output);
    } catch (error) {
      throw adbError(`not a deflate stream: ${(error as Error).message}`);
    }
  };
  try {
    copy(source, start, (chunk) => {
      let used = 0;
      for (;;) {
        const { consumed, produced } = step(chunk.subarray(used));
        used += consumed;
        if (produced > 0) push(output.subarray(0, produced));
        if (consumed === 0 && produced === 0 && used < chunk.length)
          throw adbError('bytes after the compressed stream');
        if (used === chunk.length && produced < output.length) break;
      }
    });
    // A stream that has ended takes no further byte; one that is cut off does.
    if (step(Buffer.alloc(1)).consumed > 0) throw adbError('the compressed stream is cut off');
  } finally {
    inflater.close();
  }
}

function unzstd(source: ByteSource, start: number, push: Push): void {
  const zstdError = (error: unknown): unknown =>
    error instanceof AlprootError
      ? error
      : adbError(`not a zstd stream: ${error instanceof Error ? error.message : 'damaged'}`);
  const failure = zstdFrameProblem(source, start);
  if (failure !== undefined) throw adbError(failure);
  try {
    const stream = new Decompress(push);
    copy(source, start, (chunk) => stream.push(Uint8Array.from(chunk)));
    stream.push(new Uint8Array(0), true);
  } catch (error) {
    throw zstdError(error);
  }
}
