/**
 * The shim under apk's path while a RUN runs, in the tree itself: a mount over the file could not be removed, and
 * hardened images remove apk. The tree's own is moved out meanwhile and restored, unless the RUN has removed or
 * replaced it.
 */
import { joinHost, treePathFromUser, type HostPath, type TreePath } from '../core/paths.ts';
import type { TreeStat } from '../system/tree/tree-stat.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';
import { APK_SHIM } from './apk-shim.ts';
import type { OwnedTree } from './layer.ts';
import { makeMissingParents, removeEmptyDirectories } from './missing-parents.ts';

export interface InjectedApk {
  readonly isInjected: boolean;
  /** Injects the shim again, after a call that may have installed or removed apk. */
  readonly renew: () => void;
  /** Does the work while the tree's own is there. */
  readonly without: <T>(work: () => Promise<T>) => Promise<T>;
  /** @returns files that are as they were before, but for their change time */
  readonly restore: () => readonly TreePath[];
}

const SHIM = Buffer.from(APK_SHIM);
const NONE: InjectedApk = { isInjected: false, renew: () => undefined, without: (work) => work(), restore: () => [] };

/** What is known of an injection while it lasts. */
interface Injection {
  readonly target: OwnedTree;
  /** Where apk is. */
  readonly path: TreePath;
  /** Where the tree's own apk is meanwhile. */
  readonly staging: HostPath;
  /** The tree's own, as it was; undefined where there is none. */
  original: TreeStat | undefined;
  /** Directories made for the shim, deepest first. */
  readonly made: TreePath[];
}

/** Nothing is injected into a tree that has neither apk nor its database. */
export function injectApk(target: OwnedTree, scratch: HostPath): InjectedApk {
  const { tree } = target;
  const path = tree.resolve(treePathFromUser('sbin/apk'));
  const database = tree.resolve(treePathFromUser('lib/apk/db/installed'));
  if (tree.stat(path)?.kind !== 'file' && tree.stat(database)?.kind !== 'file') return NONE;
  const staging = joinHost(scratch, 'apk-of-the-tree');
  const injection: Injection = { target, path, staging, original: undefined, made: [] };
  injectShim(injection);
  return {
    isInjected: true,
    renew: () => injectShim(injection),
    restore: () => restoreApk(injection),
    without: async (work) => {
      restoreApk(injection);
      try {
        return await work();
      } finally {
        injectShim(injection);
      }
    },
  };
}

function injectShim(injection: Injection): void {
  const { target, path, staging } = injection;
  const { tree, real } = target;
  const found = tree.stat(path);
  if (isShim(tree, path, found) || (found !== undefined && found.kind !== 'file')) return;
  injection.original = found;
  if (found === undefined) injection.made.push(...makeMissingParents(tree, path));
  else tree.moveOut(path, staging);
  tree.writeFile(path, SHIM, found?.mode ?? 0o755);
  if (real && found !== undefined) tree.setOwner(path, found);
}

function restoreApk({ target, path, staging, original, made }: Injection): readonly TreePath[] {
  const { tree, real } = target;
  const found = tree.stat(path);
  if (found === undefined || !isShim(tree, path, found)) return [];
  tree.remove(path);
  if (original === undefined) {
    removeEmptyDirectories(tree, made);
    return [];
  }
  tree.moveIn(staging, path);
  // What the RUN did to the shim was meant for the one whose path it had.
  const isChanged =
    found.mode !== original.mode || (real && (found.uid !== original.uid || found.gid !== original.gid));
  if (real && isChanged) tree.setOwner(path, found);
  if (isChanged) tree.setMode(path, found.mode);
  return isChanged ? [] : [path];
}

const isShim = (tree: WorkTree, path: TreePath, found: TreeStat | undefined): boolean =>
  found?.kind === 'file' && found.sizeBytes === SHIM.length && tree.readFile(path, SHIM.length).equals(SHIM);
