/**
 * Reads `alproot.lock` as untrusted input. A hash that is missing, a name that could be a path, an address other than
 * https, an unknown key: each is an error that names the field.
 */
import { isArch } from '../../core/arch.ts';
import type { Sha256Hex, Sha512Hex } from '../../core/digest.ts';
import { AlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Arch, PackageRecord } from '../../core/package.ts';
import { scanDependency } from '../apk/dependency.ts';
import { parseStrictJson, strictFields, type StrictFields } from './json-fields.ts';
import {
  LOCK_VERSION,
  type Lock,
  type LockedDownload,
  type LockedEnvironment,
  type LockedMinirootfs,
  type LockedPackage,
  type LockedRepository,
} from './lockfile.ts';
import { parseChecksum } from '../apk/package-checksum.ts';
import { isPackageName, isVersionText } from '../apk/package-fields.ts';
import { parseMinirootfsName } from '../release/release-names.ts';

const WORD = /^[^\s\x00-\x1f\x7f]{1,512}$/;
const LINE = /^[^\x00-\x1f\x7f]{0,4096}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const SHA512 = /^[0-9a-f]{128}$/;
const RELEASE = /^(?:edge|\d{8}|\d{1,3}(?:\.\d{1,3}){1,3}(?:_[a-z]+\d*)?)$/;
const TAG = /^[A-Za-z0-9_.-]{1,64}$/;
/** Below a mirror, or an https URL without user, query, fragment and dots that climb. */
const LOCATION = new RegExp(
  [
    '^(?:(?:v\\d{1,3}\\.\\d{1,3}|edge|latest-stable)/[a-z][a-z0-9_-]{0,63}',
    '|https://[A-Za-z0-9.-]+(?::\\d{1,5})?(?:/(?!\\.\\.?(?:/|$))[A-Za-z0-9_.+~-]+)*)$',
  ].join(''),
);

