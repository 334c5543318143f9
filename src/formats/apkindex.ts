/**
 * The text file `APKINDEX`: packages as lettered lines, a blank line after each. One character per byte. Of tens of
 * thousands of packages a solve needs some dozens, so only what every solve asks of every package is read at once:
 * names, versions, what is provided. The rest of a package is read when it is first asked for.
 */
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { PackageRecord } from '../core/package.ts';
import { quoteName } from '../core/redact.ts';
import { isChecksumText } from './package-checksum.ts';
import { createWords, isPackageName, readIdentity, recordFromFields, type PackageFields, type Words } from './package-fields.ts';

const LETTERS = 'CPVASITULomtckDpirq';
const COLON = 0x3a;
const LF = 0x0a;

/**
 * All packages of an index, in file order.
 *
 * Letters that we do not know are passed over when lower case, as apk does, and refused otherwise. Lines, letters, names,
 * versions and identities are judged here; a number or a dependency that is none is refused when it is asked for.
 *
 * @throws ALP_FORMAT_INDEX with the line, ALP_UNPACK_PATH for illegal names, ALP_LIMIT_*
 */
export function parseIndex(text: string): PackageRecord[] {
  const packages: PackageRecord[] = [];
  const file: IndexText = { text, words: createWords() };
  const refuseTwin = createTwinCheck();
  for (let at = 0; at < text.length; ) {
    if (text.charAt(at) === '\n') {
      at++;
      continue;
    }
    if (packages.length >= limits.entryCount) throw new AlprootError('ALP_LIMIT_COUNT', `an index of more than ${limits.entryCount} packages`);
    const fields = earlyFields(text, at);
    refuseTwin(fields);
    packages.push(new LateRecord(file, at, fields));
    at = fields.end + 1;
  }
  return packages;
}

interface IndexText {
  readonly text: string;
  readonly words: Words;
}

/** What every package is asked for. */
interface EarlyFields {
  /** Position after its last line. */
  readonly end: number;
  readonly name: string;
  readonly version: string;
  readonly arch: string;
  readonly checksum: string;
  readonly buildTime: number;
  readonly provides: string;
  readonly installIf: string;
}

/** Judges all lines of an entry and reads some. @throws ALP_FORMAT_INDEX, ALP_UNPACK_PATH, ALP_LIMIT_SIZE */
function earlyFields(text: string, at: number): EarlyFields {
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
      case 0x50: P = text.slice(start + 2, stop); break;
      case 0x56: V = text.slice(start + 2, stop); break;
      case 0x43: C = text.slice(start + 2, stop); break;
      case 0x41: A = text.slice(start + 2, stop); break;
      case 0x74: t = text.slice(start + 2, stop); break;
      case 0x70: p = text.slice(start + 2, stop); break;
      case 0x69: i = text.slice(start + 2, stop); break;
      default: if ((code < 0x61 || code > 0x7a) && !LETTERS.includes(text.charAt(start))) throw lineError(text, start, `unknown field ${quoteName(text.charAt(start))}`);
    }
    start = stop + 1;
  }
  const identity = readIdentity({ P, V }, { where: 'index', line: () => lineOf(text, start), isName: isPackageName });
  if (C === undefined || !isChecksumText(C)) throw lineError(text, at, `C: of ${identity.name} is no checksum`);
  if (t !== undefined && !/^\d{1,16}$/.test(t)) throw lineError(text, at, `t: of ${identity.name} is not a number`);
  return { end: start, name: identity.name, version: identity.version, arch: A ?? 'noarch', checksum: C, buildTime: t === undefined ? 0 : Number(t), provides: p ?? '', installIf: i ?? '' };
}

/** The end of the line that begins at `start`. @throws ALP_FORMAT_INDEX, ALP_LIMIT_SIZE */
function lineStop(text: string, start: number): number {
  const found = text.indexOf('\n', start);
  const stop = found < 0 ? text.length : found;
  if (stop - start < 2 || text.charCodeAt(start + 1) !== COLON) throw lineError(text, start, 'no field letter and colon');
  if (stop - start > limits.line) throw new AlprootError('ALP_LIMIT_SIZE', `index line ${lineOf(text, start)} is longer than ${limits.line} bytes (limit line)`);
  return stop;
}

