/**
 * `apk version`: what is installed beside the newest that its repositories offer.
 *
 * @see apk-tools 3.0 src/app_version.c
 */
import type { InstalledPackage, PackageRecord } from '../core/package.ts';
import { compareVersions, isValidVersion } from '../formats/apk/package-version.ts';
import { compareNames } from '../formats/apk/world-file.ts';
import type { Catalog } from './catalog.ts';

export type VersionRelation = '<' | '=' | '>';

export interface VersionState {
  readonly record: PackageRecord;
  readonly relation: VersionRelation;
  readonly latest: string;
  /** Tag of the repositories that have it, when it is not the default one. */
  readonly tag: string | undefined;
}

/** How `left` stands to `right`, as `apk version -t` prints it; `?` for what is not a version. */
export function relate(left: string, right: string): VersionRelation | '?' {
  if (!isValidVersion(left) || !isValidVersion(right)) return '?';
  return relationOf(compareVersions(left, right));
}

function relationOf(order: number): VersionRelation {
  if (order === 0) return '=';
  return order < 0 ? '<' : '>';
}

/**
 * The state of each installed package, by name.
 *
 * @param options.allTags packages under other tags than the installed one's count too
 */
export function compareInstalled(
  installed: readonly InstalledPackage[],
  catalog: Catalog,
  options: { readonly allTags?: boolean } = {},
): VersionState[] {
  return installed
    .map(({ record, tag }): VersionState => {
      let latest = record.version;
      let latestTags: (string | undefined)[] = [];
      for (const { tags, packages, byName } of catalog.sources) {
        if (options.allTags !== true && !tags.includes(undefined) && !tags.includes(tag)) continue;
        for (const { name, version } of byName.of(record.name).flatMap((position) => packages[position] ?? [])) {
          const order = name === record.name ? compareVersions(version, latest) : -1;
          if (order > 0) {
            latest = version;
            latestTags = [...tags];
          } else if (order === 0) latestTags.push(...tags);
        }
      }
      return {
        record,
        latest,
        relation: relationOf(compareVersions(record.version, latest)),
        tag: latestTags.includes(undefined) ? undefined : latestTags[0],
      };
    })
    .sort((a, b) => compareNames(a.record.name, b.record.name));
}

const MIN_WIDTH = 39;

/** The table with its head; names alone when quiet. */
export function formatVersionStates(states: readonly VersionState[], verbosity = 1): string[] {
  if (verbosity <= 0) return states.map(({ record }) => record.name);
  const label = ({ name, version }: PackageRecord): string => `${name}-${version}`;
  const width = Math.max(MIN_WIDTH, ...states.map(({ record }) => label(record).length));
  return [
    `${'Installed:'.padEnd(width)}   Available:`,
    ...states.map(
      ({ record, relation, latest, tag }) =>
        `${label(record).padEnd(width)} ${relation} ${latest} ${tag === undefined ? '' : `@${tag}`}`,
    ),
  ];
}
