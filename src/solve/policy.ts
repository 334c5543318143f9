/**
 * `apk policy`: every version of a package and where it can be had.
 *
 * @see apk-tools 3.0 src/app_policy.c
 */
import { compareVersions } from '../formats/apk/package-version.ts';
import type { ApkSystem } from './requests.ts';

export interface PolicyPlace {
  /** 'installed' is the tree's own database. */
  readonly kind: 'installed' | 'repository';
  readonly location: string;
  readonly tag?: string;
}

export interface PolicyVersion {
  readonly version: string;
  readonly places: readonly PolicyPlace[];
}

const DATABASE = 'lib/apk/db/installed';

/** The versions of the package called `name`, the oldest first, as apk 2.14 lists them; empty when nobody has one. */
export function explainPolicy(system: Pick<ApkSystem, 'installed' | 'catalog'>, name: string): PolicyVersion[] {
  const versions = new Map<string, PolicyPlace[]>();
  const add = (version: string, place: PolicyPlace): void => {
    const known = versions.get(version);
    if (known === undefined) versions.set(version, [place]);
    else known.push(place);
  };
  for (const { record } of system.installed)
    if (record.name === name) add(record.version, { kind: 'installed', location: DATABASE });
  for (const { location, tags, packages, byName } of system.catalog.sources) {
    const buildable = new Set(
      byName
        .of(name)
        .map((position) => packages[position])
        .filter((record) => record?.name === name)
        .map((record) => record?.version ?? ''),
    );
    for (const version of buildable) {
      for (const tag of tags) add(version, { kind: 'repository', location, ...(tag === undefined ? {} : { tag }) });
    }
  }
  return [...versions]
    .map(([version, places]) => ({ version, places }))
    .sort((a, b) => compareVersions(a.version, b.version));
}

/** `NAME policy:`, then each version with its places. */
export function formatPolicy(name: string, versions: readonly PolicyVersion[]): string[] {
  if (versions.length === 0) return [];
  return [
    `${name} policy:`,
    ...versions.flatMap(({ version, places }) => [
      `  ${version}:`,
      ...places.map(({ location, tag }) => `    ${tag === undefined ? '' : `@${tag} `}${location}`),
    ]),
  ];
}
