/**
 * .apk files built from raw parts, so that a test can put any bytes at any level: tar headers field by field,
 * members one by one. The defaults make a right package; each attack changes one thing.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { signBytes, type SigningKey } from '../../src/mirror/signing.ts';

export interface RawEntry {
  readonly name: string;
  /** Tar type flag; '0' unless given. */
  readonly type?: string;
  readonly content?: Buffer | string;
  readonly target?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly uname?: string;
  readonly gname?: string;
  readonly mtime?: number;
  /** Pax records beside the checksum; `checksum: false` leaves that out, a string replaces it. */
  readonly pax?: Readonly<Record<string, string>>;
  readonly checksum?: false | string;
  /** The size field, where it is to lie. */
  readonly size?: number;
}

export interface RawPackage {
  /** .PKGINFO beside what has a default; a list gives a key several lines. */
  readonly info?: Readonly<Record<string, string | readonly string[]>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly entries?: readonly RawEntry[];
  /** Replaces the tar of the data member. */
  readonly dataTar?: Buffer;
  /** Changes the bytes of the data member before the control member has their hash. */
  readonly spoil?: (data: Buffer) => Buffer;
  /** Further entries of the control member. */
  readonly control?: readonly RawEntry[];
}

export const MTIME = 1_700_000_000;
const BLOCK = 512;
const padded = (bytes: Buffer): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);
const sha1 = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex');
const bytesOf = (content: Buffer | string | undefined): Buffer =>
  typeof content === 'string' ? Buffer.from(content, 'latin1') : (content ?? Buffer.alloc(0));

/** Of directories and symbolic links; all others have 0644. */
const MODES: Readonly<Record<string, number>> = { '5': 0o755, '2': 0o777 };

export function rawHeader(entry: RawEntry): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number): void =>
    void block.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
  block.write(entry.name.slice(0, 100), 0, 'latin1');
  octal(entry.mode ?? MODES[entry.type ?? '0'] ?? 0o644, 100, 7);
  octal(entry.uid ?? 0, 108, 7);
  octal(entry.gid ?? 0, 116, 7);
  octal(entry.size ?? bytesOf(entry.content).length, 124, 11);
  octal(entry.mtime ?? MTIME, 136, 11);
  block.write(entry.type ?? '0', 156, 'latin1');
  block.write((entry.target ?? '').slice(0, 100), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.write(entry.uname ?? 'root', 265, 32, 'latin1');
  block.write(entry.gname ?? 'root', 297, 32, 'latin1');
  block.fill(0x20, 148, 156);
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
    'latin1',
  );
  return block;
}

export function paxRecord(key: string, value: string): string {
  const tail = ` ${key}=${value}\n`;
  let length = tail.length;
  while (String(length).length + tail.length !== length) length = String(length).length + tail.length;
  return `${length}${tail}`;
}

/** SHA-1 of a file's content or of a symbolic link's target; nothing else has one. */
function checksumOf({ type = '0', content, target = '' }: RawEntry): string | undefined {
  if (type === '0') return sha1(bytesOf(content));
  return type === '2' ? sha1(Buffer.from(target, 'latin1')) : undefined;
}

export function rawEntry(entry: RawEntry): Buffer {
  const checksum = entry.checksum === false ? undefined : (entry.checksum ?? checksumOf(entry));
  const long: Record<string, string> = {
    ...(entry.name.length > 100 ? { path: entry.name } : {}),
    ...((entry.target ?? '').length > 100 ? { linkpath: entry.target ?? '' } : {}),
  };
  const records = {
    ...long,
    ...(checksum === undefined ? {} : { 'APK-TOOLS.checksum.SHA1': checksum }),
    ...entry.pax,
  };
  const text = Buffer.from(
    Object.entries(records)
      .map(([key, value]) => paxRecord(key, value))
      .join(''),
    'latin1',
  );
  const pax = text.length === 0 ? [] : [rawHeader({ name: 'pax', type: 'x', content: text }), padded(text)];
  return Buffer.concat([...pax, rawHeader(entry), padded(bytesOf(entry.content))]);
}

export const rawTar = (entries: readonly RawEntry[], options: { readonly end: boolean }): Buffer =>
  Buffer.concat([...entries.map(rawEntry), ...(options.end ? [Buffer.alloc(2 * BLOCK)] : [])]);

/** A plain gzip member, without name or time. */
export const member = (bytes: Buffer): Buffer => {
  const packed = gzipSync(bytes);
  packed[9] = 3;
  return packed;
};

/** The members of a package. */
export function apkMembers(
  raw: RawPackage,
  key: SigningKey,
): { readonly signature: Buffer; readonly control: Buffer; readonly data: Buffer } {
  const tar = raw.dataTar ?? rawTar(raw.entries ?? [], { end: true });
  const data = (raw.spoil ?? ((bytes) => bytes))(member(tar));
  const size = (raw.entries ?? []).reduce((sum, { content }) => sum + bytesOf(content).length, 4096);
  const info = {
    pkgname: 'a',
    pkgver: '1.0-r0',
    pkgdesc: 'a test',
    url: 'https://example.org',
    builddate: String(MTIME),
    size: String(size),
    arch: 'x86_64',
    license: 'MIT',
    ...raw.info,
    datahash: createHash('sha256').update(data).digest('hex'),
  };
  const pkginfo = Object.entries(info)
    .flatMap(([name, value]) => (typeof value === 'string' ? [value] : value).map((line) => `${name} = ${line}\n`))
    .join('');
  const scripts = Object.entries(raw.scripts ?? {}).map(([kind, content]): RawEntry => ({
    name: `.${kind}`,
    content,
    mode: 0o755,
    checksum: false,
  }));
  const control = member(
    rawTar([{ name: '.PKGINFO', content: pkginfo, checksum: false }, ...scripts, ...(raw.control ?? [])], {
      end: false,
    }),
  );
  const signed: RawEntry = {
    name: `.SIGN.RSA256.${key.publicName}`,
    content: signBytes(control, key, 'RSA256'),
    checksum: false,
  };
  return { signature: member(rawTar([signed], { end: false })), control, data };
}

export function makeApk(raw: RawPackage, key: SigningKey): Buffer {
  const { signature, control, data } = apkMembers(raw, key);
  return Buffer.concat([signature, control, data]);
}

/**
 * Entries for files given as a table, with every directory above them, in order; a trailing slash makes a directory.
 */
export function treeEntries(files: Readonly<Record<string, string | Omit<RawEntry, 'name'>>>): RawEntry[] {
  const entries = new Map<string, RawEntry>();
  const add = (name: string, entry: RawEntry): void => {
    const cut = name.lastIndexOf('/');
    if (cut > 0 && !entries.has(name.slice(0, cut)))
      add(name.slice(0, cut), { name: `${name.slice(0, cut)}/`, type: '5' });
    entries.set(name, entry);
  };
  for (const [path, value] of Object.entries(files)) {
    const directory = path.endsWith('/');
    const name = directory ? path.slice(0, -1) : path;
    const entry = { name: path, ...(directory ? { type: '5' } : {}) };
    if (typeof value !== 'string') add(name, { ...entry, ...value });
    else add(name, directory ? entry : { ...entry, content: value });
  }
  return [...entries.values()];
}
