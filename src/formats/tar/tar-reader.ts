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

/** @param profile see {@link TarProfile} */
export function createTarReader(handler: TarHandler, profile: TarProfile): TarReader {
  const partial = Buffer.alloc(BLOCK_BYTES);
  let partialBytes = 0;
  let offset = 0; // of the next header or content byte
  let left = 0; // content bytes still to come
  let padding = 0; // bytes up to the next block
  let sink: TarSink | undefined;
  let zeroBlocks = 0;
  let entries = 0;
  let pax: PaxRecords | undefined;
  let longName: string | undefined;
  let longLink: string | undefined;

  function header(block: Buffer): void {
    if (isZeroBlock(block)) {
      if (profile === 'segment') throw tarError(offset, 'an end block in the middle of a package');
      if (pax !== undefined) throw tarError(offset, 'a pax header without entry');
      zeroBlocks++;
      return;
    }
    if (zeroBlocks > 0) throw tarError(offset, 'entries after an end block');
    const parsed = parseTarHeader(block, offset, profile);
    left = parsed.sizeBytes;
    if (parsed.type === 'x') collect(parsed, (body, at) => void (pax = parsePax(body, at)));
    else if (profile === 'rootfs' && parsed.type === 'L') collect(parsed, (body) => void (longName = untilNul(body)));
    else if (profile === 'rootfs' && parsed.type === 'K') collect(parsed, (body) => void (longLink = untilNul(body)));
    else begin(parsed);
    padding = (BLOCK_BYTES - (left % BLOCK_BYTES)) % BLOCK_BYTES;
  }

  function collect(parsed: TarHeader, use: (body: Buffer, at: number) => void): void {
    if (pax !== undefined) throw tarError(offset, 'two extended headers for one entry');
    if (parsed.sizeBytes > limits.pax)
      throw new AlprootError('ALP_LIMIT_SIZE', `a tar extended header of ${parsed.sizeBytes} bytes (limit pax)`);
    const chunks: Buffer[] = [];
    const at = offset;
    const close = (): void => use(chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks), at);
    if (parsed.sizeBytes === 0) close();
    // One that comes whole is used at once.
    else
      sink = {
        write: (chunk) => void chunks.push(chunk.length === parsed.sizeBytes ? asBuffer(chunk) : Buffer.from(chunk)),
        close,
      };
  }

  function begin(parsed: TarHeader): void {
    if (++entries > limits.entryCount)
      throw new AlprootError('ALP_LIMIT_COUNT', `more than ${limits.entryCount} entries in a tar (limit entryCount)`);
    const entry = entryOf(parsed, pax ?? NO_PAX, { longName, longLink, offset, profile });
    pax = longName = longLink = undefined;
    if (entry.kind !== 'file' && left > 0) {
      if (entry.kind !== 'hardlink' || profile !== 'rootfs') throw tarError(offset, `a ${entry.kind} with content`);
    }
    const target = handler.entry(entry);
    if (left === 0) target?.close();
    else sink = target;
  }

  function content(chunk: Uint8Array): void {
    left -= chunk.length;
    sink?.write(chunk);
    if (left > 0) return;
    const finished = sink;
    sink = undefined;
    finished?.close();
  }

  return {
    push: (chunk) => {
      const bytes = asBuffer(chunk);
      for (let at = 0; at < bytes.length;) {
        if (left > 0) {
          const count = Math.min(left, bytes.length - at);
          content(bytes.subarray(at, at + count));
          at += count;
          offset += count;
        } else if (padding > 0) {
          const count = Math.min(padding, bytes.length - at);
          if (!isZero(bytes, at, at + count)) throw tarError(offset, 'padding that is not zero');
          padding -= count;
          at += count;
          offset += count;
        } else if (partialBytes === 0 && bytes.length - at >= BLOCK_BYTES) {
          header(bytes.subarray(at, at + BLOCK_BYTES));
          at += BLOCK_BYTES;
          offset += BLOCK_BYTES;
        } else {
          const count = Math.min(BLOCK_BYTES - partialBytes, bytes.length - at);
          bytes.copy(partial, partialBytes, at, at + count);
          partialBytes += count;
          at += count;
          if (partialBytes < BLOCK_BYTES) continue;
          partialBytes = 0;
          header(partial);
          offset += BLOCK_BYTES;
        }
      }
    },
    finish: () => {
      if (partialBytes > 0) throw tarError(offset, 'not a whole number of blocks');
      if (left > 0 || padding > 0) throw tarError(offset, 'the archive is cut off inside an entry');
      if (pax !== undefined) throw tarError(offset, 'a pax header without entry');
      if (zeroBlocks < 2 && (profile === 'data' || profile === 'rootfs' || profile === 'layer'))
        throw tarError(offset, 'no end of archive');
      if (zeroBlocks === 1) throw tarError(offset, 'a single end block');
    },
  };
}

interface EntryContext {
  readonly longName: string | undefined;
  readonly longLink: string | undefined;
  readonly offset: number;
  readonly profile: TarProfile;
}

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
