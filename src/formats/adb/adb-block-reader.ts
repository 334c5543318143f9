/**
 * The blocks of an uncompressed ADB file out of chunks of any size: exactly one ADB block, then signatures, then data.
 * What is small is collected, data is handed on as it comes.
 *
 * @see apk-tools 3.0 `adb.h`
 */
import { AlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { TarSink } from '../tar/tar-entry.ts';

export type AdbSchema = 'index' | 'package';

export interface AdbHandler {
  /** The one ADB block, before anything else. */
  readonly adb: (schema: AdbSchema, bytes: Buffer) => void;
  readonly signature: (bytes: Buffer) => void;
  /** Content of file `file` of directory `path`, both counted from 1. */
  readonly data: (path: number, file: number, sizeBytes: number) => TarSink;
}

const MAX_SIGNATURE = 16 * 1024;
const SCHEMAS: ReadonlyMap<string, AdbSchema> = new Map([
  ['indx', 'index'],
  ['pckg', 'package'],
]);
const TYPE = { adb: 0, signature: 1, data: 2, extended: 3 } as const;

/** Fails with ALP_FORMAT_ADB. */
export const adbError = (why: string): AlprootError => new AlprootError('ALP_FORMAT_ADB', why);

export interface AdbBlockReader {
  readonly push: (bytes: Buffer) => void;
  readonly finish: () => void;
}

type Use = (reading: Reading, bytes: Buffer) => void;

/** A file that is being read. */
interface Reading {
  readonly handler: AdbHandler;
  /** Bytes that `use` needs at once. */
  wanted: number;
  collected: Buffer[];
  collectedBytes: number;
  use: Use;
  /** Of a data block. */
  sink: TarSink | undefined;
  /** Bytes of its content still to come. */
  left: number;
  schema: AdbSchema;
  /** The type of the last block; -1 before the first. */
  stage: number;
}

export function createBlockReader(handler: AdbHandler): AdbBlockReader {
  const reading: Reading = {
    handler,
    wanted: 8,
    collected: [],
    collectedBytes: 0,
    use: useFileHeader,
    sink: undefined,
    left: 0,
    schema: 'package',
    stage: -1,
  };
  return {
    push: (bytes) => {
      for (let at = 0; at < bytes.length;)
        at +=
          reading.sink === undefined ? collect(reading, bytes, at) : passOn(reading, reading.sink, bytes.subarray(at));
    },
    finish: () => {
      if (reading.sink !== undefined || reading.collectedBytes > 0 || reading.use !== useBlockHeader)
        throw adbError('the file is cut off');
      if (reading.stage === -1) throw adbError('no ADB block');
    },
  };
}

/** @returns how many bytes were taken */
function collect(reading: Reading, bytes: Buffer, at: number): number {
  const part = bytes.subarray(at, at + reading.wanted - reading.collectedBytes);
  reading.collectedBytes += part.length;
  reading.collected.push(Buffer.from(part));
  if (reading.collectedBytes === reading.wanted) {
    const whole = Buffer.concat(reading.collected);
    reading.collected = [];
    reading.collectedBytes = 0;
    reading.use(reading, whole);
  }
  return part.length;
}

/** @returns how many bytes were taken */
function passOn(reading: Reading, sink: TarSink, bytes: Buffer): number {
  const part = bytes.subarray(0, reading.left);
  sink.write(part);
  reading.left -= part.length;
  if (reading.left === 0) endContent(reading, sink);
  return part.length;
}

function expect(reading: Reading, bytes: number, use: Use): void {
  reading.wanted = bytes;
  reading.use = use;
}

const expectBlock = (reading: Reading): void => expect(reading, 4, useBlockHeader);

function useFileHeader(reading: Reading, bytes: Buffer): void {
  if (bytes.toString('latin1', 0, 4) !== 'ADB.') throw adbError('no ADB header');
  const found = SCHEMAS.get(bytes.toString('latin1', 4, 8));
  if (found === undefined) throw adbError('neither an index nor a package');
  reading.schema = found;
  expectBlock(reading);
}

function useBlockHeader(reading: Reading, bytes: Buffer): void {
  const word = bytes.readUInt32LE(0);
  const type = word >>> 30;
  if (type !== TYPE.extended) return beginBlock(reading, { type, size: (word & 0x3fffffff) - 4, headerBytes: 4 });
  expect(reading, 12, (_reading, rest) => {
    const size = rest.readBigUInt64LE(4);
    if (rest.readUInt32LE(0) !== 0 || size > BigInt(Number.MAX_SAFE_INTEGER))
      throw adbError('a block header that is damaged');
    beginBlock(reading, { type: word & 0x3fffffff, size: Number(size) - 16, headerBytes: 16 });
  });
}

interface BlockHeader {
  readonly type: number;
  /** Bytes after the header. */
  readonly size: number;
  readonly headerBytes: number;
}

function beginBlock(reading: Reading, { type, size, headerBytes }: BlockHeader): void {
  const { schema, stage, handler } = reading;
  if (size < 0) throw adbError('a block shorter than its header');
  const padding = (8 - ((size + headerBytes) % 8)) % 8;
  if (type === TYPE.adb ? stage !== -1 : type < stage || stage === -1)
    throw adbError('blocks out of order: one ADB block, signatures, data');
  reading.stage = type;
  if (type === TYPE.adb) {
    limited(size, limits.index, 'index');
    expectWhole(reading, { size, padding }, (bytes) => handler.adb(schema, bytes));
  } else if (type === TYPE.signature) {
    limited(size, MAX_SIGNATURE, 'signatureMember');
    expectWhole(reading, { size, padding }, (bytes) => handler.signature(bytes));
  } else if (type === TYPE.data && schema === 'package' && size >= 8) expectContent(reading, { size, padding });
  else throw adbError(`unknown block type ${type}`);
}

interface BlockSize {
  readonly size: number;
  readonly padding: number;
}

function expectWhole(reading: Reading, { size, padding }: BlockSize, use: (bytes: Buffer) => void): void {
  expect(reading, size + padding, (_reading, bytes) => {
    use(unpadded(bytes, size));
    expectBlock(reading);
  });
}

function expectContent(reading: Reading, { size, padding }: BlockSize): void {
  expect(reading, 8, (_reading, ids) => {
    const sink = reading.handler.data(ids.readUInt32LE(0), ids.readUInt32LE(4), size - 8);
    reading.left = size - 8;
    // What comes after the content.
    if (padding === 0) expectBlock(reading);
    else
      expect(reading, padding, (_same, bytes) => {
        unpadded(bytes, 0);
        expectBlock(reading);
      });
    if (reading.left === 0) sink.close();
    else reading.sink = sink;
  });
}

function endContent(reading: Reading, sink: TarSink): void {
  reading.sink = undefined;
  sink.close();
}

function limited(size: number, limit: number, name: string): void {
  if (size > limit) throw new AlprootError('ALP_LIMIT_SIZE', `an ADB block of ${size} bytes (limit ${name})`);
}

function unpadded(bytes: Buffer, size: number): Buffer {
  if (bytes.subarray(size).some((byte) => byte !== 0)) throw adbError('padding that is not zero');
  return bytes.subarray(0, size);
}
