/**
 * Tar, written: POSIX ustar with pax records where a name, a number or a checksum does not fit. Deterministic: the
 * caller's order, owners and times, and nothing else.
 *
 * @see POSIX.1-2017 pax, "ustar Interchange Format" and "pax Header Block"
 */
import { AlprootError } from '../../core/errors.ts';
import { quoteName } from '../../core/redact.ts';

export type TarBody =
  | { readonly kind: 'file'; readonly bytes: Uint8Array }
  | { readonly kind: 'directory' }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'hardlink'; readonly target: string };

/** One entry. Names and targets hold one character per byte, without a slash at either end of the path. */
export type TarItem = TarBody & {
  readonly path: string;
  readonly mode: number;
  /** Seconds since 1970; 0 unless given. */
  readonly mtime?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly uname?: string;
  readonly gname?: string;
  /** Further pax records, in this order: `APK-TOOLS.checksum.SHA1`. */
  readonly pax?: Readonly<Record<string, string>>;
};

const BLOCK = 512;
const TYPES: Readonly<Record<TarBody['kind'], string>> = { file: '0', hardlink: '1', symlink: '2', directory: '5' };

/** The two empty blocks that end an archive; a control or signature member of an .apk goes without. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK);

/**
 * The blocks of one entry: pax header when needed, header, content, padding.
 *
 * @throws ALP_FORMAT_TAR for a name with NUL or with characters above U+00FF
 */
export function formatTarItem(item: TarItem): Buffer {
  const body = item.kind === 'file' ? item.bytes : Buffer.alloc(0);
  return Buffer.concat([formatTarHead(item, body.length), padded(body)]);
}

/**
 * A file whose content comes in pieces, `sizeBytes` in all. From 8 GiB on the length is in base 256, as GNU tar and Go
 * write and read it, and in a pax record.
 *
 * @throws ALP_FORMAT_TAR
 */
export function* formatTarFile(
  item: Omit<TarItem, 'kind' | 'bytes'>,
  sizeBytes: number,
  pieces: Iterable<Buffer>,
): Generator<Buffer> {
  yield formatTarHead({ ...item, kind: 'file', bytes: NOTHING }, sizeBytes);
  yield* pieces;
  yield Buffer.alloc((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
}

const NOTHING = Buffer.alloc(0);
const MOST_OCTAL = 8 ** 11 - 1;

/** Everything before the content. */
function formatTarHead(item: TarItem, sizeBytes: number): Buffer {
  const name = item.kind === 'directory' ? `${item.path}/` : item.path;
  const target = item.kind === 'symlink' || item.kind === 'hardlink' ? item.target : '';
  checkBytes(name);
  checkBytes(target);
  const records: Record<string, string> = {};
  const split = splitName(name);
  if (split === undefined) records['path'] = name;
  if (target.length > 100) records['linkpath'] = target;
  if (sizeBytes > MOST_OCTAL) records['size'] = String(sizeBytes);
  Object.assign(records, item.pax);
  const parts: Buffer[] = [];
  if (Object.keys(records).length > 0) {
    const pax = Buffer.from(
      Object.entries(records)
        .map(([key, value]) => paxRecord(key, value))
        .join(''),
      'latin1',
    );
    parts.push(
      header({
        name: `PaxHeaders/${name}`.slice(0, 99),
        prefix: '',
        target: '',
        type: 'x',
        size: pax.length,
        mode: 0o644,
        item,
      }),
      padded(pax),
    );
  }
  const { prefix, rest } = split ?? { prefix: '', rest: name.slice(0, 100) };
  parts.push(
    header({
      name: rest,
      prefix,
      target: target.slice(0, 100),
      type: TYPES[item.kind],
      size: sizeBytes,
      mode: item.mode,
      item,
    }),
  );
  return Buffer.concat(parts);
}

/** All entries and, unless `end` is false, the end of the archive. */
export const formatTar = (items: readonly TarItem[], { end = true }: { readonly end?: boolean } = {}): Buffer =>
  Buffer.concat([...items.map(formatTarItem), ...(end ? [TAR_END] : [])]);

interface HeaderFields {
  readonly name: string;
  readonly prefix: string;
  readonly target: string;
  readonly type: string;
  readonly size: number;
  readonly mode: number;
  readonly item: TarItem;
}

function header({ name, prefix, target, type, size, mode, item }: HeaderFields): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, digits: number): void => {
    block.write(
      Math.min(value, 8 ** digits - 1)
        .toString(8)
        .padStart(digits, '0'),
      offset,
      'latin1',
    );
  };
  block.write(name, 0, 100, 'latin1');
  octal(mode & 0o7777, 100, 7);
  octal(item.uid ?? 0, 108, 7);
  octal(item.gid ?? 0, 116, 7);
  octal(size, 124, 11);
  if (size > MOST_OCTAL) {
    block.fill(0, 124, 136).writeUInt8(0x80, 124);
    block.writeUIntBE(size, 130, 6);
  }
  octal(item.mtime ?? 0, 136, 11);
  block.write(type, 156, 'latin1');
  block.write(target, 157, 100, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  block.write(item.uname ?? 'root', 265, 31, 'latin1');
  block.write(item.gname ?? 'root', 297, 31, 'latin1');
  octal(0, 329, 7);
  octal(0, 337, 7);
  block.write(prefix, 345, 155, 'latin1');
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Name and prefix fields of ustar; undefined when the name fits neither way. */
function splitName(name: string): { readonly prefix: string; readonly rest: string } | undefined {
  if (name.length <= 100) return { prefix: '', rest: name };
  for (let cut = name.indexOf('/'); cut >= 0 && cut <= 155; cut = name.indexOf('/', cut + 1)) {
    const rest = name.slice(cut + 1);
    if (cut > 0 && rest !== '' && rest.length <= 100) return { prefix: name.slice(0, cut), rest };
  }
  return undefined;
}

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

function padded(bytes: Uint8Array): Buffer {
  const tail = (BLOCK - (bytes.length % BLOCK)) % BLOCK;
  return tail === 0
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    : Buffer.concat([bytes, Buffer.alloc(tail)]);
}

function checkBytes(name: string): void {
  if (/[^\x01-\xff]/.test(name))
    throw new AlprootError('ALP_FORMAT_TAR', `cannot write ${quoteName(name)} to a tar: not a name of bytes`);
}
