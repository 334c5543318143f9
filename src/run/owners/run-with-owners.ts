/**
 * Runs a command that believes to be root: the preloaded library shows it the owners of a table, and what it changes
 * comes back into the table. For builds without root; where real owners can be set, runInTree alone does it.
 */
import { AlprootError } from '../../core/errors.ts';
import { joinHost, treePathFromUser, type HostPath, type TreePath } from '../../core/paths.ts';
import type { FileOwner, RunDescription, RunResult } from '../../core/run-description.ts';
import { makeDirectory } from '../../system/files/host-directories.ts';
import { readFileCapped, writeFileAtomic } from '../../system/files/files.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { openWorkTree } from '../../system/tree/work-tree.ts';
import { writeSparseFile } from '../../system/files/sparse-file.ts';
import type { Backend } from '../backend.ts';
import type { RunHost } from '../host-tools.ts';
import { requireProgram, runInTree } from '../run-in-tree.ts';
import { formatRecords, parseRecords, RECORDS_BYTES, type RecordsHeader } from './ownership-database.ts';
import { absorbSlots, requireIds, seedSlots } from './table.ts';

/** As the library has it compiled in. */
const PLACE = '/.alproot-owners';

export interface OwnersContext {
  readonly host: RunHost;
  /** The library's bytes: see openOwnersLibrary. */
  readonly library: Uint8Array;
  /** By path in the tree; brought up to date when the command has ended, whatever its status. */
  readonly owners: Map<TreePath, FileOwner>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * As runInTree; `description.user` is who the command believes to be.
 *
 * @throws ALP_RUN_OWNERS for a user out of range, and for records that a program has damaged
 */
export async function runWithOwners(
  backend: Backend,
  description: RunDescription,
  { host, library, owners, now }: OwnersContext,
): Promise<RunResult> {
  requireIds(description.user);
  const tree = openWorkTree(description.tree);
  const directory = host.scratch();
  try {
    requireProgram(description, tree);
    const header: RecordsHeader = { ...description.user, start: BigInt(Math.floor(now)) * 1_000_000n };
    const seeded = new Set(owners.keys());
    prepare(directory, library, formatRecords(header, seedSlots(description.tree, owners)));
    const result = await runInTree(backend, hooked(description, joinHost(directory, 'shared')), host);
    const bytes = readFileCapped(joinHost(directory, 'shared/records'), RECORDS_BYTES);
    if (bytes === undefined)
      throw new AlprootError('ALP_RUN_OWNERS', 'the records of owners are gone', {
        hint: 'a program of the sandbox has removed them',
      });
    absorbSlots(description.tree, owners, { slots: parseRecords(bytes), header, seeded, setMode: tree.setMode });
    return result;
  } finally {
    tree.close();
    removeTree(directory);
  }
}

function prepare(directory: HostPath, library: Uint8Array, pieces: ReturnType<typeof formatRecords>): void {
  const shared = joinHost(directory, 'shared');
  makeDirectory(shared, 0o700);
  writeFileAtomic(joinHost(shared, 'owners.so'), library, { mode: 0o755 });
  writeSparseFile(joinHost(shared, 'records'), RECORDS_BYTES, pieces);
}

/** The library is also the program that starts the command, so that no program of the host ever loads it. */
const hooked = (description: RunDescription, shared: HostPath): RunDescription => ({
  ...description,
  mounts: [...description.mounts, { kind: 'bind', source: shared, target: treePathFromUser(PLACE), writable: true }],
  argv: [`${PLACE}/owners.so`, ...description.argv],
  user: { uid: 0, gid: 0 },
});
