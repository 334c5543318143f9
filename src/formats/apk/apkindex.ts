/**
 * The text file `APKINDEX`: packages as lettered lines, a blank line after each. One character per byte. Of tens of
 * thousands of packages a solve needs some dozens, so only what every solve asks of every package is read at once:
 * names, versions, what is provided. The rest of a package is read when it is first asked for.
 */
import { AlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { PackageRecord, PositionTable } from '../../core/package.ts';
import { createNameTables, type NameTablesWriter } from './name-tables.ts';
import { checkedFields, usualFields, type EarlyFields } from './index-entry.ts';
import { LateRecord, openIndexText } from './late-record.ts';

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
 * names, versions, identities, provides and install_if are checked here; a number or a dependency that is not one is
 * refused when it is read.
 *
 * @throws ALP_FORMAT_INDEX with the line, ALP_UNPACK_PATH for illegal names, ALP_LIMIT_*
 */
export function parseIndex(text: string): ParsedIndex {
  const packages: LateRecord[] = [];
  const starts: number[] = [];
  const file = openIndexText(text);
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
