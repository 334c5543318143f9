/**
 * One gzip member at its real boundaries: header, raw deflate, checksum and length are read by us, so nothing can
 * hide behind what a lenient reader joins or drops. Hashes of packages run over these compressed bytes.
 *
 * @see RFC 1952
 */
import { crc32 } from 'node:zlib';
import type { ByteSource } from '../../core/bytes.ts';
import { AlprootError } from '../../core/errors.ts';
import { quoteName } from '../../core/redact.ts';
import { createInflater, type Inflater, type InflateStep } from './inflater.ts';

const CHUNK = 256 * 1024;
/** What is read and what there is room for at first: most members, of signatures and control parts, need no more. */
const FIRST_CHUNK = 16 * 1024;
const SMALL_ROOM = 16 * 1024;
const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;

export interface MemberOptions {
  /** Cap on the inflated size; more is ALP_LIMIT_SIZE. */
  readonly maxBytes: number;
  /** Name of the cap, for the message. */
  readonly limitName: string;
  /** Inflated bytes, valid during the call only. */
  readonly onInflated?: (chunk: Uint8Array) => void;
  /** The member's own compressed bytes in order, header and trailer included; valid during the call only. */
  readonly onCompressed?: (chunk: Uint8Array) => void;
  /** Where the next inflated bytes go; without it into one buffer again and again. */
  readonly room?: () => Uint8Array;
  /** `plain`: no optional header field (packages). `any`: names and comments are passed over (minirootfs). */
  readonly header?: 'plain' | 'any';
  /** Leaves the CRC to who is given the bytes, see `demandCrc`. */
  readonly deferCrc?: boolean;
}

export interface MemberEnd {
  /** Position of the first byte after the member. */
  readonly end: number;
  readonly inflatedBytes: number;
  /** CRC-32 of the inflated bytes, as the trailer has it. */
  readonly crc: number;
}

/** A member that is being inflated. */
interface Inflation {
  readonly source: ByteSource;
  readonly options: MemberOptions;
  readonly inflater: Inflater;
  readonly room: () => Uint8Array;
  /** Of the next compressed byte. */
  at: number;
  inflatedBytes: number;
  crc: number;
}

/**
 * Inflates the member that starts at `position`.
 *
 * @throws ALP_FORMAT_GZIP with the offset; ALP_LIMIT_SIZE
 */
export function inflateMember(source: ByteSource, position: number, options: MemberOptions): MemberEnd {
  const at = position + readHeader(source, position, options);
  const inflater = createInflater();
  const inflation: Inflation = {
    source,
    options,
    inflater,
    room: options.room ?? oneBuffer(),
    at,
    inflatedBytes: 0,
    crc: 0,
  };
  try {
    let input = Buffer.allocUnsafe(FIRST_CHUNK);
    while (!inflateChunk(inflation, input)) if (input.length < CHUNK) input = Buffer.allocUnsafe(CHUNK);
  } finally {
    inflater.close();
  }
  return readTrailer(inflation);
}

/** @returns its length */
function readHeader(source: ByteSource, position: number, options: MemberOptions): number {
  const head = Buffer.alloc(options.header === 'any' ? 64 * 1024 : HEADER_BYTES);
  const got = readFully(source, head, position);
  const length = headerLength(head.subarray(0, got), options.header ?? 'plain', (why) =>
    failAt(source, position, why),
  );
  options.onCompressed?.(head.subarray(0, length));
  return length;
}

/** Reads once into `input`, and inflates all of it. @returns whether the compressed stream has ended */
function inflateChunk(inflation: Inflation, input: Buffer): boolean {
  const { source, options, room } = inflation;
  const chunk = input.subarray(0, source.read(input, inflation.at));
  if (chunk.length === 0) failAt(source, inflation.at, 'the compressed stream is cut off');
  for (let used = 0; ;) {
    const output = room();
    const { consumed, produced } = stepOrFail(inflation, chunk.subarray(used), output);
    options.onCompressed?.(chunk.subarray(used, used + consumed));
    used += consumed;
    if (produced > 0) deliver(inflation, output.subarray(0, produced));
    const ended = consumed === 0 && produced === 0 && used < chunk.length;
    if (!ended && (used < chunk.length || produced === output.length)) continue;
    inflation.at += used;
    return ended;
  }
}

