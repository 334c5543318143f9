/**
 * The container of apk v3 files: optional compression, a header, aligned blocks. Read as a stream, so that a package
 * of any size needs little memory; exactly one ADB block, then signatures, then data.
 *
 * @see apk-tools 3.0 `adb.h`, `adb_comp.c`
 */
import { Decompress } from 'fzstd';
import { asBuffer, type ByteSource } from '../../core/bytes.ts';
import { AlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { createInflater } from '../gzip/inflater.ts';
import type { TarSink } from '../tar/tar-entry.ts';
import { zstdFrameProblem } from '../gzip/zstd-frame.ts';

export type AdbSchema = 'index' | 'package';

export interface AdbHandler {
  /** The one ADB block, before anything else. */
  readonly adb: (schema: AdbSchema, bytes: Buffer) => void;
  readonly signature: (bytes: Buffer) => void;
  /** Content of file `file` of directory `path`, both counted from 1. */
  readonly data: (path: number, file: number, sizeBytes: number) => TarSink;
}

const CHUNK = 256 * 1024;
const MAX_SIGNATURE = 16 * 1024;
const SCHEMAS: ReadonlyMap<string, AdbSchema> = new Map([
  ['indx', 'index'],
  ['pckg', 'package'],
]);
const TYPE = { adb: 0, signature: 1, data: 2, extended: 3 } as const;

/** Fails with ALP_FORMAT_ADB. */
export const adbError = (why: string): AlprootError => new AlprootError('ALP_FORMAT_ADB', why);

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

interface BlockReader {
  readonly push: (bytes: Buffer) => void;
  readonly finish: () => void;
}

/** Collects what is small, hands on what is data. */
function createBlockReader(handler: AdbHandler): BlockReader {
  let wanted = 8;
  let kept: Buffer[] = [];
  let keptBytes = 0;
  let use: (bytes: Buffer) => void = fileHeader;
  let sink: { readonly to: TarSink; left: number } | undefined;
  let schema: AdbSchema = 'package';
  let stage = -1;

  function collect(bytes: number, then: (bytes: Buffer) => void): void {
    wanted = bytes;
    use = then;
  }

  function fileHeader(bytes: Buffer): void {
    if (bytes.toString('latin1', 0, 4) !== 'ADB.') throw adbError('no ADB header');
    const found = SCHEMAS.get(bytes.toString('latin1', 4, 8));
    if (found === undefined) throw adbError('neither an index nor a package');
    schema = found;
    collect(4, blockHeader);
  }

  function blockHeader(bytes: Buffer): void {
    const word = bytes.readUInt32LE(0);
    const type = word >>> 30;
    if (type !== TYPE.extended) body(type, (word & 0x3fffffff) - 4, 4);
    else {
      collect(12, (rest) => {
        const size = rest.readBigUInt64LE(4);
        if (rest.readUInt32LE(0) !== 0 || size > BigInt(Number.MAX_SAFE_INTEGER))
          throw adbError('a block header that is damaged');
        body(word & 0x3fffffff, Number(size) - 16, 16);
      });
    }
  }

  function body(type: number, size: number, headerBytes: number): void {
    if (size < 0) throw adbError('a block shorter than its header');
    const padding = (8 - ((size + headerBytes) % 8)) % 8;
    if (type === TYPE.adb ? stage !== -1 : type < stage || stage === -1)
      throw adbError('blocks out of order: one ADB block, signatures, data');
    stage = type;
    if (type === TYPE.adb) {
      limited(size, limits.index, 'index');
      collect(size + padding, (bytes) => next(handler.adb(schema, unpadded(bytes, size))));
    } else if (type === TYPE.signature) {
      limited(size, MAX_SIGNATURE, 'signatureMember');
      collect(size + padding, (bytes) => next(handler.signature(unpadded(bytes, size))));
    } else if (type === TYPE.data && schema === 'package' && size >= 8) {
      collect(8, (ids) => {
        const content = size - 8;
        const to = handler.data(ids.readUInt32LE(0), ids.readUInt32LE(4), content);
        const end = (): void => {
          to.close();
          if (padding === 0) next();
          else collect(padding, (bytes) => next(void unpadded(bytes, 0)));
        };
        if (content === 0) end();
        else {
          sink = { to, left: content };
          collect(0, end);
        }
      });
    } else throw adbError(`unknown block type ${type}`);
  }

  const next = (_done?: void): void => collect(4, blockHeader);

  return {
    push: (bytes) => {
      for (let at = 0; at < bytes.length;) {
        if (sink !== undefined) {
          const part = bytes.subarray(at, at + sink.left);
          sink.to.write(part);
          at += part.length;
          sink.left -= part.length;
          if (sink.left > 0) continue;
          sink = undefined;
          use(Buffer.alloc(0));
          continue;
        }
        const part = bytes.subarray(at, at + wanted - keptBytes);
        at += part.length;
        keptBytes += part.length;
        kept.push(Buffer.from(part));
        if (keptBytes < wanted) continue;
        const whole = Buffer.concat(kept);
        kept = [];
        keptBytes = 0;
        use(whole);
      }
    },
    finish: () => {
      if (sink !== undefined || keptBytes > 0 || use !== blockHeader) throw adbError('the file is cut off');
      if (stage === -1) throw adbError('no ADB block');
    },
  };
}

function limited(size: number, limit: number, name: string): void {
  if (size > limit) throw new AlprootError('ALP_LIMIT_SIZE', `an ADB block of ${size} bytes (limit ${name})`);
}

function unpadded(bytes: Buffer, size: number): Buffer {
  if (bytes.subarray(size).some((byte) => byte !== 0)) throw adbError('padding that is not zero');
  return bytes.subarray(0, size);
}
