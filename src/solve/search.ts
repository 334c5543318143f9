/**
 * `apk search`: packages by a part of their names, provided names or descriptions.
 *
 * @see apk-tools 3.0 src/app_search.c, src/query.c
 */
import type { PackageRecord } from '../core/package.ts';
import { compareVersions } from '../formats/apk/package-version.ts';
import { compareNames } from '../formats/apk/world-file.ts';
import type { Catalog } from './catalog.ts';
import { compileNameGlob } from './glob.ts';

export interface SearchOptions {
  /** The whole name must match; `*` and `?` are wildcards. */
  readonly exact?: boolean;
  /** Look into descriptions too. */
  readonly description?: boolean;
  /** Every version, not only the newest of a name. */
  readonly all?: boolean;
  /** Only packages built from an origin of that name. */
  readonly origin?: boolean;
}

export const compareRecords = (a: PackageRecord, b: PackageRecord): number =>
  compareNames(a.name, b.name) || compareVersions(a.version, b.version);

function matcher(pattern: string, options: SearchOptions): (record: PackageRecord) => boolean {
  const test = compileNameGlob(options.exact === true || options.origin === true ? pattern : `*${pattern}*`);
  if (options.origin === true) return ({ origin }) => test(origin);
  return ({ name, provides, description }) =>
    test(name) || provides.some((item) => test(item.name)) || (options.description === true && test(description));
}

/** Of packages with one name the newest. */
function newest(records: readonly PackageRecord[]): PackageRecord[] {
  const best = new Map<string, PackageRecord>();
  for (const record of records) {
    const known = best.get(record.name);
    if (known === undefined || compareVersions(record.version, known.version) > 0) best.set(record.name, record);
  }
  return [...best.values()];
}

/** Packages that match any of `patterns`, all of them when there is none, sorted by name and version. */
export function searchPackages(
  catalog: Catalog,
  patterns: readonly string[],
  options: SearchOptions = {},
): PackageRecord[] {
  const tests = patterns.map((pattern) => matcher(pattern, options));
  const found = new Map<string, PackageRecord>();
  for (const { packages } of catalog.sources) {
    for (const record of packages) {
      if (tests.length > 0 && !tests.some((test) => test(record))) continue;
      const key = `${record.name}-${record.version} ${record.checksum?.hex ?? ''}`;
      if (!found.has(key)) found.set(key, record);
    }
  }
  const records = [...found.values()];
  const every = options.all === true || options.description === true || options.origin === true;
  return (every ? records : newest(records)).sort(compareRecords);
}

/** `name-version`, with the description when verbose, without the version when quiet. */
export function formatSearch(records: readonly PackageRecord[], verbosity = 1): string[] {
  return records.map(
    ({ name, version, description }) =>
      `${name}${verbosity > 0 ? `-${version}` : ''}${verbosity > 1 ? ` - ${description}` : ''}`,
  );
}
