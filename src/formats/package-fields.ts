/**
 * One package as lettered lines, the form that APKINDEX and the installed database share. Text holds one character
 * per byte.
 *
 * @see apk-tools 2.14 `apk_pkg_add_info`, `apk_pkg_write_index_entry`
 */
import { AlprootError } from '../core/errors.ts';
import type { Dependency, PackageRecord, Provide } from '../core/package.ts';
import { quoteName } from '../core/redact.ts';
import { formatDependencies, formatProvides, scanDependency, splitWords } from './dependency.ts';
import { formatChecksum, parseChecksum } from './package-checksum.ts';

export type PackageFields = Readonly<Record<string, string>>;

/** Names of real packages; virtual ones in a database begin with a dot. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9+._-]{0,127}$/;
const VIRTUAL_NAME = /^\.?[A-Za-z0-9_][A-Za-z0-9+._-]{0,127}$/;

export const isPackageName = (name: string): boolean => NAME.test(name);

/** Looser than apk's order of versions, which real indexes leave at times (`0.99f7-r0`), but never a path. */
const VERSION = /^[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}$/;

export const isVersionText = (version: string): boolean => VERSION.test(version);
export const isInstalledName = (name: string): boolean => VIRTUAL_NAME.test(name);

export interface FieldsContext {
  /** For messages: `index`, `installed database`. */
  readonly where: string;
  readonly line: number;
  readonly isName: (name: string) => boolean;
}

/** @throws ALP_FORMAT_INDEX, ALP_UNPACK_PATH for a name or version that could be a path */
export function recordFromFields(fields: PackageFields, context: FieldsContext): PackageRecord {
  const fail = (why: string): never => {
    throw new AlprootError('ALP_FORMAT_INDEX', `${context.where}, entry before line ${context.line}: ${why}`, { facts: { line: context.line } });
  };
  const name = fields['P'] ?? fail('no name (P:)');
  const version = fields['V'] ?? fail('no version (V:)');
  if (!context.isName(name)) throw new AlprootError('ALP_UNPACK_PATH', `${context.where}: illegal package name ${quoteName(name)}`);
  if (!isVersionText(version)) {
    throw new AlprootError('ALP_UNPACK_PATH', `${context.where}: illegal version ${quoteName(version)} of ${name}`);
  }
  const number = (letter: string, maximum = Number.MAX_SAFE_INTEGER): number => {
    const text = fields[letter] ?? '0';
    if (!/^\d{1,16}$/.test(text) || Number(text) > maximum) fail(`${letter}: of ${name} is not a number`);
    return Number(text);
  };
  return {
    name,
    version,
    arch: archOf(fields['A'] ?? 'noarch', fail),
    checksum: parseChecksum(fields['C'] ?? '') ?? fail(`C: of ${name} is no checksum`),
    sizeBytes: number('S'),
    installedSizeBytes: number('I'),
    description: fields['T'] ?? '',
    url: fields['U'] ?? '',
    license: fields['L'] ?? '',
    origin: fields['o'] ?? '',
    maintainer: fields['m'] ?? '',
    buildTime: number('t'),
    commit: fields['c'] ?? '',
    providerPriority: number('k', 65_535),
    depends: lists.depends(fields['D']),
    provides: lists.provides(fields['p']),
    installIf: lists.depends(fields['i']),
    replaces: lists.depends(fields['r']),
    replacesPriority: number('q', 65_535),
  };
}

const lists = {
  depends: (text: string | undefined): readonly Dependency[] => parseLenient(text ?? ''),
  provides: (text: string | undefined): readonly Provide[] => parseLenient(text ?? '').map(({ name, version }) => ({ name, version })),
};

/**
 * A list of dependencies in which a version may be one that apk cannot order: such a dependency can never be met,
 * but it is no reason to refuse the whole index.
 *
 * @throws ALP_FORMAT_INDEX
 */
export function parseLenient(text: string): Dependency[] {
  if (text === '') return [];
  return splitWords(text).map((word) => {
    const dependency = scanDependency(word);
    if (dependency === undefined || dependency.name === '') throw new AlprootError('ALP_FORMAT_INDEX', `${quoteName(word)} is not a dependency`);
    return dependency;
  });
}

function archOf(text: string, fail: (why: string) => never): string {
  return /^[a-z0-9_]{1,32}$/.test(text) ? text : fail('A: is no architecture');
}

/**
 * The lettered lines of a package, without the blank line after it, byte for byte as apk 2.14 writes them to an
 * index.
 */
export function formatRecordLines(record: PackageRecord): string {
  const lines: string[] = [];
  const put = (letter: string, value: string | number): void => void lines.push(`${letter}:${value}\n`);
  if (record.checksum !== undefined) put('C', formatChecksum(record.checksum));
  put('P', record.name);
  put('V', record.version);
  put('A', record.arch);
  put('S', record.sizeBytes);
  put('I', record.installedSizeBytes);
  put('T', record.description);
  put('U', record.url);
  put('L', record.license);
  if (record.origin !== '') put('o', record.origin);
  if (record.maintainer !== '') put('m', record.maintainer);
  if (record.buildTime !== 0) put('t', record.buildTime);
  if (record.commit !== '') put('c', record.commit);
  if (record.providerPriority !== 0) put('k', record.providerPriority);
  if (record.depends.length > 0) put('D', formatDependencies(record.depends));
  if (record.provides.length > 0) put('p', formatProvides(record.provides));
  if (record.installIf.length > 0) put('i', formatDependencies(record.installIf));
  return lines.join('');
}
