/**
 * `apk info`: what is known of a package, in apk's words.
 *
 * @see apk-tools 2.14 and 3.0 src/app_info.c
 */
import type { PackageRecord } from '../core/package.ts';
import { joinTree } from '../core/paths.ts';
import { formatDependency, formatProvide } from '../formats/apk/dependency.ts';
import type { InstalledEntry } from '../formats/apk/installed-db.ts';
import { formatApkSize } from './plan-lines.ts';
import { isMetBy } from './why.ts';

/** What can be asked for. */
export type InfoField =
  | 'description'
  | 'webpage'
  | 'size'
  | 'depends'
  | 'provides'
  | 'rdepends'
  | 'contents'
  | 'triggers'
  | 'install-if'
  | 'rinstall-if'
  | 'replaces'
  | 'license';

export const DEFAULT_FIELDS: readonly InfoField[] = ['description', 'webpage', 'size'];
/** In apk's order. */
export const ALL_FIELDS: readonly InfoField[] = [
  'description',
  'webpage',
  'size',
  'depends',
  'provides',
  'rdepends',
  'contents',
  'triggers',
  'install-if',
  'rinstall-if',
  'replaces',
  'license',
];
/** Known only of packages that are installed. */
export const INSTALLED_FIELDS: readonly InfoField[] = ['rdepends', 'contents', 'triggers', 'rinstall-if', 'replaces'];

const TITLES: Readonly<Record<InfoField, string>> = {
  description: 'description',
  webpage: 'webpage',
  size: 'installed size',
  depends: 'depends on',
  provides: 'provides',
  rdepends: 'is required by',
  contents: 'contains',
  triggers: 'triggers',
  'install-if': 'has auto-install rule',
  'rinstall-if': 'affects auto-installation of',
  replaces: 'replaces',
  license: 'license',
};

const label = ({ name, version }: PackageRecord): string => `${name}-${version}`;

export interface InfoContext {
  /** Who may require it. */
  readonly installed?: readonly PackageRecord[];
  /** The package's own entry, for what it contains. */
  readonly entry?: InstalledEntry | undefined;
  /** Patterns of its trigger. */
  readonly triggers?: readonly string[];
}

/** The lines of one field. */
export function infoValues(
  record: PackageRecord,
  field: InfoField,
  { installed = [], entry, triggers = [] }: InfoContext,
): string[] {
  switch (field) {
    case 'description':
      return [record.description];
    case 'webpage':
      return [record.url];
    case 'license':
      return [record.license];
    case 'size':
      return [formatApkSize(record.installedSizeBytes)];
    case 'depends':
      return record.depends.map((item) => formatDependency(item));
    case 'install-if':
      return record.installIf.map((item) => formatDependency(item));
    case 'replaces':
      return record.replaces.map((item) => formatDependency(item));
    case 'contents':
      return (entry?.directories ?? []).flatMap(({ path, files }) => files.map(({ name }) => joinTree(path, name)));
    case 'triggers':
      return [...triggers];
    case 'provides':
      return record.provides.map(formatProvide);
    case 'rdepends':
      return installed.filter(({ depends }) => depends.some((item) => isMetBy(item, record))).map(label);
    case 'rinstall-if':
      return installed
        .filter(({ installIf }) => installIf.some((item) => item.name === record.name && !item.conflict))
        .map(label);
  }
}

/** Fields of one line have a single value. */
const isSingle = (field: InfoField): boolean => ['description', 'webpage', 'size', 'license'].includes(field);

/** What verbose lines of a field that has one line a value begin with. */
const LISTED: Readonly<Partial<Record<InfoField, string>>> = { contents: '', triggers: 'trigger ' };

/**
 * The text for one package: for each field `name-version title:`, its values a line each, an empty line.
 *
 * @param options.verbose `name: value` on one line instead
 */
export function formatInfo(
  record: PackageRecord,
  options: InfoContext & { readonly fields?: readonly InfoField[]; readonly verbose?: boolean } = {},
): string[] {
  const { fields = DEFAULT_FIELDS, verbose = false } = options;
  return ALL_FIELDS.filter((field) => fields.includes(field)).flatMap((field) => {
    const lines = infoValues(record, field, options);
    if (!verbose) return [`${label(record)} ${TITLES[field]}:`, ...lines, ''];
    const lead = LISTED[field];
    if (lead !== undefined) return [...lines.map((line) => `${record.name}: ${lead}${line}`), ''];
    return [`${record.name}: ${lines.map((line) => (isSingle(field) ? line : `${line} `)).join('')}`];
  });
}
