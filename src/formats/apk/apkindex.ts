/**
 * The text file `APKINDEX`: packages as lettered lines, a blank line after each. One character per byte. Of tens of
 * thousands of packages a solve needs some dozens, so only what every solve asks of every package is read at once:
 * names, versions, what is provided. The rest of a package is read when it is first asked for.
 */
import { AlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Dependency, PackageRecord, PositionTable, Provide } from '../../core/package.ts';
import { quoteName } from '../../core/redact.ts';
import { createNameTables, type NameTablesWriter } from './name-tables.ts';
import { isChecksumText, parseChecksum } from './package-checksum.ts';
import {
  createWords,
  isPackageName,
  readIdentity,
  recordFromFields,
  type PackageFields,
  type Words,
} from './package-fields.ts';

const LETTERS = 'CPVASITULomtckDpirq';
const COLON = 0x3a;
const LF = 0x0a;

export interface ParsedIndex {
  /** In file order. */
  readonly packages: readonly PackageRecord[];
  readonly tables: NameTablesWriter;
  /** Where each entry begins. */
  readonly starts: readonly number[];
}

/**
 * All packages of an index.
 *
 * Letters that we do not know are passed over when lower case, as apk does, and refused otherwise. Lines, letters,
 * names, versions, identities, provides and install_if are judged here; a number or a dependency that is none is
 * refused when it is asked for.
 *
 * @throws ALP_FORMAT_INDEX with the line, ALP_UNPACK_PATH for illegal names, ALP_LIMIT_*
 */
export function parseIndex(text: string): ParsedIndex {
  const packages: LateRecord[] = [];
  const starts: number[] = [];
  const file = openText(text);
  const tables = createNameTables();
  const refuseDuplicate = createDuplicateCheck(packages, tables.byName);
  for (let at = 0; at < text.length;) {
    if (text.charCodeAt(at) === LF) {
      at++;
      continue;
    }
    if (packages.length >= limits.entryCount)
      throw new AlprootError('ALP_LIMIT_COUNT', `an index of more than ${limits.entryCount} packages`);
    const fields = usualFields(file, at) ?? checkedFields(file, at);
    const record = new LateRecord(file, at, fields);
    refuseDuplicate(record, fields.checksum);
    addNames(tables, fields, packages.length);
    packages.push(record);
    starts.push(at);
    at = fields.end + 1;
  }
  return { packages, tables, starts };
}

/** The packages of a text that was parsed before, to be read when they are asked for. */
export function lateRecords(text: string, starts: Uint32Array, times: Float64Array): PackageRecord[] {
  const file = openText(text);
  return Array.from(
    starts,
    (at, position) =>
      new LateRecord(file, at, { end: starts[position + 1] ?? text.length, buildTime: times[position] ?? 0 }),
  );
}

interface IndexText {
  readonly text: string;
  readonly words: Words;
  /** USUAL, at work. */
  readonly usual: RegExp;
  /** How many records keep all that they read. */
  whole: number;
  /** Of the record before: nearly all are of one. */
  arch: string;
  /** The record that was read last, when it does not keep it. */
  latest: { readonly of: LateRecord; readonly record: PackageRecord } | undefined;
}

const openText = (text: string): IndexText => ({
  text,
  words: createWords(),
  usual: new RegExp(USUAL, 'y'),
  whole: 0,
  latest: undefined,
  arch: '',
});

/** More than any real plan has; a solve that needs more keeps of the others what it asks for again and again. */
const KEPT_WHOLE = 4096;

/** What every package is asked for. */
interface EarlyFields {
  /** Position after its last line. */
  readonly end: number;
  readonly name: string;
  readonly checksum: string;
  readonly buildTime: number;
  /**
   * Words parted by one blank, each a name with what is asked of its version after an operator; or lists that were
   * read.
   */
  readonly provides: string | readonly Provide[];
  readonly installIf: string | readonly Dependency[];
}

/** What tells packages of one name apart, too. */
interface CheckedFields extends EarlyFields {
  readonly version: string;
  readonly arch: string;
}

