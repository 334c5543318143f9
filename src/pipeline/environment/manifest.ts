/** What lies beside the tree of an environment in the store: what is in it, and what it was made of. */
import type { Sha256Hex } from '../../core/digest.ts';
import { joinHost, parentOfHost, type HostPath } from '../../core/paths.ts';
import { isRecorded, type Recorded } from '../../ship/recording.ts';
import { readSealed, writeSealed } from '../../system/files/sealed-file.ts';
import type { WriteOptions } from '../../system/files/files.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import type { OwnContents } from '../../unpack/tree-contents.ts';
import { chooseBackend } from '../session/backend-choice.ts';
import type { Session } from '../session/session.ts';

/** What is in a tree. */
export interface Contents {
  readonly release: string;
  /** `name-version` of all packages, sorted. */
  readonly packages: readonly string[];
}

export interface Environment extends Contents {
  readonly tree: HostPath;
  readonly key: Sha256Hex;
  /** For locks. */
  readonly recorded: Recorded;
}

/** Beside the tree: what is in it, and what it was made of. */
export const MANIFEST = 'environment.json';
export const RECORDED = 'recorded.json';
/** The digests of the files that no package brought. */
export const CONTENTS = 'contents.json';
const MANIFEST_BYTES = 16 * 1024 * 1024;

/** A file beside the tree of a snapshot. */
export const writeBeside = (tree: HostPath, name: string, value: unknown, options?: WriteOptions): void =>
  writeSealed(joinHost(parentOfHost(tree), name), value, options);

/** undefined when it is missing or damaged. */
const readBeside = (tree: HostPath, name: string): unknown =>
  readSealed(joinHost(parentOfHost(tree), name), MANIFEST_BYTES);

/** After another boot: a power failure may have taken from files what was not on the disk yet. */
async function isUntouched(root: HostPath): Promise<boolean> {
  const own = readBeside(root, CONTENTS) as OwnContents | undefined;
  if (own === undefined) return false;
  const [{ hasItsContents }, { openWorkTree }] = await Promise.all([
    import('../../unpack/tree-contents.ts'),
    import('../../system/tree/work-tree.ts'),
  ]);
  const tree = openWorkTree(root);
  try {
    return hasItsContents(tree, own);
  } finally {
    tree.close();
  }
}

/** One that is damaged, or whose package scripts could not be run when they can be now, is none any more. */
export async function findEnvironment(session: Session, key: Sha256Hex): Promise<Environment | undefined> {
  const tree = await session.store.findSnapshot(key, isUntouched);
  if (tree === undefined) return undefined;
  const manifest = readBeside(tree, MANIFEST) as (Contents & { skippedScripts?: true }) | undefined;
  const recorded = readBeside(tree, RECORDED);
  if (
    manifest === undefined ||
    !isRecorded(recorded) ||
    (manifest.skippedScripts === true && (await chooseBackend(session, tree)).showsTree)
  ) {
    removeTree(parentOfHost(tree));
    return undefined;
  }
  return { tree, key, release: manifest.release, packages: manifest.packages, recorded };
}