/** All fields of an entry whose lines were judged before. @throws ALP_FORMAT_INDEX for a control character */
function allFields(text: string, at: number, end: number): PackageFields {
  const entry = text.slice(at, end);
  const control = /[\x00-\x09\x0b-\x1f\x7f]/.exec(entry);
  if (control !== null) throw lineError(text, at + control.index, 'a control character');
  return Object.fromEntries(entry.split('\n').filter((line) => line !== '').map((line) => [line.charAt(0), line.slice(2)]));
}

const lineOf = (text: string, at: number): number => text.slice(0, at).split('\n').length;

const lineError = (text: string, at: number, why: string): AlprootError =>
  new AlprootError('ALP_FORMAT_INDEX', `line ${lineOf(text, at)}: ${why}`, { facts: { line: lineOf(text, at) } });

/** A class, for its getters cost nothing until they are asked: an object with twenty fields of its own for each package is what a solve would spend its time on. */
class LateRecord implements PackageRecord {
  readonly name: string;
  readonly version: string;
  readonly buildTime: number;
  readonly provides: PackageRecord['provides'];
  readonly installIf: PackageRecord['installIf'];
  private readonly file: IndexText;
  private readonly at: number;
  private readonly end: number;
  private whole: PackageRecord | undefined;

  constructor(file: IndexText, at: number, { end, name, version, buildTime, provides, installIf }: EarlyFields) {
    this.name = name;
    this.version = version;
    this.buildTime = buildTime;
    this.provides = file.words.provides(provides);
    this.installIf = file.words.dependencies(installIf);
    this.file = file;
    this.at = at;
    this.end = end;
    this.whole = undefined;
  }

  private get all(): PackageRecord {
    const { text, words } = this.file;
    return (this.whole ??= recordFromFields(allFields(text, this.at, this.end), { where: 'index', line: () => lineOf(text, this.end), isName: isPackageName, words }));
  }

  get arch(): string { return this.all.arch; }
  get checksum(): PackageRecord['checksum'] { return this.all.checksum; }
  get sizeBytes(): number { return this.all.sizeBytes; }
  get installedSizeBytes(): number { return this.all.installedSizeBytes; }
  get description(): string { return this.all.description; }
  get url(): string { return this.all.url; }
  get license(): string { return this.all.license; }
  get origin(): string { return this.all.origin; }
  get maintainer(): string { return this.all.maintainer; }
  get commit(): string { return this.all.commit; }
  get providerPriority(): number { return this.all.providerPriority; }
  get depends(): PackageRecord['depends'] { return this.all.depends; }
  get replaces(): PackageRecord['replaces'] { return this.all.replaces; }
  get replacesPriority(): number { return this.all.replacesPriority; }
  toJSON(): PackageRecord { return this.all; }
}

/** One identity must mean one package, and one name and version one identity. */
function createTwinCheck(): (fields: EarlyFields) => void {
  const byChecksum = new Map<string, string>();
  const byName = new Map<string, EarlyFields | EarlyFields[]>();
  return (fields) => {
    const { name, version, arch, checksum } = fields;
    const owner = byChecksum.get(checksum);
    if (owner !== undefined && owner !== name) throw new AlprootError('ALP_FORMAT_INDEX', `${owner} and ${name} share one checksum`);
    byChecksum.set(checksum, name);
    const known = byName.get(name);
    if (known === undefined) {
      byName.set(name, fields);
      return;
    }
    const all = Array.isArray(known) ? known : [known];
    if (all.some((other) => other.version === version && other.arch === arch && other.checksum !== checksum)) throw new AlprootError('ALP_FORMAT_INDEX', `${name}-${version}/${arch} has two checksums`);
    byName.set(name, [...all, fields]);
  };
}