/**
 * An entry as apk itself writes it: known fields in their order, names and versions as they should be, provides and
 * install_if made of plain words. One search of a compiled expression judges it, where a walk over its lines would
 * take six times as long; whatever is written otherwise goes that way. No two ways lead through it, so that a failed
 * search ends within a few times the length of the entry.
 */
const USUAL = ((): string => {
  const word = (operator: string): string => `[^ \\n<>=~!@]+(?:${operator}[^ \\n<>=~!@]+)?`;
  const list = (one: string): string => `(${one}(?: ${one})*)`;
  const skip = (letters: string): string => letters.replace(/./g, (letter) => `(?:${letter}:[^\\n]*\\n)?`);
  return [
    'C:(Q1[A-Za-z0-9+/]{26}[AEIMQUYcgkosw048]=)\\nP:([A-Za-z0-9_][A-Za-z0-9+._-]{0,127})\\nV:[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}\\n',
    skip('ASITULom'),
    '(?:t:(\\d{1,16})\\n)?',
    skip('ckD'),
    `(?:p:${list(word('='))}\\n)?(?:i:${list(`!?${word('[<>=~]+')}`)}\\n)?`,
    skip('q'),
    '\\n',
  ].join('');
})();

/** undefined for an entry that is not of the usual form, which may be right all the same. */
function usualFields({ text, usual }: IndexText, at: number): EarlyFields | undefined {
  usual.lastIndex = at;
  const found = usual.exec(text);
  const end = usual.lastIndex - 1;
  if (found === null || end - at > limits.line) return undefined;
  // By number: taking an array apart costs as much as the search.
  return {
    end,
    checksum: found[1] ?? '',
    name: found[2] ?? '',
    buildTime: Number(found[3] ?? 0),
    provides: found[4] ?? '',
    installIf: found[5] ?? '',
  };
}

/** The names of an entry into the tables, without making objects of its words. */
function addNames(tables: NameTablesWriter, { name, provides, installIf }: EarlyFields, position: number): void {
  tables.addName(name, position);
  eachName(provides, (provided) => tables.addName(provided, position));
  eachName(installIf, (trigger) => tables.addTrigger(trigger, position));
}

function eachName(list: string | readonly { readonly name: string }[], use: (name: string) => void): void {
  if (typeof list !== 'string') return list.forEach(({ name }) => use(name));
  if (/[!<>~]/.test(list)) return list.split(' ').forEach((word) => use(/[^!<>=~]+/.exec(word)?.[0] ?? ''));
  // Each is looked for once, not again from every word on: a list may have a million.
  let cut = list.indexOf('=');
  for (let start = 0; start < list.length;) {
    const blank = list.indexOf(' ', start);
    const stop = blank < 0 ? list.length : blank;
    if (cut >= 0 && cut < start) cut = list.indexOf('=', start);
    use(list.slice(start, cut < 0 || cut > stop ? stop : cut));
    start = stop + 1;
  }
}

/**
 * Judges all lines of an entry, one by one, and reads some.
 *
 * @throws ALP_FORMAT_INDEX, ALP_UNPACK_PATH, ALP_LIMIT_SIZE
 */
