/** Directories made above an injected file, so that they can go with it. */
import { parentOf, TREE_ROOT, type TreePath } from '../core/paths.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';

/** @returns what was made, deepest first */
export function makeMissingParents(tree: WorkTree, path: TreePath): TreePath[] {
  const made: TreePath[] = [];
  for (let at = parentOf(path); at !== TREE_ROOT && tree.stat(at) === undefined; at = parentOf(at)) made.push(at);
  for (const at of [...made].reverse()) tree.makeDirectory(at, 0o755);
  return made;
}

/** @param directories deepest first */
export function removeEmptyDirectories(tree: WorkTree, directories: readonly TreePath[]): void {
  for (const at of directories) if (tree.stat(at)?.kind === 'directory' && tree.list(at).length === 0) tree.remove(at);
}
