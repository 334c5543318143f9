/**
 * `apk list`: packages with architecture, origin, licence and whether they are installed.
 *
 * @see apk-tools 2.14 and 3.0 src/app_list.c
 */
import type { InstalledPackage, PackageRecord } from '../core/package.ts';
import { compareVersions } from '../formats/apk/package-version.ts';
import { compareNames } from '../formats/apk/world-file.ts';
import type { Catalog } from './catalog.ts';
import { compileNameGlob } from './glob.ts';

export interface ListOptions {
  readonly installed?: boolean;
  /** Only what a repository offers. */
  readonly available?: boolean;
  /** Installed, and offered by no repository. */
  readonly orphaned?: boolean;
  readonly upgradable?: boolean;
  /** Patterns are for names of origins. */
  readonly origin?: boolean;
  /** Patterns are for names of provided things too. */
  readonly providers?: boolean;
}

export interface ListedPackage {
  readonly record: PackageRecord;
  readonly isInstalled: boolean;
  readonly isAvailable: boolean;
  /** Installed in an older version than this one. */
  readonly upgradableFrom: PackageRecord | undefined;
}

const identity = ({ name, version, checksum }: PackageRecord): string =>
  `${name}-${version} ${checksum?.hex.slice(0, 40) ?? ''}`;

/** Every package that is installed or offered, once, by name and version. */
export function allPackages(installed: readonly InstalledPackage[], catalog: Catalog): ListedPackage[] {
  const listed = new Map<string, ListedPackage>();
  const here = new Map(installed.map(({ record }) => [record.name, record]));
  for (const { record } of installed)
    listed.set(identity(record), { record, isInstalled: true, isAvailable: false, upgradableFrom: undefined });
  for (const { packages } of catalog.sources) {
    for (const record of packages) {
      const key = identity(record);
      const known = listed.get(key);
      const old = here.get(record.name);
      const isOlder = old !== undefined && compareVersions(old.version, record.version) < 0;
      listed.set(key, {
        record: known?.record ?? record,
        isInstalled: known?.isInstalled === true,
        isAvailable: true,
        upgradableFrom: isOlder ? old : undefined,
      });
    }
  }
  return [...listed.values()].sort(
    ({ record: a }, { record: b }) => compareNames(a.name, b.name) || compareVersions(a.version, b.version),
  );
}

/** Those that match any of `patterns`, all of them when there is none. */
export function listPackages(
  packages: readonly ListedPackage[],
  patterns: readonly string[],
  options: ListOptions = {},
): ListedPackage[] {
  const tests = patterns.map(compileNameGlob);
  const buildable = new Set(packages.filter(({ isAvailable }) => isAvailable).map(({ record }) => record.name));
  const names = ({ name, origin, provides }: PackageRecord): string[] =>
    options.origin === true
      ? [origin]
      : [name, ...(options.providers === true ? provides.map((item) => item.name) : [])];
  return packages.filter(({ record, isInstalled, isAvailable, upgradableFrom }) => {
    if (tests.length > 0 && !names(record).some((name) => tests.some((test) => test(name)))) return false;
    if ((options.installed === true || options.orphaned === true) && !isInstalled) return false;
    if (options.orphaned === true && buildable.has(record.name)) return false;
    if (options.upgradable === true) return upgradableFrom !== undefined;
    return options.available !== true || isAvailable;
  });
}

/** `name-version arch {origin} (license) [installed]`; the name alone when quiet. */
export function formatListed({ record, isInstalled, upgradableFrom }: ListedPackage, verbosity = 1): string[] {
  const { name, version, arch, origin, license, description, url } = record;
  if (verbosity <= 0) return [name];
  const old =
    upgradableFrom === undefined ? '' : ` [upgradable from: ${upgradableFrom.name}-${upgradableFrom.version}]`;
  const note = isInstalled ? ' [installed]' : old;
  return [
    `${name}-${version} ${arch} {${origin === '' ? name : origin}} (${license})${note}`,
    ...(verbosity > 1 ? [`  ${description}`] : []),
    ...(verbosity > 2 ? [`  <${url}>`] : []),
    ...(verbosity > 1 ? [''] : []),
  ];
}