function checkedFields({ text, words }: IndexText, at: number): CheckedFields {
  let [P, V, C, A, t, p, i]: (string | undefined)[] = [];
  let [low, high] = [0, 0];
  let start = at;
  for (let code = text.charCodeAt(start); start < text.length && code !== LF; code = text.charCodeAt(start)) {
    const stop = lineStop(text, start);
    const bit = 1 << (code & 31);
    if ((code < 0x60 ? low : high) & bit) throw lineError(text, start, `field ${text.charAt(start)} twice`);
    if (code < 0x60) low |= bit;
    else high |= bit;
    switch (code) {
      case 0x50:
        P = text.slice(start + 2, stop);
        break;
      case 0x56:
        V = text.slice(start + 2, stop);
        break;
      case 0x43:
        C = text.slice(start + 2, stop);
        break;
      case 0x41:
        A = text.slice(start + 2, stop);
        break;
      case 0x74:
        t = text.slice(start + 2, stop);
        break;
      case 0x70:
        p = text.slice(start + 2, stop);
        break;
      case 0x69:
        i = text.slice(start + 2, stop);
        break;
      default:
        if ((code < 0x61 || code > 0x7a) && !LETTERS.includes(text.charAt(start)))
          throw lineError(text, start, `unknown field ${quoteName(text.charAt(start))}`);
    }
    start = stop + 1;
  }
  const identity = readIdentity({ P, V }, { where: 'index', line: () => lineOf(text, start), isName: isPackageName });
  if (C === undefined || !isChecksumText(C)) throw lineError(text, at, `C: of ${identity.name} is no checksum`);
  if (t !== undefined && !/^\d{1,16}$/.test(t)) throw lineError(text, at, `t: of ${identity.name} is not a number`);
  return {
    end: start,
    name: identity.name,
    version: identity.version,
    arch: A ?? 'noarch',
    checksum: C,
    buildTime: t === undefined ? 0 : Number(t),
    provides: words.provides(p),
    installIf: words.dependencies(i),
  };
}

/** The end of the line that begins at `start`. @throws ALP_FORMAT_INDEX, ALP_LIMIT_SIZE */
function lineStop(text: string, start: number): number {
  const found = text.indexOf('\n', start);
  const stop = found < 0 ? text.length : found;
  if (stop - start < 2 || text.charCodeAt(start + 1) !== COLON)
    throw lineError(text, start, 'no field letter and colon');
  if (stop - start > limits.line)
    throw new AlprootError(
      'ALP_LIMIT_SIZE',
      `index line ${lineOf(text, start)} is longer than ${limits.line} bytes (limit line)`,
    );
  return stop;
}

/** All fields of an entry whose lines were judged before. @throws ALP_FORMAT_INDEX for a control character */
function allFields(text: string, at: number, end: number): PackageFields {
  const entry = text.slice(at, end);
  const control = /[\x00-\x09\x0b-\x1f\x7f]/.exec(entry);
  if (control !== null) throw lineError(text, at + control.index, 'a control character');
  return Object.fromEntries(
    entry
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => [line.charAt(0), line.slice(2)]),
  );
}

const lineOf = (text: string, at: number): number => text.slice(0, at).split('\n').length;

const lineError = (text: string, at: number, why: string): AlprootError =>
  new AlprootError('ALP_FORMAT_INDEX', `line ${lineOf(text, at)}: ${why}`, { facts: { line: lineOf(text, at) } });

/** What solves ask a package for again and again. */
interface Asked extends Pick<
  PackageRecord,
  'version' | 'arch' | 'installedSizeBytes' | 'providerPriority' | 'depends' | 'provides' | 'installIf'
> {
  readonly all: PackageRecord | undefined;
}

/**
 * A class, for its getters cost nothing until they are asked: an object with twenty fields of its own for each package
 * is what a solve would spend its time on.
 */
class LateRecord implements PackageRecord {
  readonly buildTime: number;
  private known: string | undefined;
  private readonly file: IndexText;
  private readonly at: number;
  private readonly end: number;
  private asked: Asked | undefined;

  constructor(
    file: IndexText,
    at: number,
    { end, name, buildTime }: Pick<EarlyFields, 'end' | 'buildTime'> & Partial<EarlyFields>,
  ) {
    this.known = name;
    this.buildTime = buildTime;
    this.file = file;
    this.at = at;
    this.end = end;
    this.asked = undefined;
  }

  /** What nothing else may share, and its checksum, without reading all of it. */
  identity(): readonly [string, string] {
    const { version, arch, checksum } = checkedFields(this.file, this.at);
    return [`${version}/${arch}`, checksum];
  }

  /** Of the first that are read all is kept. */
  private get some(): Asked {
    if (this.asked !== undefined) return this.asked;
    const { all, file } = this;
    const { version, installedSizeBytes, providerPriority, depends, provides, installIf } = all;
    if (all.arch !== file.arch) file.arch = all.arch;
    const isKept = file.whole < KEPT_WHOLE;
    if (isKept) file.whole++;
    const { arch } = file;
    return (this.asked = {
      version,
      arch,
      installedSizeBytes,
      providerPriority,
      depends,
      provides,
      installIf,
      all: isKept ? all : undefined,
    });
  }

