/** Places in a tree for the sandbox's mounts: made when missing, and taken away again so that no layer shows them. */
import { AlprootError } from '../core/errors.ts';
import { parentOf, TREE_ROOT, type TreePath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import type { OwnedTree } from './layer.ts';

export interface MountPoint {
  /** Free of links, ready to be mounted on. */
  readonly path: TreePath;
  /** What had to be made, deepest first. */
  readonly made: readonly TreePath[];
}

/** @throws ALP_BUILD_INSTRUCTION when something of the other kind is in the way */
export function makeMountPoint({ tree }: OwnedTree, wanted: TreePath, kind: 'file' | 'directory'): MountPoint {
  const path = tree.resolve(wanted);
  const made: TreePath[] = [];
  const ensure = (at: TreePath, as: 'file' | 'directory'): void => {
    const found = tree.stat(at);
    if (found?.kind === as || at === TREE_ROOT) return;
    if (found !== undefined)
      throw new AlprootError('ALP_BUILD_INSTRUCTION', `cannot mount on ${quoteName(`/${at}`)}: it is no ${as}`);
    ensure(parentOf(at), 'directory');
    if (as === 'directory') tree.makeDirectory(at, 0o755);
    else tree.writeFile(at, Buffer.alloc(0), 0o644);
    made.unshift(at);
  };
  ensure(path, kind);
  return { path, made };
}

/** Removes what is still as it was made: empty. */
export function removeMountPoints({ tree }: OwnedTree, points: readonly MountPoint[]): void {
  for (const path of [...points].reverse().flatMap((point) => point.made)) {
    const found = tree.stat(path);
    const empty =
      found?.kind === 'directory' ? tree.list(path).length === 0 : found?.kind === 'file' && found.sizeBytes === 0;
    if (empty) tree.remove(path);
  }
}
