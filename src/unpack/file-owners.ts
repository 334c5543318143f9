/**
 * Who may take over a file that another package owns.
 *
 * @see apk-tools 2.14 `apk_db_install_file`
 */
import { AlprootError } from '../core/errors.ts';
import type { PackageRecord } from '../core/package.ts';
import type { TreePath } from '../core/paths.ts';
import { quoteName, showName } from '../core/redact.ts';
import { versionMatches } from '../formats/apk/package-version.ts';

const replaces = (by: PackageRecord, other: PackageRecord): boolean =>
  by.replaces.some(
    ({ name, op, version, conflict }) =>
      name === other.name && versionMatches(other.version, op, version) !== conflict,
  );

export interface ConflictOptions {
  readonly owner: PackageRecord;
  /** `--force-overwrite`: told in apk's words that the file is taken all the same. */
  readonly overwrite: ((warning: string) => void) | undefined;
}

/**
 * Whether `taker` gets a path that `owner` has: `take`, or `leave` when the owner's claim is the stronger.
 *
 * @throws ALP_UNPACK_CONFLICT when neither may and nobody forces it
 */
export function settleConflict(
  path: TreePath,
  taker: PackageRecord,
  { owner, overwrite }: ConflictOptions,
): 'take' | 'leave' {
  if (taker.name === owner.name) return 'take';
  if (taker.origin !== '' && taker.origin === owner.origin) return 'take';
  const keeps = replaces(owner, taker) ? owner.replacesPriority : -1;
  const takes = replaces(taker, owner) ? taker.replacesPriority : -1;
  if (keeps > takes) return 'leave';
  if (takes >= 0) return 'take';
  if (overwrite !== undefined) {
    overwrite(
      `${taker.name}-${taker.version}: overwriting ${showName(path)} owned by ${owner.name}-${owner.version}.`,
    );
    return 'take';
  }
  throw new AlprootError(
    'ALP_UNPACK_CONFLICT',
    `${taker.name}-${taker.version}: trying to overwrite ${quoteName(path)} owned by ${owner.name}-${owner.version}`,
    { facts: { path, owner: owner.name, package: taker.name } },
  );
}
