/** Packages of an index that are read when they are first used; what a solve reads again and again is kept. */
import type { PackageRecord } from '../../core/package.ts';
import {
  allFields,
  checkedFields,
  checksumAt,
  lineOf,
  nameAt,
  openEntries,
  type EarlyFields,
  type EntryText,
} from './index-entry.ts';
import { isPackageName, recordFromFields } from './package-fields.ts';

/** The packages of a text that was parsed before, to be read when they are asked for. */
export function lateRecords(text: string, starts: Uint32Array, times: Float64Array): PackageRecord[] {
  const file = openIndexText(text);
  return Array.from(
    starts,
    (at, position) =>
      new LateRecord(file, at, { end: starts[position + 1] ?? text.length, buildTime: times[position] ?? 0 }),
  );
}

export interface IndexText extends EntryText {
  /** How many records keep all that they read. */
  whole: number;
  /** Of the record before: nearly all are of one. */
  arch: string;
  /** The record that was read last, when it does not keep it. */
  latest: { readonly of: LateRecord; readonly record: PackageRecord } | undefined;
}

export const openIndexText = (text: string): IndexText => ({
  ...openEntries(text),
  whole: 0,
  latest: undefined,
  arch: '',
});

/** More than any real plan has; a solve that needs more keeps of the others what it asks for again and again. */
const KEPT_WHOLE = 4096;

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
export class LateRecord implements PackageRecord {
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
