/**
 * A v3 index (`Packages.adb`) of packages of either format, in the bytes that `apk mkndx` writes for them: the same
 * packages give the same index, whoever makes it.
 *
 * @see apk-tools 3.0 `app_mkndx.c`, `apk_adb.c`
 */
import { sha256Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { quoteName } from '../core/redact.ts';
import { bufferSource } from '../core/bytes.ts';
import { limits } from '../core/limits.ts';
import { compareText } from '../core/text-order.ts';
import { isAdb, readAdbBlocks } from '../formats/adb/adb-blocks.ts';
import { ADB_KINDS, ADB_PACKAGE_INFO } from '../formats/adb/adb-schema.ts';
import { adbObject, adbText, parseAdbRoot, type AdbObject } from '../formats/adb/adb-values.ts';
import {
  createAdbWriter,
  formatAdbBlock,
  formatAdbFile,
  writeAdbFields,
  type AdbWriter,
} from '../formats/adb/adb-writer.ts';
import { scanDependency, splitDependencies } from '../formats/apk/dependency.ts';
import { compareVersions } from '../formats/apk/package-version.ts';
import { parsePkginfoText } from './pkginfo-text.ts';
import { adbSignature } from './adb-sign.ts';
import { readApkControl } from './control-member.ts';
import type { SigningKey } from './signing.ts';

export interface IndexedFile {
  readonly name: string;
  readonly version: string;
  readonly arch: string;
  /** Writes the package's entry. */
  readonly write: (writer: AdbWriter) => number;
  readonly identity: Buffer;
}

const FIELD_NAMES = ADB_PACKAGE_INFO.fields.map(({ name }) => name);
const OPERATORS: Readonly<Record<string, number>> = {
  '=': 1,
  '<': 2,
  '<=': 3,
  '>': 4,
  '>=': 5,
  '><': 6,
  '~': 9,
  '<~': 11,
  '>~': 13,
};
const EQUAL = 1;
const ANY = 7;
const CONFLICT = 16;

/** @throws ALP_FORMAT_ADB, ALP_FORMAT_APK for a file that is not a package */
export function readIndexedFile(bytes: Buffer, path: string): IndexedFile {
  return isAdb(bytes) ? fromV3(bytes, path) : fromV2(bytes, path);
}

function fromV3(bytes: Buffer, path: string): IndexedFile {
  let block = Buffer.alloc(0);
  let isPackage = false;
  const nowhere = { write: () => undefined, close: () => undefined };
  readAdbBlocks(
    bufferSource(path, bytes),
    {
      adb: (schema, content) => {
        block = Buffer.from(content);
        isPackage = schema === 'package';
      },
      signature: () => undefined,
      data: () => nowhere,
    },
    limits.unpacked,
  );
  if (!isPackage) throw new AlprootError('ALP_FORMAT_ADB', `${quoteName(path)} is an index, not a package`);
  const info = adbObject(parseAdbRoot(block, ADB_KINDS.package), 'info');
  const identity = Buffer.from(sha256Hex(block), 'hex');
  return {
    name: adbText(info, 'name'),
    version: adbText(info, 'version'),
    arch: adbText(info, 'arch'),
    identity,
    write: (writer) => entry(writer, copied(writer, info), { identity, sizeBytes: bytes.length }),
  };
}

const copied = (writer: AdbWriter, info: AdbObject): Map<string, number> => {
  const words = writeAdbFields(writer, info, ADB_PACKAGE_INFO);
  return new Map(FIELD_NAMES.map((name, index) => [name, words[index] ?? 0]));
};

function entry(
  writer: AdbWriter,
  words: Map<string, number>,
  { identity, sizeBytes }: { readonly identity: Buffer; readonly sizeBytes: number },
): number {
  words.set('file-size', writer.number(sizeBytes));
  words.set('hashes', writer.blob(identity));
  return writer.list(FIELD_NAMES.map((name) => words.get(name) ?? 0));
}

/** Keys of a .PKGINFO by the field that holds them. */
const TEXTS: Readonly<Record<string, string>> = {
  arch: 'arch',
  license: 'license',
  maintainer: 'maintainer',
  origin: 'origin',
  pkgdesc: 'description',
  pkgname: 'name',
  pkgver: 'version',
  url: 'url',
};
const NUMBERS: Readonly<Record<string, string>> = {
  builddate: 'build-time',
  provider_priority: 'provider-priority',
  size: 'installed-size',
};
const LISTS: Readonly<Record<string, string>> = { depend: 'depends', provides: 'provides', replaces: 'replaces' };

function fromV2(bytes: Buffer, path: string): IndexedFile {
  const { pkginfo, controlSha256Hex } = readApkControl(bytes, path);
  const fields = parsePkginfoText(pkginfo);
  const one = (key: string): string => fields.get(key)?.[0] ?? '';
  const identity = Buffer.from(controlSha256Hex, 'hex');
  return {
    name: one('pkgname'),
    version: one('pkgver'),
    arch: one('arch'),
    identity,
    write: (writer) => entry(writer, converted(writer, fields), { identity, sizeBytes: bytes.length }),
  };
}

function converted(writer: AdbWriter, fields: ReadonlyMap<string, readonly string[]>): Map<string, number> {
  const words = new Map<string, number>();
  const lists = new Map<string, number[]>();
  for (const [key, values] of fields) {
    const [value = ''] = values;
    if (TEXTS[key] !== undefined) words.set(TEXTS[key], writer.blob(Buffer.from(value, 'latin1')));
    else if (NUMBERS[key] !== undefined)
      words.set(NUMBERS[key], Number(value) === 0 ? 0 : writer.number(Number(value)));
    else if (key === 'commit' && /^[0-9a-f]{40}/.test(value))
      words.set('repo-commit', writer.blob(Buffer.from(value.slice(0, 40), 'hex')));
    else if (LISTS[key] !== undefined) lists.set(key, sortedDependencies(writer, values));
    else if (key === 'install_if') words.set('install-if', writer.list(sortedDependencies(writer, values)));
  }
  for (const [key, field] of Object.entries(LISTS)) words.set(field, writer.list(lists.get(key) ?? [], 'array'));
  return words;
}

/** By name, each once. */
function sortedDependencies(writer: AdbWriter, values: readonly string[]): number[] {
  const found = values
    .flatMap((value) => splitDependencies(value))
    .map((word) => {
      const { name, op, version, conflict } = scanDependency(word) ?? badDependency(word);
      const match = (OPERATORS[op] ?? ANY) + (conflict ? CONFLICT : 0);
      const fields = [
        writer.blob(Buffer.from(name, 'latin1')),
        op === 'any' ? 0 : writer.blob(Buffer.from(version, 'latin1')),
        match === EQUAL || match === ANY ? 0 : writer.number(match),
      ];
      return { name, word: writer.list(fields) };
    });
  const sorted = found.sort((a, b) => compareText(a.name, b.name)).map(({ word }) => word);
  return sorted.filter((word, index) => word !== sorted[index - 1]);
}

function badDependency(word: string): never {
  throw new AlprootError('ALP_FORMAT_APK', `${quoteName(word)} is not a dependency`);
}

/** The index of `files`, written in their order, listed by name, version and identity. */
export function formatAdbIndex(
  files: readonly IndexedFile[],
  description: string,
  key: SigningKey | undefined,
): Buffer {
  const writer = createAdbWriter();
  const written = files.map((file) => ({ file, word: file.write(writer) }));
  const listed = [...written].sort((a, b) => compareFiles(a.file, b.file)).map(({ word }) => word);
  const about = writer.blob(Buffer.from(description, 'latin1'));
  const block = writer.finish(writer.list([about, writer.list(listed)]));
  const signatures = key === undefined ? [] : [formatAdbBlock('signature', adbSignature('index', block, key))];
  return formatAdbFile('index', [formatAdbBlock('adb', block), ...signatures]);
}

const compareFiles = (a: IndexedFile, b: IndexedFile): number =>
  compareText(a.name, b.name) || compareVersions(a.version, b.version) || Buffer.compare(a.identity, b.identity);