function stepOrFail({ inflater, source, at }: Inflation, rest: Uint8Array, output: Uint8Array): InflateStep {
  try {
    return inflater.step(rest, output);
  } catch (error) {
    return failAt(source, at, `not a deflate stream: ${(error as Error).message}`);
  }
}

function deliver(inflation: Inflation, chunk: Uint8Array): void {
  const { options, source } = inflation;
  inflation.inflatedBytes += chunk.length;
  if (inflation.inflatedBytes > options.maxBytes) {
    throw new AlprootError(
      'ALP_LIMIT_SIZE',
      `${quoteName(source.name)}: inflates to more than ${options.maxBytes} bytes (limit ${options.limitName})`,
      { facts: { limit: options.limitName, bytes: options.maxBytes } },
    );
  }
  if (options.deferCrc !== true) inflation.crc = crc32(chunk, inflation.crc);
  options.onInflated?.(chunk);
}

function readTrailer({ source, options, at, inflatedBytes, crc }: Inflation): MemberEnd {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  if (readFully(source, trailer, at) < TRAILER_BYTES) failAt(source, at, 'the gzip trailer is cut off');
  const end: MemberEnd = { end: at + TRAILER_BYTES, inflatedBytes, crc: trailer.readUInt32LE(0) };
  if (options.deferCrc !== true) requireCrc(source, end, crc);
  if (trailer.readUInt32LE(4) !== inflatedBytes % 2 ** 32) failAt(source, at, 'wrong length in the gzip trailer');
  options.onCompressed?.(trailer);
  return end;
}

/** @param crc of all inflated bytes of the member @throws ALP_FORMAT_GZIP when the trailer has another one */
export function requireCrc(source: ByteSource, { end, crc: expected }: MemberEnd, crc: number): void {
  if (crc !== expected) failAt(source, end - TRAILER_BYTES, 'wrong checksum in the gzip trailer');
}

function failAt({ name }: ByteSource, offset: number, why: string): never {
  throw new AlprootError('ALP_FORMAT_GZIP', `${quoteName(name)} at byte ${offset}: ${why}`, { facts: { offset } });
}

function oneBuffer(): () => Uint8Array {
  const buffer = Buffer.allocUnsafe(CHUNK);
  return () => buffer;
}

/** The inflated bytes of a small member, whole. @throws as inflateMember */
export function readMember(
  source: ByteSource,
  position: number,
  options: Omit<MemberOptions, 'onInflated' | 'room'>,
): MemberEnd & { readonly bytes: Buffer } {
  const chunks: Uint8Array[] = [];
  let free: Uint8Array = Buffer.allocUnsafe(2 * FIRST_CHUNK);
  const end = inflateMember(source, position, {
    ...options,
    // Inflated to where it stays; a rest that is too small is left.
    room: () => (free = free.length < SMALL_ROOM ? Buffer.allocUnsafe(CHUNK) : free),
    onInflated: (chunk) => {
      chunks.push(chunk);
      free = free.subarray(chunk.length);
    },
  });
  return { ...end, bytes: Buffer.concat(chunks) };
}

/** Reads until `target` is full or the source ends; returns the count. */
export function readFully(source: ByteSource, target: Uint8Array, position: number): number {
  let filled = 0;
  while (filled < target.length) {
    const count = source.read(target.subarray(filled), position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

function headerLength(head: Uint8Array, kind: 'plain' | 'any', fail: (why: string) => never): number {
  if (head.length < HEADER_BYTES) fail('too short for a gzip header');
  if (head[0] !== 0x1f || head[1] !== 0x8b) fail('not a gzip member');
  if (head[2] !== 8) fail('unknown gzip compression method');
  const flags = head[3] ?? 0;
  if (flags === 0) return HEADER_BYTES;
  if (kind === 'plain') fail('a gzip header with optional fields');
  if ((flags & 0xe0) !== 0) fail('reserved gzip flags');
  let at = HEADER_BYTES;
  if ((flags & 4) !== 0) at += 2 + (head[at] ?? 0) + 256 * (head[at + 1] ?? 0);
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue;
    const zero = head.indexOf(0, at);
    if (zero < 0) fail('an endless name in the gzip header');
    at = zero + 1;
  }
  if ((flags & 2) !== 0) at += 2;
  if (at > head.length) fail('a gzip header that is cut off');
  return at;
}
