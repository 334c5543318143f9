/**
 * `alproot.lock`: everything that a build or an environment was made of, by SHA-256. What lies on disk is untrusted
 * input: its keys are fixed, its hashes mandatory, and it holds no path and no credentials.
 *
 * @see docs/lockfile.md, docs/alproot.lock.schema.json
 */
import { compareText } from '../../core/text-order.ts';
import type { Sha256Hex, Sha512Hex } from '../../core/digest.ts';
import type { Arch, Dependency, PackageRecord } from '../../core/package.ts';
import { formatDependency, formatProvide } from '../apk/dependency.ts';
import { formatChecksum } from '../apk/package-checksum.ts';

export const LOCK_VERSION = 1;

export interface LockedMinirootfs {
  /** `alpine-minirootfs-3.19.4-x86_64.tar.gz` */
  readonly file: string;
  readonly sizeBytes: number;
  readonly sha256: Sha256Hex;
  readonly sha512: Sha512Hex;
}

export interface LockedRepository {
  /** `v3.19/main` below whatever mirror is used, or the https URL of a repository of its own. */
  readonly location: string;
  /** `@tag` under which it was used. */
  readonly tag?: string;
  /** The index's own description: `v3.19.4-12-gabcdef`. */
  readonly description: string;
  /** Of the whole compressed index. */
  readonly sha256: Sha256Hex;
  readonly sizeBytes: number;
}

export interface LockedPackage {
  /** As the index has it; a replay solves over these records and no others. */
  readonly record: PackageRecord;
  /** `location` of one of the repositories. */
  readonly repository: string;
  /** Of the whole .apk; its size is the record's. */
  readonly sha256: Sha256Hex;
  /** SHA-256 of the data member, as the signed control member has it. */
  readonly datahash?: Sha256Hex;
  /** Package names that need it, or `world`. */
  readonly because: readonly string[];
}

/** All that was installed from one release for one architecture. */
export interface LockedEnvironment {
  readonly release: string;
  readonly arch: Arch;
  readonly minirootfs: LockedMinirootfs;
  readonly repositories: readonly LockedRepository[];
  readonly world: readonly Dependency[];
  /** In install order. */
  readonly packages: readonly LockedPackage[];
}

/** A file that a Dockerfile ADDs by its URL. */
export interface LockedDownload {
  /** As written, without user and password. */
  readonly url: string;
  readonly sha256: Sha256Hex;
  readonly sizeBytes: number;
}

export interface Lock {
  /** What was asked for, sorted: `FROM alpine:3.19`, `gcc`. A replay that is asked for anything else has drifted. */
  readonly requests: readonly string[];
  readonly environments: readonly LockedEnvironment[];
  readonly downloads: readonly LockedDownload[];
}

/** The text of a lock: one fact a line, the same bytes for the same content. */
export const formatLock = (lock: Lock): string => `${JSON.stringify(lockObject(lock), undefined, 2)}\n`;

/** The JSON form, keys in their fixed order. */
export const lockObject = ({ requests, environments, downloads }: Lock): Record<string, unknown> => ({
  lockfile: LOCK_VERSION,
  requests: [...new Set(requests)].sort(),
  environments: [...environments]
    .sort((a, b) => compareText(`${a.release} ${a.arch}`, `${b.release} ${b.arch}`))
    .map(environmentObject),
  ...(downloads.length === 0
    ? {}
    : {
        downloads: [...downloads]
          .sort((a, b) => compareText(a.url, b.url))
          .map(({ url, sha256, sizeBytes }) => ({ url, size: sizeBytes, sha256 })),
      }),
});

const environmentObject = ({
  release,
  arch,
  minirootfs,
  repositories,
  world,
  packages,
}: LockedEnvironment): Record<string, unknown> => ({
  release,
  arch,
  minirootfs: {
    file: minirootfs.file,
    size: minirootfs.sizeBytes,
    sha256: minirootfs.sha256,
    sha512: minirootfs.sha512,
  },
  repositories: repositories.map(({ location, tag, description, sha256, sizeBytes }) => ({
    location,
    ...(tag === undefined ? {} : { tag }),
    description,
    size: sizeBytes,
    sha256,
  })),
  world: world.map((item) => formatDependency(item, { tag: true })).sort(),
  packages: packages.map(lockedPackageObject),
});

function lockedPackageObject({
  record,
  repository,
  sha256,
  datahash,
  because,
}: LockedPackage): Record<string, unknown> {
  const all: Record<string, unknown> = {
    name: record.name,
    version: record.version,
    arch: record.arch,
    repository,
    size: record.sizeBytes,
    sha256,
    checksum: record.checksum === undefined ? '' : formatChecksum(record.checksum),
    datahash,
    because: [...because].sort(),
    depends: record.depends.map((item) => formatDependency(item)),
    provides: record.provides.map(formatProvide),
    installIf: record.installIf.map((item) => formatDependency(item)),
    replaces: record.replaces.map((item) => formatDependency(item)),
    replacesPriority: record.replacesPriority,
    providerPriority: record.providerPriority,
    installedSize: record.installedSizeBytes,
    origin: record.origin,
    buildTime: record.buildTime,
    commit: record.commit,
    license: record.license,
    description: record.description,
    url: record.url,
    maintainer: record.maintainer,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => !isDefault(value)));
}

/** What an absent key means. */
const isDefault = (value: unknown): boolean =>
  value === undefined || value === '' || value === 0 || (Array.isArray(value) && value.length === 0);
