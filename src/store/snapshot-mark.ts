/**
 * The mark of a complete snapshot. The thousands of files of a tree are not forced to the disk one by one, so that
 * after a power failure some may be empty, or hold zeros, where the mark is there. The mark therefore says which boot
 * of which machine made it, and the sizes that the tree has: seen from another boot, the tree is compared with them,
 * and its contents are verified by who knows them, once.
 */
import type { Sha256Hex } from '../core/digest.ts';
import { parseJson } from '../core/json.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import { bootId } from '../system/process/boot.ts';
import { readFileCapped, writeFileAtomic } from '../system/files/files.ts';
import { digestOfSizes } from '../system/tree/tree-size.ts';

const NAME = 'done';

interface Mark {
  /** '' once the tree was seen whole from another boot. */
  readonly boot: string;
  readonly sizes: Sha256Hex;
}

const snapshotTree = (snapshot: HostPath): HostPath => joinHost(snapshot, 'tree');

const writeMark = (snapshot: HostPath, mark: Mark): void =>
  writeFileAtomic(joinHost(snapshot, NAME), `${JSON.stringify(mark)}\n`);

/** The tree under `snapshot` is complete. @throws ALP_STORE_WRITE */
export const markComplete = (snapshot: HostPath): void =>
  writeMark(snapshot, { boot: bootId(), sizes: digestOfSizes(snapshotTree(snapshot)) });

/** Whether the files under a tree hold what they held when it was complete. */
export type Verifier = (tree: HostPath) => Promise<boolean>;

/** Whether a complete tree is there that no power failure can have touched since. */
export function isComplete(snapshot: HostPath): boolean {
  const boot = readMark(snapshot)?.boot;
  return boot === '' || (boot !== undefined && boot === bootId());
}

/** Whether a complete tree is there, and came through every boot since. */
export async function isWhole(
  snapshot: HostPath,
  { readOnly, verify }: { readonly readOnly: boolean; readonly verify: Verifier },
): Promise<boolean> {
  if (isComplete(snapshot)) return true;
  const mark = readMark(snapshot);
  if (mark === undefined || digestOfSizes(snapshotTree(snapshot)) !== mark.sizes) return false;
  if (!(await verify(snapshotTree(snapshot)))) return false;
  if (!readOnly) writeMark(snapshot, { ...mark, boot: '' });
  return true;
}

function readMark(snapshot: HostPath): Mark | undefined {
  try {
    const { boot, sizes } = parseJson(
      readFileCapped(joinHost(snapshot, NAME), 1024)?.toString('utf8') ?? '{}',
    ) as Partial<Mark>;
    return boot === undefined || sizes === undefined ? undefined : { boot, sizes };
  } catch {
    return undefined;
  }
}
