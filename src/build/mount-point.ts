/** Mount points in a tree for a RUN, made when missing; they are removed after it, so that no layer shows them. */
import { AlprootError } from '../core/errors.ts';
import { parentOf, TREE_ROOT, type TreePath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import type { OwnedTree } from './layer.ts';

export interface MountPoint {
  /** Free of links, ready to be mounted on. */
  readonly path: TreePath;
  /** What had to be made, deepest last. */
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
      throw new AlprootError('ALP_BUILD_INSTRUCTION', `cannot mount on ${quoteName(`/${at}`)}: it is not a ${as}`);
    ensure(parentOf(at), 'directory');
    if (as === 'directory') tree.makeDirectory(at, 0o755);
    else tree.writeFile(at, Buffer.alloc(0), 0o644);
    made.push(at);
  };
  ensure(path, kind);
  return { path, made };
}
