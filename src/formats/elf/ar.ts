/**
 * Static libraries: the common `ar` form with GNU or BSD long names. Members are handed out as windows on the
 * archive, never copied. Thin archives hold no members and are refused.
 *
 * @see ar(5); "GNU variant" of binutils 2.40 `bfd/archive.c`
 */
import type { ByteSource } from '../../core/bytes.ts';
import { AlprootError } from '../../core/errors.ts';
import { quoteName } from '../../core/redact.ts';

const [HEADER_BYTES, MEMBERS_CAP, NAMES_CAP] = [60, 1_000_000, 64 * 1024 * 1024];

export interface ArMember {
  readonly name: string;
  /** The member's bytes; named `ARCHIVE(MEMBER)`. */
  readonly source: ByteSource;
}

export const hasArMagic = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.subarray(0, 8)).toString('latin1') === '!<arch>\n';

/**
 * Members in file order, without symbol indexes and name tables.
 *
 * @throws ALP_FORMAT_AR
 */
export function* readAr(source: ByteSource): Generator<ArMember> {
  const magic = take(source, 0, 8).toString('latin1');
  if (magic === '!<thin>\n')
    throw arError(source, 'a thin archive only names its members; give the object files themselves');
  if (magic !== '!<arch>\n') throw arError(source, 'it does not begin with `!<arch>`');
  let longNames: Buffer = Buffer.alloc(0);
  for (let at = 8, count = 0; at < source.sizeBytes; count++) {
    if (count > MEMBERS_CAP) throw arError(source, `more than ${MEMBERS_CAP} members`);
    const { rawName, sizeBytes } = readHeader(source, at);
    const start = at + HEADER_BYTES;
    if (start + sizeBytes > source.sizeBytes)
      throw arError(source, `member at ${at} leaves the file`, { offset: at, sizeBytes });
    at = start + sizeBytes + (sizeBytes % 2);
    if (rawName === '//') {
      if (sizeBytes > NAMES_CAP) throw arError(source, `name table of ${sizeBytes} bytes`);
      longNames = take(source, start, sizeBytes);
    } else if (rawName !== '/' && rawName !== '/SYM64/') {
      const { name, skip } = memberName(source, { rawName, start, sizeBytes, longNames });
      if (!name.startsWith('__.SYMDEF'))
        yield { name, source: window(source, { name, start: start + skip, sizeBytes: sizeBytes - skip }) };
    }
  }
}

function readHeader(source: ByteSource, at: number): { rawName: string; sizeBytes: number } {
  const header = take(source, at, HEADER_BYTES).toString('latin1');
  const size = header.slice(48, 58).trimEnd();
  if (header.slice(58) !== '`\n' || !/^\d{1,10}$/.test(size))
    throw arError(source, `no member header at ${at}`, { offset: at });
  return { rawName: header.slice(0, 16).trimEnd(), sizeBytes: Number(size) };
}

interface NamePlace {
  readonly rawName: string;
  readonly start: number;
  readonly sizeBytes: number;
  readonly longNames: Buffer;
}

/** The name, and how many of the member's first bytes it takes (BSD form). */
function memberName(
  source: ByteSource,
  { rawName, start, sizeBytes, longNames }: NamePlace,
): { name: string; skip: number } {
  const gnu = /^\/(\d{1,10})$/.exec(rawName);
  if (gnu !== null) {
    const at = Number(gnu[1]);
    const end = at < longNames.length ? longNames.indexOf('\n', at, 'latin1') : -1;
    if (end === -1) throw arError(source, `long name ${at} is not in the name table`);
    return { name: longNames.toString('latin1', at, end).replace(/\/$/, ''), skip: 0 };
  }
  const bsd = /^#1\/(\d{1,5})$/.exec(rawName);
  if (bsd === null) return { name: rawName.replace(/\/$/, ''), skip: 0 };
  const length = Number(bsd[1]);
  if (length > sizeBytes) throw arError(source, `long name of ${length} bytes in a member of ${sizeBytes}`);
  return { name: take(source, start, length).toString('latin1').replace(/\0+$/, ''), skip: length };
}

const window = (
  source: ByteSource,
  { name, start, sizeBytes }: { name: string; start: number; sizeBytes: number },
): ByteSource => ({
  name: `${source.name}(${name})`,
  sizeBytes,
  read: (target, position) =>
    position >= sizeBytes
      ? 0
      : source.read(target.subarray(0, Math.min(target.length, sizeBytes - position)), start + position),
});

function take(source: ByteSource, offset: number, size: number): Buffer {
  if (offset + size > source.sizeBytes)
    throw arError(source, `${size} bytes at ${offset} lie outside the file`, { offset });
  const bytes = Buffer.alloc(size);
  for (let filled = 0; filled < size;) {
    const count = source.read(bytes.subarray(filled), offset + filled);
    if (count <= 0) throw arError(source, 'it ends early', { offset });
    filled += count;
  }
  return bytes;
}

const arError = (source: ByteSource, what: string, facts: Readonly<Record<string, unknown>> = {}): AlprootError =>
  new AlprootError('ALP_FORMAT_AR', `${quoteName(source.name)} is not a sound static library: ${what}`, { facts });
