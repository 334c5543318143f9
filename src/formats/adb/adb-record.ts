/** Packages of v3 files as the records that every stage trades, and the files that a v3 package describes. */
import { isSha1Hex, isSha256Hex, type Sha256Hex } from '../../core/digest.ts';
import { AlprootError } from '../../core/errors.ts';
import type { Dependency, PackageChecksum, PackageRecord, VersionOp } from '../../core/package.ts';
import { quoteName } from '../../core/redact.ts';
import { adbError } from './adb-block-reader.ts';
import { adbNumber, adbObject, adbObjects, adbText, type AdbObject, type AdbValue } from './adb-values.ts';
import { isPackageName, isVersionText } from '../apk/package-fields.ts';

/** Bits of a match: equal 1, less 2, greater 4, fuzzy 8. 0 stands for equal. */
const OPERATORS: Readonly<Record<number, VersionOp>> = {
  0: '=',
  1: '=',
  2: '<',
  3: '<=',
  4: '>',
  5: '>=',
  6: '><',
  8: '~',
  9: '~',
  10: '<~',
  11: '<~',
  12: '>~',
  13: '>~',
};
const CONFLICT = 16;
const NAME = /^[^\x00-\x20\x7f<>=~!@]+$/;

/** @throws ALP_FORMAT_ADB */
export function adbDependency(object: AdbObject): Dependency {
  const name = adbText(object, 'name');
  const version = adbText(object, 'version');
  const match = adbNumber(object, 'match');
  const conflict = (match & CONFLICT) !== 0;
  if (!NAME.test(name)) throw adbError(`${quoteName(name)} is not the name of a dependency`);
  if (version === '') return { name, op: 'any', version, conflict };
  const op = OPERATORS[match & ~CONFLICT];
  if (op === undefined || /[\x00-\x20\x7f]/.test(version))
    throw adbError(`a dependency on ${name} with an unknown operator or version`);
  return { name, op, version, conflict };
}

/** @throws ALP_FORMAT_ADB, ALP_UNPACK_PATH for a name or version that could be a path */
export function adbRecord(info: AdbObject): PackageRecord {
  const text = (field: string): string => {
    const value = adbText(info, field);
    if (/[\x00-\x08\x0a-\x1f\x7f]/.test(value)) throw adbError(`a control character in ${field}`);
    return value;
  };
  const dependencies = (field: string): Dependency[] => adbObjects(info, field).map(adbDependency);
  const name = text('name');
  const version = text('version');
  if (!isPackageName(name)) throw new AlprootError('ALP_UNPACK_PATH', `illegal package name ${quoteName(name)}`);
  if (!isVersionText(version))
    throw new AlprootError('ALP_UNPACK_PATH', `illegal version ${quoteName(version)} of ${name}`);
  const arch = text('arch');
  if (!/^[a-z0-9_]{0,32}$/.test(arch)) throw adbError(`illegal architecture of ${name}`);
  return {
    name,
    version,
    arch: arch === '' ? 'noarch' : arch,
    checksum: checksumOf(info),
    sizeBytes: adbNumber(info, 'file-size'),
    installedSizeBytes: adbNumber(info, 'installed-size'),
    description: text('description'),
    url: text('url'),
    license: text('license'),
    origin: text('origin'),
    maintainer: text('maintainer'),
    buildTime: adbNumber(info, 'build-time'),
    commit: hexOf(info, 'repo-commit'),
    providerPriority: adbNumber(info, 'provider-priority'),
    depends: dependencies('depends'),
    provides: dependencies('provides').map(({ name: label, version: provided }) => ({
      name: label,
      version: provided,
    })),
    installIf: dependencies('install-if'),
    replaces: dependencies('replaces'),
    replacesPriority: 0,
  };
}

function checksumOf(info: AdbObject): PackageChecksum | undefined {
  const hex = hexOf(info, 'hashes');
  if (isSha256Hex(hex)) return { algorithm: 'sha256', hex };
  return isSha1Hex(hex) ? { algorithm: 'sha1', hex } : undefined;
}

const hexOf = (object: AdbObject, field: string): string =>
  Buffer.from(adbText(object, field), 'latin1').toString('hex');

