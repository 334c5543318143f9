/** Pax extended headers: the few keywords that packages use; any other could change what a reader sees. */
import { isSha1Hex, type Sha1Hex } from '../../core/digest.ts';
import { quoteName } from '../../core/redact.ts';
import { tarError } from './tar-header.ts';

export interface PaxRecords {
  readonly path?: string;
  readonly linkpath?: string;
  readonly size?: number;
  readonly mtime?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly uname?: string;
  readonly gname?: string;
  readonly sha1?: Sha1Hex;
  readonly xattrs: ReadonlyMap<string, string>;
}

export const NO_PAX: PaxRecords = { xattrs: new Map() };

const NUMBER = /^\d{1,15}(?:\.\d{1,20})?$/;
const XATTR = 'SCHILY.xattr.';

/**
 * @param body one character per byte
 * @throws ALP_FORMAT_TAR for a wrong length, an unknown or doubled keyword, NUL in a name
 * @see POSIX.1-2017 pax, "pax Extended Header"
 */
export function parsePax(body: Buffer, offset: number): PaxRecords {
  const records: { -readonly [K in keyof PaxRecords]: PaxRecords[K] } = { xattrs: new Map() };
  const seen = new Set<string>();
  for (let at = 0; at < body.length;) {
    const { key, value, end } = parsePaxRecord(body, at, offset);
    if (seen.has(key)) throw tarError(offset, `pax keyword ${key} twice`);
    seen.add(key);
    apply(records, { key, value, offset });
    at = end;
  }
  return records;
}

function parsePaxRecord(body: Buffer, at: number, offset: number): { key: string; value: string; end: number } {
  const blank = body.indexOf(0x20, at);
  const digits = blank < 0 || blank - at > 7 ? '' : body.toString('latin1', at, blank);
  if (!/^[1-9]\d*$/.test(digits)) throw tarError(offset, 'a pax record without length');
  const end = at + Number(digits);
  if (end > body.length || body[end - 1] !== 0x0a) throw tarError(offset, 'a pax record whose length is wrong');
  const text = body.toString('latin1', blank + 1, end - 1);
  const cut = text.indexOf('=');
  if (cut <= 0) throw tarError(offset, 'a pax record without keyword');
  return { key: text.slice(0, cut), value: text.slice(cut + 1), end };
}

function apply(
  records: { -readonly [K in keyof PaxRecords]: PaxRecords[K] },
  { key, value, offset }: { key: string; value: string; offset: number },
): void {
  const number = (): number => {
    if (!NUMBER.test(value)) throw tarError(offset, `pax ${key} is not a number`);
    return Number(value);
  };
  if (key === 'path' || key === 'linkpath' || key === 'uname' || key === 'gname') {
    if (value === '' || value.includes('\0')) throw tarError(offset, `pax ${key} is empty or holds NUL`);
    records[key] = value;
  } else if (key === 'size' || key === 'uid' || key === 'gid') {
    if (!/^\d{1,15}$/.test(value)) throw tarError(offset, `pax ${key} is not a whole number`);
    records[key] = Number(value);
  } else if (key === 'mtime') records.mtime = Math.floor(number());
  else if (key === 'atime' || key === 'ctime') number();
  else if (key === 'APK-TOOLS.checksum.SHA1') {
    if (!isSha1Hex(value)) throw tarError(offset, 'a checksum that is not SHA-1 in hex');
    records.sha1 = value;
  } else if (key.startsWith(XATTR) && key.length > XATTR.length) {
    (records.xattrs as Map<string, string>).set(key.slice(XATTR.length), value);
  } else throw tarError(offset, `unknown pax keyword ${quoteName(key)}`);
}
