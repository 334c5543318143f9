/**
 * The shim in apk's place while a RUN runs, in the tree itself: a mount over the file could not be removed, and
 * hardened images remove apk. The tree's own lies outside meanwhile and comes back, unless the RUN has removed or
 * replaced it.
 */
import { joinHost, parentOf, TREE_ROOT, treePathFromUser, type HostPath, type TreePath } from '../core/paths.ts';
import type { TreeStat } from '../system/tree/tree-stat.ts';
import { APK_SHIM } from './apk-shim.ts';
import type { OwnedTree } from './layer.ts';

export interface InjectedApk {
  readonly isInjected: boolean;
  /** Puts the shim in its place again, after a call that may have installed or removed apk. */
  readonly renew: () => void;
  /** Does the work while the tree's own is there. */
  readonly without: <T>(work: () => Promise<T>) => Promise<T>;
  /** @returns files that are as they were before, but for their change time */
  readonly restore: () => readonly TreePath[];
}

const SHIM = Buffer.from(APK_SHIM);
const NONE: InjectedApk = { isInjected: false, renew: () => undefined, without: (work) => work(), restore: () => [] };

/** Lends nothing to a tree that has neither apk nor its database. */
export function injectApk(target: OwnedTree, scratch: HostPath): InjectedApk {
  const { tree, real } = target;
  const path = tree.resolve(treePathFromUser('sbin/apk'));
  const staging = joinHost(scratch, 'apk-of-the-tree');
  const database = tree.resolve(treePathFromUser('lib/apk/db/installed'));
  if (tree.stat(path)?.kind !== 'file' && tree.stat(database)?.kind !== 'file') return NONE;
  let original: TreeStat | undefined;
  const made: TreePath[] = [];

  const isShim = (found: TreeStat | undefined): boolean =>
    found?.kind === 'file' && found.sizeBytes === SHIM.length && tree.readFile(path, SHIM.length).equals(SHIM);

  const inject = (): void => {
    const found = tree.stat(path);
    if (isShim(found) || (found !== undefined && found.kind !== 'file')) return;
    original = found;
    if (found === undefined) makeParents();
    else tree.moveOut(path, staging);
    tree.writeFile(path, SHIM, found?.mode ?? 0o755);
    if (real && found !== undefined) tree.setOwner(path, found);
  };

  const makeParents = (): void => {
    const missing: TreePath[] = [];
    for (let at = parentOf(path); at !== TREE_ROOT && tree.stat(at) === undefined; at = parentOf(at)) missing.push(at);
    for (const at of [...missing].reverse()) tree.makeDirectory(at, 0o755);
    made.push(...missing);
  };

  const restore = (): readonly TreePath[] => {
    const found = tree.stat(path);
    if (found === undefined || !isShim(found)) return [];
    tree.remove(path);
    if (original === undefined) {
      for (const at of made) if (tree.stat(at)?.kind === 'directory' && tree.list(at).length === 0) tree.remove(at);
      return [];
    }
    tree.moveIn(staging, path);
    // What the RUN did to the shim was meant for the one whose place it had.
    const isChanged =
      found.mode !== original.mode || (real && (found.uid !== original.uid || found.gid !== original.gid));
    if (real && isChanged) tree.setOwner(path, found);
    if (isChanged) tree.setMode(path, found.mode);
    return isChanged ? [] : [path];
  };

  inject();
  return {
    isInjected: true,
    renew: inject,
    restore,
    without: async (work) => {
      restore();
      try {
        return await work();
      } finally {
        inject();
      }
    },
  };
}
