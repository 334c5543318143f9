/** Which installed package owns a path, and who may take it over. */
import { AlprootError } from '../core/errors.ts';
import type { PackageRecord } from '../core/package.ts';
import { joinTree, type TreePath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import type { InstalledEntry, InstalledFile } from '../formats/installed-db.ts';
import { versionMatches } from '../formats/version.ts';

export interface OwnedFile {
  readonly owner: PackageRecord;
  readonly file: InstalledFile;
}

export type FileOwners = Map<TreePath, OwnedFile>;

export function indexFiles(packages: readonly InstalledEntry[]): FileOwners {
  const files: FileOwners = new Map();
  for (const { record, directories } of packages) {
    for (const { path, files: own } of directories) for (const file of own) files.set(joinTree(path, file.name), { owner: record, file });
  }
  return files;
}

const replaces = (by: PackageRecord, other: PackageRecord): boolean =>
  by.replaces.some(({ name, op, version, conflict }) => name === other.name && versionMatches(other.version, op, version) !== conflict);

/**
 * Whether `taker` gets a path that `owner` has: `take`, or `leave` when the owner's claim is the stronger.
 *
 * @see apk-tools 2.14 `apk_db_install_archive_entry`
 * @throws ALP_UNPACK_CONFLICT when neither may
 */
export function settleConflict(path: TreePath, taker: PackageRecord, owner: PackageRecord): 'take' | 'leave' {
  if (taker.name === owner.name) return 'take';
  const takes = replaces(taker, owner);
  const keeps = replaces(owner, taker);
  if (keeps && !takes) return 'leave';
  if (takes && keeps) return taker.replacesPriority >= owner.replacesPriority ? 'take' : 'leave';
  if (takes) return 'take';
  if (taker.origin !== '' && taker.origin === owner.origin) return 'take';
  throw new AlprootError('ALP_UNPACK_CONFLICT', `${taker.name}-${taker.version}: trying to overwrite ${quoteName(path)} owned by ${owner.name}-${owner.version}`, {
    facts: { path, owner: owner.name, package: taker.name },
  });
}