/** One entry of a v3 package. */
export interface AdbEntry {
  readonly kind: 'directory' | 'file' | 'symlink' | 'hardlink' | 'special';
  /** Path in the tree, '' for the root. */
  readonly path: string;
  readonly target: string;
  readonly mode: number;
  readonly user: string;
  readonly group: string;
  readonly sizeBytes: number;
  readonly mtime: number;
  /** SHA-256 of a regular file's content. */
  readonly sha256: Sha256Hex | undefined;
  /** Extended attributes, one character per byte. */
  readonly xattrs: ReadonlyMap<string, string>;
  /** Where its data block belongs, from 1; file 0 for the directory itself. */
  readonly at: readonly [path: number, file: number];
}

/** All entries, in order. @throws ALP_FORMAT_ADB for names with slashes, doubled or unsorted ones, unknown hashes */
export function adbEntries(root: AdbObject): AdbEntry[] {
  const entries: AdbEntry[] = [];
  const directories = adbObjects(root, 'paths');
  inOrder(directories, 'directories');
  for (const [index, directory] of directories.entries()) {
    const path = adbText(directory, 'name');
    entries.push({
      ...common(directory),
      kind: 'directory',
      path,
      target: '',
      sizeBytes: 0,
      mtime: 0,
      sha256: undefined,
      at: [index + 1, 0],
    });
    const files = adbObjects(directory, 'files');
    inOrder(files, 'files');
    for (const [position, file] of files.entries()) entries.push(fileEntry(file, path, [index + 1, position + 1]));
  }
  return entries;
}

function fileEntry(file: AdbObject, directory: string, at: AdbEntry['at']): AdbEntry {
  const name = adbText(file, 'name');
  if (name === '' || name === '.' || name === '..' || /[/\x00-\x1f\x7f]/.test(name))
    throw adbError(`illegal file name ${quoteName(name)}`);
  const path = directory === '' ? name : `${directory}/${name}`;
  const link = Buffer.from(adbText(file, 'target'), 'latin1');
  if (link.length === 1) throw adbError(`the target of ${quoteName(path)} is cut off`);
  const type = link.length === 0 ? 0 : link.readUInt16LE(0);
  const kind = {
    0: 'file',
    0x8000: 'hardlink',
    0xa000: 'symlink',
    0x1000: 'special',
    0x2000: 'special',
    0x6000: 'special',
  }[type] as AdbEntry['kind'] | undefined;
  if (kind === undefined || (kind === 'file' && link.length > 0))
    throw adbError(`${quoteName(path)} has an unknown kind`);
  const sha256 = hexOf(file, 'hash');
  if (kind === 'file' && !isSha256Hex(sha256)) throw adbError(`${quoteName(path)} has no SHA-256`);
  return {
    ...common(file),
    kind,
    path,
    target: kind === 'special' ? '' : link.toString('latin1', Math.min(2, link.length)),
    sizeBytes: adbNumber(file, 'size'),
    mtime: adbNumber(file, 'mtime'),
    sha256: isSha256Hex(sha256) ? sha256 : undefined,
    at,
  };
}

function common(object: AdbObject): Pick<AdbEntry, 'mode' | 'user' | 'group' | 'xattrs'> {
  const acl = adbObject(object, 'acl');
  return {
    mode: adbNumber(acl, 'mode') & 0o7777,
    user: adbText(acl, 'user'),
    group: adbText(acl, 'group'),
    xattrs: xattrsOf(acl),
  };
}

/** `name\0value` each. */
function xattrsOf(acl: AdbObject): ReadonlyMap<string, string> {
  const list = acl.get('xattrs');
  return new Map(
    (Array.isArray(list) ? (list as readonly AdbValue[]) : []).map((item) => {
      const text = Buffer.isBuffer(item) ? item.toString('latin1') : '';
      const zero = text.indexOf('\0');
      if (zero < 1) throw adbError('an extended attribute without name');
      return [text.slice(0, zero), text.slice(zero + 1)] as const;
    }),
  );
}

function inOrder(objects: readonly AdbObject[], what: string): void {
  const names = objects.map((object) => adbText(object, 'name'));
  for (let i = 1; i < names.length; i++) {
    if ((names[i - 1] ?? '') >= (names[i] ?? ''))
      throw adbError(`${what} doubled or out of order at ${quoteName(names[i] ?? '')}`);
  }
}
