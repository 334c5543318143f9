/** Packages and repositories written in short, for tests of the solver. */
import { createHash } from 'node:crypto';
import type { Sha1Hex, Sha256Hex } from '../../src/core/digest.ts';
import type { InstalledPackage, PackageRecord, Repository, RepositoryIndex } from '../../src/core/package.ts';
import type { Verified } from '../../src/core/verified.ts';
import { parseDependencies, parseProvides } from '../../src/formats/apk/dependency.ts';

/** Lists as text, the rest as in a record. */
export interface PackageText {
  readonly depends?: string;
  readonly provides?: string;
  readonly installIf?: string;
  readonly priority?: number;
  readonly arch?: string;
  readonly sizeBytes?: number;
  readonly installedSizeBytes?: number;
  readonly description?: string;
  readonly origin?: string;
  /** Tells packages of the same name and version apart. */
  readonly build?: string;
}

/** `name-version` and what differs from a plain package. */
export function pkg(id: string, text: PackageText = {}): PackageRecord {
  const cut = id.lastIndexOf('-', id.endsWith('-r0') ? id.length - 4 : id.length);
  const name = id.slice(0, cut);
  return {
    name,
    version: id.slice(cut + 1),
    arch: text.arch ?? 'x86_64',
    checksum: {
      algorithm: 'sha1',
      hex: createHash('sha1')
        .update(JSON.stringify([id, text]))
        .digest('hex') as Sha1Hex,
    },
    sizeBytes: text.sizeBytes ?? 100,
    installedSizeBytes: text.installedSizeBytes ?? 1024,
    description: text.description ?? '',
    url: 'https://example.org',
    license: 'MIT',
    origin: text.origin ?? '',
    maintainer: '',
    buildTime: 0,
    commit: '',
    providerPriority: text.priority ?? 0,
    depends: parseDependencies(text.depends ?? ''),
    provides: parseProvides(text.provides ?? ''),
    installIf: parseDependencies(text.installIf ?? ''),
    replaces: [],
    replacesPriority: 0,
  };
}

export function repo(
  packages: readonly PackageRecord[],
  options: { readonly location?: string; readonly tag?: string; readonly masked?: true } = {},
): Repository {
  const { location = 'https://example.org/main', ...rest } = options;
  const index: RepositoryIndex = { location, description: 'test', sha256: '' as Sha256Hex, sizeBytes: 0, packages };
  return { index: index as Verified<RepositoryIndex>, ...rest };
}

export const installed = (...records: readonly PackageRecord[]): InstalledPackage[] =>
  records.map((record) => ({ record }));
