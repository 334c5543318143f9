/**
 * `apk info`: what is known of a package, in apk's words.
 *
 * @see apk-tools 2.14 and 3.0 src/app_info.c
 */
import type { PackageRecord } from '../core/package.ts';
import { formatDependency, formatProvide } from '../formats/dependency.ts';
import { formatSize } from './plan-lines.ts';
import { isMetBy } from './why.ts';

/** What can be asked for. */
export type InfoField =
  | 'description' | 'webpage' | 'size' | 'depends' | 'provides' | 'rdepends' | 'install-if' | 'rinstall-if' | 'replaces' | 'license';

export const DEFAULT_FIELDS: readonly InfoField[] = ['description', 'webpage', 'size'];
/** In apk's order. */
export const ALL_FIELDS: readonly InfoField[] = [
  'description', 'webpage', 'size', 'depends', 'provides', 'rdepends', 'install-if', 'rinstall-if', 'replaces', 'license',
];

const TITLES: Readonly<Record<InfoField, string>> = {
  description: 'description', webpage: 'webpage', size: 'installed size', depends: 'depends on', provides: 'provides',
  rdepends: 'is required by', 'install-if': 'has auto-install rule', 'rinstall-if': 'affects auto-installation of',
  replaces: 'replaces', license: 'license',
};

const label = ({ name, version }: PackageRecord): string => `${name}-${version}`;

/** The lines of one field. */
function values(record: PackageRecord, field: InfoField, installed: readonly PackageRecord[]): string[] {
  switch (field) {
    case 'description': return [record.description];
    case 'webpage': return [record.url];
    case 'license': return [record.license];
    case 'size': return [formatSize(record.installedSizeBytes)];
    case 'depends': return record.depends.map((item) => formatDependency(item));
    case 'install-if': return record.installIf.map((item) => formatDependency(item));
    case 'replaces': return record.replaces.map((item) => formatDependency(item));
    case 'provides': return record.provides.map(formatProvide);
    case 'rdepends': return installed.filter(({ depends }) => depends.some((item) => isMetBy(item, record))).map(label);
    case 'rinstall-if': return installed.filter(({ installIf }) => installIf.some((item) => item.name === record.name && !item.conflict)).map(label);
  }
}

/** Fields of one line have a single value. */
const isSingle = (field: InfoField): boolean => ['description', 'webpage', 'size', 'license'].includes(field);

/**
 * The text for one package: for each field `name-version title:`, its values a line each, an empty line.
 *
 * @param options.installed who may require it
 * @param options.verbose `name: value` on one line instead
 */
export function formatInfo(
  record: PackageRecord,
  options: { readonly fields?: readonly InfoField[]; readonly installed?: readonly PackageRecord[]; readonly verbose?: boolean } = {},
): string[] {
  const { fields = DEFAULT_FIELDS, installed = [], verbose = false } = options;
  return ALL_FIELDS.filter((field) => fields.includes(field)).flatMap((field) => {
    const lines = values(record, field, installed);
    if (verbose) return [`${record.name}: ${lines.map((line) => (isSingle(field) ? line : `${line} `)).join('')}`];
    return [`${label(record)} ${TITLES[field]}:`, ...lines, ''];
  });
}