  private get all(): PackageRecord {
    const { text, words, latest } = this.file;
    if (this.asked?.all !== undefined) return this.asked.all;
    if (latest?.of === this) return latest.record;
    const record = recordFromFields(allFields(text, this.at, this.end), {
      where: 'index',
      line: () => lineOf(text, this.end),
      isName: isPackageName,
      words,
    });
    this.file.latest = { of: this, record };
    if (this.asked === undefined) void this.some;
    return record;
  }

  get name(): string {
    return (this.known ??= nameAt(this.file.text, this.at));
  }
  get version(): string {
    return this.some.version;
  }
  get arch(): string {
    return this.some.arch;
  }
  get checksum(): PackageRecord['checksum'] {
    return this.some.all?.checksum ?? checksumAt(this.file.text, this.at) ?? this.all.checksum;
  }
  get sizeBytes(): number {
    return this.all.sizeBytes;
  }
  get installedSizeBytes(): number {
    return this.some.installedSizeBytes;
  }
  get description(): string {
    return this.all.description;
  }
  get url(): string {
    return this.all.url;
  }
  get license(): string {
    return this.all.license;
  }
  get origin(): string {
    return this.all.origin;
  }
  get maintainer(): string {
    return this.all.maintainer;
  }
  get commit(): string {
    return this.all.commit;
  }
  get providerPriority(): number {
    return this.some.providerPriority;
  }
  get depends(): PackageRecord['depends'] {
    return this.some.depends;
  }
  get provides(): PackageRecord['provides'] {
    return this.some.provides;
  }
  get installIf(): PackageRecord['installIf'] {
    return this.some.installIf;
  }
  get replaces(): PackageRecord['replaces'] {
    return this.all.replaces;
  }
  get replacesPriority(): number {
    return this.all.replacesPriority;
  }
  toJSON(): PackageRecord {
    return this.all;
  }
}

/** Of an entry that was judged before. */
function nameAt(text: string, at: number): string {
  const line = text.startsWith('P:', at) ? at : text.indexOf('\nP:', at) + 1;
  const stop = text.indexOf('\n', line);
  return text.slice(line + 2, stop < 0 ? text.length : stop);
}

/** Of an entry that begins with it, as apk writes them, and was read before. */
const checksumAt = (text: string, at: number): PackageRecord['checksum'] =>
  text.startsWith('C:', at) ? parseChecksum(text.slice(at + 2, text.indexOf('\n', at))) : undefined;

/** One identity must mean one package, and one name, version and architecture one identity. */
function createDuplicateCheck(
  packages: readonly LateRecord[],
  byName: PositionTable,
): (record: LateRecord, checksum: string) => void {
  const byChecksum = new Map<string, string>();
  /** Of names that are there more than once, checksums by version and architecture. */
  const repeated = new Map<string, Map<string, string>>();
  const versionsOf = (name: string): Map<string, string> | undefined => {
    const known = repeated.get(name);
    if (known !== undefined) return known;
    const first = byName
      .of(name)
      .map((position) => packages[position])
      .find((other) => other?.name === name);
    if (first === undefined) return undefined;
    const made = new Map([first.identity()]);
    repeated.set(name, made);
    return made;
  };
  return (record, checksum) => {
    const { name } = record;
    const owner = byChecksum.get(checksum);
    if (owner === undefined) byChecksum.set(checksum, name);
    else if (owner !== name) throw new AlprootError('ALP_FORMAT_INDEX', `${owner} and ${name} share one checksum`);
    const versions = byName.has(name) ? versionsOf(name) : undefined;
    if (versions === undefined) return;
    const [version] = record.identity();
    const known = versions.get(version);
    if (known !== undefined && known !== checksum)
      throw new AlprootError('ALP_FORMAT_INDEX', `${name}-${version} has two checksums`);
    versions.set(version, checksum);
  };
}
