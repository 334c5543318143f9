/** What an index promised of a package, held against what the package is. */
import { AlprootError } from '../core/errors.ts';
import type { PackageChecksum, PackageRecord, RepositoryIndex } from '../core/package.ts';
import { quoteName } from '../core/redact.ts';
import { formatDependency } from '../formats/apk/dependency.ts';
import { sameChecksum } from '../formats/apk/package-checksum.ts';

/**
 * @throws ALP_VERIFY_DIGEST when the file is not the one that the index lists, or of another format than it promised
 */
export function requireIdentity(what: string, own: PackageChecksum, { checksum }: PackageRecord): void {
  if (sameChecksum(own, checksum)) return;
  const kinds =
    own.algorithm === checksum?.algorithm
      ? `hash ${own.hex}, expected ${checksum.hex}`
      : `the index promises ${checksum?.algorithm ?? 'no hash'}, got ${own.algorithm}`;
  throw new AlprootError('ALP_VERIFY_DIGEST', `${what} is not the package that the index lists: ${kinds}`);
}

/** @throws ALP_VERIFY_IDENTITY naming the field that differs */
export function compareWithIndex(what: string, own: PackageRecord, listed: PackageRecord): void {
  const same = (field: string, left: string, right: string): void => {
    if (left !== right)
      throw new AlprootError(
        'ALP_VERIFY_IDENTITY',
        `${what}: ${field} is ${quoteName(left)}, the index says ${quoteName(right)}`,
      );
  };
  same('name', own.name, listed.name);
  same('version', own.version, listed.version);
  // `apk index --rewrite-arch` lists noarch packages under the repository's architecture.
  if (own.arch !== 'noarch') same('architecture', own.arch, listed.arch);
  if (own.sizeBytes !== listed.sizeBytes) same('size', String(own.sizeBytes), String(listed.sizeBytes));
  same('origin', own.origin, listed.origin);
  const words = (list: PackageRecord['depends']): string =>
    list
      .map((dependency) => formatDependency(dependency))
      .sort()
      .join(' ');
  same('dependencies', words(own.depends), words(listed.depends));
  same('install_if', words(own.installIf), words(listed.installIf));
  const provides = (list: PackageRecord['provides']): string =>
    list
      .map(({ name, version }) => `${name}=${version}`)
      .sort()
      .join(' ');
  same('provides', provides(own.provides), provides(listed.provides));
}

/** One identity must mean one package, and one name and version one identity. @throws ALP_FORMAT_INDEX */
export function refuseDuplicateRecords(packages: RepositoryIndex['packages']): void {
  const byVersion = new Map<string, RepositoryIndex['packages'][number]>();
  const byChecksum = new Map<string, string>();
  for (const record of packages) {
    const id = `${record.name}-${record.version}/${record.arch}`;
    const duplicate = byVersion.get(id);
    if (duplicate !== undefined && !sameChecksum(duplicate.checksum, record.checksum))
      throw new AlprootError('ALP_FORMAT_INDEX', `${id} has two checksums`);
    byVersion.set(id, record);
    const hex = record.checksum?.hex ?? '';
    const owner = byChecksum.get(hex);
    if (owner !== undefined && owner !== record.name)
      throw new AlprootError('ALP_FORMAT_INDEX', `${owner} and ${record.name} share one checksum`);
    byChecksum.set(hex, record.name);
  }
}
