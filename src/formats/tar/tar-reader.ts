/**
 * Our strict tar reader: pushed chunks in, entries and content out, nothing kept but a header. Archives that known
 * extractors read differently are refused, never interpreted.
 */
import { asBuffer, isZero } from '../../core/bytes.ts';
import { AlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { quoteName } from '../../core/redact.ts';
import type { TarEntry, TarEntryKind, TarHandler, TarProfile, TarSink } from './tar-entry.ts';
import { BLOCK_BYTES, isZeroBlock, parseTarHeader, tarError, type TarHeader } from './tar-header.ts';
import { NO_PAX, parsePax, type PaxRecords } from './tar-pax.ts';

export interface TarReader {
  /** @throws ALP_FORMAT_TAR, ALP_LIMIT_*, and whatever the handler throws */
  readonly push: (chunk: Uint8Array) => void;
  /** Call after the last chunk. @throws ALP_FORMAT_TAR when the archive is cut off */
  readonly finish: () => void;
}

const KINDS: Readonly<Record<string, TarEntryKind>> = {
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

/** An archive that is being read. */
interface Reading {
  readonly handler: TarHandler;
  readonly profile: TarProfile;
  /** A header of which only the first bytes have come. */
  readonly partial: Buffer;
  partialBytes: number;
  /** Of the next header or content byte. */
  offset: number;
  /** Content bytes still to come. */
  left: number;
  /** Bytes up to the next block. */
  padding: number;
  sink: TarSink | undefined;
  zeroBlocks: number;
  entries: number;
  /** Of the entry that follows. */
  pax: PaxRecords | undefined;
  longName: string | undefined;
  longLink: string | undefined;
}

/** @param profile see {@link TarProfile} */
export function createTarReader(handler: TarHandler, profile: TarProfile): TarReader {
  const reading: Reading = {
    handler,
    profile,
    partial: Buffer.alloc(BLOCK_BYTES),
    partialBytes: 0,
    offset: 0,
    left: 0,
    padding: 0,
    sink: undefined,
    zeroBlocks: 0,
    entries: 0,
    pax: undefined,
    longName: undefined,
    longLink: undefined,
  };
  return {
    push: (chunk) => {
      const bytes = asBuffer(chunk);
      for (let at = 0; at < bytes.length;) at += takeSome(reading, bytes, at);
    },
    finish: () => finishReading(reading),
  };
}

/** Takes content, padding or a header from `bytes`. @returns how many bytes were taken */
function takeSome(reading: Reading, bytes: Buffer, at: number): number {
  const { left, padding, partialBytes } = reading;
  if (left > 0) return takeContent(reading, bytes, at);
  if (padding > 0) {
    const count = Math.min(padding, bytes.length - at);
    if (!isZero(bytes, at, at + count)) throw tarError(reading.offset, 'padding that is not zero');
    reading.padding -= count;
    reading.offset += count;
    return count;
  }
  if (partialBytes === 0 && bytes.length - at >= BLOCK_BYTES) {
    takeHeader(reading, bytes.subarray(at, at + BLOCK_BYTES));
    return BLOCK_BYTES;
  }
  const count = Math.min(BLOCK_BYTES - partialBytes, bytes.length - at);
  bytes.copy(reading.partial, partialBytes, at, at + count);
  reading.partialBytes += count;
  if (reading.partialBytes < BLOCK_BYTES) return count;
  reading.partialBytes = 0;
  takeHeader(reading, reading.partial);
  return count;
}

function takeContent(reading: Reading, bytes: Buffer, at: number): number {
  const count = Math.min(reading.left, bytes.length - at);
  const { sink } = reading;
  reading.left -= count;
  sink?.write(bytes.subarray(at, at + count));
  if (reading.left === 0) {
    reading.sink = undefined;
    sink?.close();
  }
  reading.offset += count;
  return count;
}

function takeHeader(reading: Reading, block: Buffer): void {
  const { profile, offset } = reading;
  if (isZeroBlock(block)) {
    if (profile === 'segment') throw tarError(offset, 'an end block in the middle of a package');
    if (reading.pax !== undefined) throw tarError(offset, 'a pax header without entry');
    reading.zeroBlocks++;
  } else {
    if (reading.zeroBlocks > 0) throw tarError(offset, 'entries after an end block');
    const parsed = parseTarHeader(block, offset, profile);
    reading.left = parsed.sizeBytes;
    if (isExtension(parsed, profile)) collectExtension(reading, parsed);
    else beginEntry(reading, parsed);
    reading.padding = (BLOCK_BYTES - (reading.left % BLOCK_BYTES)) % BLOCK_BYTES;
  }
  reading.offset += BLOCK_BYTES;
}

/** pax headers; GNU's long names only where tar wrote the archive. */
const isExtension = ({ type }: TarHeader, profile: TarProfile): boolean =>
  type === 'x' || (profile === 'rootfs' && (type === 'L' || type === 'K'));

function collectExtension(reading: Reading, { type, sizeBytes }: TarHeader): void {
  const { offset } = reading;
  if (reading.pax !== undefined) throw tarError(offset, 'two extended headers for one entry');
  if (sizeBytes > limits.pax)
    throw new AlprootError('ALP_LIMIT_SIZE', `a tar extended header of ${sizeBytes} bytes (limit pax)`);
  const chunks: Buffer[] = [];
  const close = (): void => {
    const body = chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks);
    if (type === 'x') reading.pax = parsePax(body, offset);
    else if (type === 'L') reading.longName = untilNul(body);
    else reading.longLink = untilNul(body);
  };
  if (sizeBytes === 0) close();
  // One that comes whole is used at once.
  else
    reading.sink = {
      write: (chunk) => void chunks.push(chunk.length === sizeBytes ? asBuffer(chunk) : Buffer.from(chunk)),
      close,
    };
}

function beginEntry(reading: Reading, parsed: TarHeader): void {
  const { left, offset, profile, handler } = reading;
  if (++reading.entries > limits.entryCount)
    throw new AlprootError('ALP_LIMIT_COUNT', `more than ${limits.entryCount} entries in a tar (limit entryCount)`);
  const entry = entryOf(parsed, reading.pax ?? NO_PAX, reading);
  reading.pax = reading.longName = reading.longLink = undefined;
  if (entry.kind !== 'file' && left > 0 && (entry.kind !== 'hardlink' || profile !== 'rootfs'))
    throw tarError(offset, `a ${entry.kind} with content`);
  const target = handler.entry(entry);
  if (left === 0) target?.close();
  else reading.sink = target;
}

function finishReading({ partialBytes, offset, left, padding, pax, zeroBlocks, profile }: Reading): void {
  if (partialBytes > 0) throw tarError(offset, 'not a whole number of blocks');
  if (left > 0 || padding > 0) throw tarError(offset, 'the archive is cut off inside an entry');
  if (pax !== undefined) throw tarError(offset, 'a pax header without entry');
  if (zeroBlocks < 2 && (profile === 'data' || profile === 'rootfs' || profile === 'layer'))
    throw tarError(offset, 'no end of archive');
  if (zeroBlocks === 1) throw tarError(offset, 'a single end block');
}

type EntryContext = Pick<Reading, 'longName' | 'longLink' | 'offset' | 'profile'>;

function entryOf(header: TarHeader, pax: PaxRecords, { longName, longLink, offset, profile }: EntryContext): TarEntry {
  const kind = KINDS[header.type];
  if (kind === undefined) throw tarError(offset, `unknown entry type ${quoteName(header.type)}`);
  if (pax.size !== undefined && pax.size !== header.sizeBytes)
    throw tarError(offset, 'pax size differs from the header');
  const isLink = kind === 'hardlink' || kind === 'symlink';
  // apk makes a hard link of a file that has one.
  if (pax.linkpath !== undefined && !isLink) throw tarError(offset, 'the target of a link at an entry that is none');
  const name = pax.path ?? longName ?? header.name;
  if (name === '') throw tarError(offset, 'an entry without name');
  // Of a package's pax headers apk takes names, extended attributes and checksums only.
  const attributes = profile === 'data' ? NO_PAX : pax;
  return {
    kind,
    path: kind === 'directory' ? name.replace(/(?<=[^/])\/$/, '') : name,
    target: isLink ? (pax.linkpath ?? longLink ?? header.linkName) : '',
    mode: header.mode,
    uid: attributes.uid ?? header.uid,
    gid: attributes.gid ?? header.gid,
    uname: attributes.uname ?? header.uname,
    gname: attributes.gname ?? header.gname,
    sizeBytes: profile === 'rootfs' && kind !== 'file' ? 0 : header.sizeBytes,
    mtime: attributes.mtime ?? header.mtime,
    devMajor: header.devMajor,
    devMinor: header.devMinor,
    sha1: pax.sha1,
    xattrs: pax.xattrs,
    offset,
  };
}

function untilNul(body: Buffer): string {
  const zero = body.indexOf(0);
  return body.toString('latin1', 0, zero < 0 ? body.length : zero);
}
