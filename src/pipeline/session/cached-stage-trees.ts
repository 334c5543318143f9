/**
 * Trees of builds that outlive them: `trees/NAME/tree`, with a record beside it. Taken and put back by renames, so a
 * tree has one user at a time; those of another boot are not trusted, since a power failure may have
 * taken from their files.
 */
import type { CachedStageTrees } from '../../build/host.ts';
import { isAlprootError } from '../../core/errors.ts';
import { joinHost, type HostPath } from '../../core/paths.ts';
import type { Store } from '../../store/store.ts';
import { bootId } from '../../system/process/boot.ts';
import { makeDirectory, moveDirectory } from '../../system/files/host-directories.ts';
import { exists } from '../../system/files/host-paths.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { readSealed, writeSealed } from '../../system/files/sealed-file.ts';

const RECORD = 'record.json';
const RECORD_BYTES = 128 * 1024 * 1024;
export const TREES = 'trees';

export function cachedStageTrees(store: Store): CachedStageTrees {
  const placeOf = (name: string): HostPath => store.path(TREES, name);
  return {
    take: (name, into) => {
      const place = placeOf(name);
      if (store.readOnly || !exists(place)) return undefined;
      return quietly(() => (moveDirectory(place, into) ? readRecord(into) : undefined));
    },
    put: (name, directory, record) => {
      if (store.readOnly) return;
      quietly(() => {
        writeSealed(joinHost(directory, RECORD), { boot: bootId(), record }, { durable: false });
        makeDirectory(store.path(TREES));
        discard(store, placeOf(name));
        moveDirectory(directory, placeOf(name));
      });
    },
  };
}

/** Removes what is kept, out of its place first: whoever takes it meanwhile has it whole or not at all. */
export function discard(store: Store, place: HostPath): void {
  if (!exists(place)) return;
  const staged = store.makeTemporary('discarded');
  try {
    moveDirectory(place, joinHost(staged, 'tree'));
  } catch (error) {
    // Another process was first.
    if (exists(place)) throw error;
  } finally {
    removeTree(staged);
  }
}

function readRecord(directory: HostPath): unknown {
  const { boot = '', record } = (readSealed(joinHost(directory, RECORD), RECORD_BYTES) ?? {}) as {
    boot?: string;
    record?: unknown;
  };
  return boot === bootId() && boot !== '' ? record : undefined;
}

/** A build does not fail because a tree could not be kept; without one it takes longer. */
function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isAlprootError(error)) return undefined;
    throw error;
  }
}
