/**
 * One package as lettered lines, the form that APKINDEX and the installed database share. Text holds one character
 * per byte.
 *
 * @see apk-tools 2.14 `apk_pkg_add_info`, `apk_pkg_write_index_entry`
 */
import { AlprootError } from '../../core/errors.ts';
import type { Dependency, PackageRecord, Provide } from '../../core/package.ts';
import { quoteName } from '../../core/redact.ts';
import { formatDependencies, formatProvides, scanDependency, splitDependencies } from './dependency.ts';
import { formatChecksum, parseChecksum } from './package-checksum.ts';

export type PackageFields = Readonly<Record<string, string | undefined>>;

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
  /** Asked for when something is wrong. */
  readonly line: () => number;
  readonly isName: (name: string) => boolean;
  /** Reads dependencies; one for a whole file, since most of its words are there many times. */
  readonly words: Words;
}

/** @throws ALP_FORMAT_INDEX when one is missing, ALP_UNPACK_PATH for a name or version that could be a path */
export function readIdentity(
  fields: PackageFields,
  { where, line, isName }: Omit<FieldsContext, 'words'>,
): Pick<PackageRecord, 'name' | 'version'> {
  const { P: name, V: version } = fields;
  if (name === undefined || version === undefined) {
    throw new AlprootError(
      'ALP_FORMAT_INDEX',
      `${where}, entry before line ${line()}: no ${name === undefined ? 'name (P:)' : 'version (V:)'}`,
      { facts: { line: line() } },
    );
  }
  if (!isName(name)) throw new AlprootError('ALP_UNPACK_PATH', `${where}: illegal package name ${quoteName(name)}`);
  if (!isVersionText(version))
    throw new AlprootError('ALP_UNPACK_PATH', `${where}: illegal version ${quoteName(version)} of ${name}`);
  return { name, version };
}

/** @throws ALP_FORMAT_INDEX, ALP_UNPACK_PATH for a name or version that could be a path */
export function recordFromFields(fields: PackageFields, context: FieldsContext): PackageRecord {
  const fail = (why: string): never => {
    throw new AlprootError('ALP_FORMAT_INDEX', `${context.where}, entry before line ${context.line()}: ${why}`, {
      facts: { line: context.line() },
    });
  };
  const { name, version } = readIdentity(fields, context);
  const number = (letter: string, maximum = Number.MAX_SAFE_INTEGER): number => {
    const text = fields[letter] ?? '0';
    if (!/^\d{1,16}$/.test(text) || Number(text) > maximum) fail(`${letter}: of ${name} is not a number`);
    return Number(text);
  };
  return {
    name,
    version,
    arch: archOf(fields['A'] ?? 'noarch', fail),
    checksum: parseChecksum(fields['C'] ?? '') ?? fail(`C: of ${name} is not a checksum`),
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
    depends: context.words.dependencies(fields['D']),
    provides: context.words.provides(fields['p']),
    installIf: context.words.dependencies(fields['i']),
    replaces: context.words.dependencies(fields['r']),
    replacesPriority: number('q', 65_535),
  };
}

export interface Words {
  readonly dependencies: (text: string | undefined) => readonly Dependency[];
  readonly provides: (text: string | undefined) => readonly Provide[];
}

const NO_WORDS: readonly never[] = Object.freeze([]);

/** A reader of lists that makes each word's object once. */
export function createWords(): Words {
  const dependencies = new Map<string, Dependency>();
  const dependency = (word: string): Dependency => {
    const known = dependencies.get(word);
    if (known !== undefined) return known;
    const made = parseLenientWord(word);
    dependencies.set(word, made);
    return made;
  };
  return {
    dependencies: (text) => (text === undefined || text === '' ? NO_WORDS : splitDependencies(text).map(dependency)),
    provides: (text) => (text === undefined || text === '' ? NO_WORDS : splitDependencies(text).map(provideOf)),
  };
}

/** Nearly all are a name, or a name and `=version`; what else apk reads there goes the long way. */
function provideOf(word: string): Provide {
  if (!/[<>~!@]/.test(word)) {
    const cut = word.indexOf('=');
    if (cut < 0 && word !== '') return { name: word, version: '' };
    if (cut > 0 && cut < word.length - 1 && word.charCodeAt(cut + 1) !== 0x3d)
      return { name: word.slice(0, cut), version: word.slice(cut + 1) };
  }
  const { name, version } = parseLenientWord(word);
  return { name, version };
}

/**
 * A dependency whose version may be one that apk cannot order: it can never be met, but it is no reason to refuse the
 * whole index.
 *
 * @throws ALP_FORMAT_INDEX
 */
function parseLenientWord(word: string): Dependency {
  // Most are just a name, which needs no copy of its own.
  if (word !== '' && !/[!<=>~@]/.test(word)) return { name: word, op: 'any', version: '', conflict: false };
  const dependency = scanDependency(word);
  if (dependency === undefined || dependency.name === '')
    throw new AlprootError('ALP_FORMAT_INDEX', `${quoteName(word)} is not a dependency`);
  return dependency;
}

/** A list of such dependencies. @throws ALP_FORMAT_INDEX */
export const parseLenient = (text: string): Dependency[] => splitDependencies(text).map(parseLenientWord);

function archOf(text: string, fail: (why: string) => never): string {
  return /^[a-z0-9_]{1,32}$/.test(text) ? text : fail('A: is not an architecture');
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

/** A record with some fields changed; records of an index read theirs late, so a spread would miss them. */
export function withFields(record: PackageRecord, changes: Partial<PackageRecord>): PackageRecord {
  const {
    name,
    version,
    arch,
    checksum,
    sizeBytes,
    installedSizeBytes,
    description,
    url,
    license,
    origin,
    maintainer,
    buildTime,
    commit,
    providerPriority,
    depends,
    provides,
    installIf,
    replaces,
    replacesPriority,
    uninstallable,
  } = record;
  return {
    name,
    version,
    arch,
    checksum,
    sizeBytes,
    installedSizeBytes,
    description,
    url,
    license,
    origin,
    maintainer,
    buildTime,
    commit,
    providerPriority,
    depends,
    provides,
    installIf,
    replaces,
    replacesPriority,
    ...(uninstallable === undefined ? {} : { uninstallable }),
    ...changes,
  };
}