/** http or https, without user. */
const URL_TEXT = /^https?:\/\/[A-Za-z0-9.-]+(?::\d{1,5})?(?:[/?#][^\s\x00-\x20\x7f]{0,4000})?$/;

const ENVIRONMENT = ['release', 'arch', 'minirootfs', 'repositories', 'world', 'packages'];
const MINIROOTFS = ['file', 'size', 'sha256', 'sha512'];
const REPOSITORY = ['location', 'tag', 'description', 'size', 'sha256'];
const DOWNLOAD = ['url', 'size', 'sha256'];
const PACKAGE = [
  'name',
  'version',
  'arch',
  'repository',
  'size',
  'sha256',
  'checksum',
  'datahash',
  'because',
  'depends',
  'provides',
  'installIf',
  'replaces',
  'replacesPriority',
  'providerPriority',
  'installedSize',
  'origin',
  'buildTime',
  'commit',
  'license',
  'description',
  'url',
  'maintainer',
];

/**
 * @param text UTF-8, any line endings
 * @throws ALP_FORMAT_LOCK naming the field or the line, ALP_LIMIT_SIZE, ALP_USAGE_VERSION for a newer format
 */
export function parseLock(text: string): Lock {
  if (text.length > limits.lockfile)
    throw new AlprootError('ALP_LIMIT_SIZE', `the lock is longer than ${limits.lockfile} characters (limit lockfile)`);
  return parseLockFields(parseStrictJson('alproot.lock', text));
}

/** The same for JSON that is part of something else, such as a bundle's manifest. */
export function parseLockFields(value: unknown): Lock {
  const version = typeof value === 'object' && value !== null && 'lockfile' in value ? value.lockfile : undefined;
  if (typeof version === 'number' && version > LOCK_VERSION) {
    throw new AlprootError('ALP_USAGE_VERSION', `the lock has format ${version}, this alproot knows ${LOCK_VERSION}`, {
      hint: 'update alproot',
    });
  }
  const fields = strictFields(value, 'lock', ['lockfile', 'requests', 'environments', 'downloads']);
  if (fields.count('lockfile', LOCK_VERSION) !== LOCK_VERSION) fields.fail('lockfile', `expected ${LOCK_VERSION}`);
  const environments = fields.objects('environments', ENVIRONMENT).map(environmentOf);
  refuseDuplicates(
    fields,
    'environments',
    environments.map(({ release, arch }) => `${release} ${arch}`),
  );
  const downloads = fields.objects('downloads', DOWNLOAD).map(downloadOf);
  refuseDuplicates(
    fields,
    'downloads',
    downloads.map(({ url }) => url),
  );
  return { requests: fields.texts('requests', LINE), environments, downloads };
}

const downloadOf = (fields: StrictFields): LockedDownload => ({
  url: fields.text('url', URL_TEXT),
  sizeBytes: fields.count('size', limits.packageFile),
  sha256: fields.text('sha256', SHA256) as Sha256Hex,
});

function environmentOf(fields: StrictFields): LockedEnvironment {
  const arch = fields.text('arch', WORD);
  if (!isArch(arch)) return fields.fail('arch', 'no architecture of Alpine');
  const repositories = fields.objects('repositories', REPOSITORY).map(repositoryOf);
  const locations = repositories.map(({ location }) => location);
  refuseDuplicates(fields, 'repositories', locations);
  const packages = fields.objects('packages', PACKAGE).map((entry) => packageOf(entry, { arch, locations }));
  refuseDuplicates(
    fields,
    'packages',
    packages.map(({ record, repository }) => `${record.name} ${record.version} ${repository}`),
  );
  return {
    release: fields.text('release', RELEASE),
    arch,
    minirootfs: minirootfsOf(fields.object('minirootfs', MINIROOTFS), arch),
    repositories,
    world: fields
      .texts('world', WORD)
      .map((word) => scanDependency(word, { tag: true }) ?? fields.fail('world', 'not a dependency')),
    packages,
  };
}

function refuseDuplicates(fields: StrictFields, key: string, names: readonly string[]): void {
  const seen = new Set<string>();
  const duplicate = names.find((name) => seen.size === seen.add(name).size);
  if (duplicate !== undefined) fields.fail(key, `\`${duplicate}\` is there twice`);
}

function minirootfsOf(fields: StrictFields, arch: Arch): LockedMinirootfs {
  const file = fields.text('file', WORD);
  if (parseMinirootfsName(file)?.arch !== arch) fields.fail('file', `not a minirootfs for ${arch}`);
  return {
    file,
    sizeBytes: fields.count('size', limits.minirootfs),
    sha256: fields.text('sha256', SHA256) as Sha256Hex,
    sha512: fields.text('sha512', SHA512) as Sha512Hex,
  };
}

function repositoryOf(fields: StrictFields): LockedRepository {
  const tag = fields.optionalText('tag', TAG);
  return {
    location: fields.text('location', LOCATION),
    ...(tag === undefined ? {} : { tag }),
    description: fields.text('description', LINE),
    sizeBytes: fields.count('size', limits.indexCompressed),
    sha256: fields.text('sha256', SHA256) as Sha256Hex,
  };
}

function packageOf(
  fields: StrictFields,
  { arch, locations }: { readonly arch: Arch; readonly locations: readonly string[] },
): LockedPackage {
  const repository = fields.text('repository', LOCATION);
  if (!locations.includes(repository)) fields.fail('repository', 'not one of the repositories of this environment');
  const datahash = fields.optionalText('datahash', SHA256) as Sha256Hex | undefined;
  return {
    record: recordOf(fields, arch),
    repository,
    sha256: fields.text('sha256', SHA256) as Sha256Hex,
    ...(datahash === undefined ? {} : { datahash }),
    because: fields.texts('because', WORD),
  };
}

function recordOf(fields: StrictFields, wanted: Arch): PackageRecord {
  const name = fields.text('name', WORD);
  if (!isPackageName(name)) fields.fail('name', 'illegal package name');
  const version = fields.text('version', WORD);
  if (!isVersionText(version)) fields.fail('version', 'illegal version');
  const arch = fields.text('arch', WORD);
  if (arch !== wanted && arch !== 'noarch') fields.fail('arch', `expected ${wanted} or noarch`);
  const optional = (key: string): string => fields.optionalText(key, LINE) ?? '';
  const number = (key: string, maximum = Number.MAX_SAFE_INTEGER): number =>
    fields.count(key, maximum, { optional: true });
  const dependencies = (key: string): PackageRecord['depends'] =>
    fields
      .texts(key, WORD)
      .map((word, at) => scanDependency(word) ?? fields.fail(`${key}[${at}]`, 'not a dependency'));
  return {
    name,
    version,
    arch,
    checksum: parseChecksum(fields.text('checksum', WORD)) ?? fields.fail('checksum', 'no checksum of apk'),
    sizeBytes: fields.count('size', limits.packageFile),
    installedSizeBytes: number('installedSize'),
    description: optional('description'),
    url: optional('url'),
    license: optional('license'),
    origin: optional('origin'),
    maintainer: optional('maintainer'),
    buildTime: number('buildTime'),
    commit: optional('commit'),
    providerPriority: number('providerPriority', 65_535),
    depends: dependencies('depends'),
    provides: dependencies('provides').map(({ name: provided, version: as }) => ({ name: provided, version: as })),
    installIf: dependencies('installIf'),
    replaces: dependencies('replaces'),
    replacesPriority: number('replacesPriority', 65_535),
  };
}
