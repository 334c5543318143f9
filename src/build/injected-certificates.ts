/**
 * CA certificates injected into the tree itself for a RUN: a mount over the file would keep `update-ca-certificates`
 * from replacing it. While packages are installed, and after the RUN, the tree is as it would be without them.
 */
import { limits } from '../core/limits.ts';
import type { TreePath } from '../core/paths.ts';
import {
  certificateFiles,
  withoutInjected,
  type InjectedFile,
  type InjectedNetworkFiles,
} from '../run/network-files.ts';
import type { TreeStat } from '../system/tree/tree-stat.ts';
import type { OwnedTree } from './layer.ts';
import { makeMissingParents, removeEmptyDirectories } from './missing-parents.ts';

export interface InjectedCertificates {
  /** Does the work on the tree without them. */
  readonly without: <T>(work: () => Promise<T>) => Promise<T>;
  /** @returns files that are as they were before, but for their change time */
  readonly restore: () => readonly TreePath[];
}

interface Injected extends InjectedFile {
  readonly stat: TreeStat | undefined;
  /** Directories made for it, deepest first. */
  readonly made: readonly TreePath[];
}

/** @param injection undefined injects nothing */
export function injectCertificates(
  target: OwnedTree,
  injection: InjectedNetworkFiles | undefined,
): InjectedCertificates {
  let injected = injection === undefined ? [] : inject(target, injection);
  const first = injected;
  const restore = (): void => {
    // In reverse, so that a directory made for several goes with the last of them.
    for (const file of [...injected].reverse()) restoreFile(target, file);
    injected = [];
  };
  return {
    restore: () => {
      restore();
      return first.filter((file) => isAsBefore(target, file)).map(({ path }) => path);
    },
    without: async (work) => {
      restore();
      try {
        return await work();
      } finally {
        injected = injection === undefined ? [] : inject(target, injection);
      }
    },
  };
}

function isAsBefore({ tree }: OwnedTree, { path, original, stat }: Injected): boolean {
  const found = tree.stat(path);
  if (found?.kind !== 'file' || original === undefined || found.mode !== stat?.mode || found.mtime !== stat.mtime)
    return false;
  return tree.readFile(path, limits.packageFile).equals(original);
}

function inject(target: OwnedTree, injection: InjectedNetworkFiles): Injected[] {
  return certificateFiles(target.tree, injection).map((file) => {
    const stat = target.tree.stat(file.path);
    const made = makeMissingParents(target.tree, file.path);
    replace(target, file.path, { bytes: file.bytes, stat });
    return { ...file, stat, made };
  });
}

function restoreFile(target: OwnedTree, file: Injected): void {
  const { tree } = target;
  const { path, original, stat, made } = file;
  const found = tree.stat(path);
  if (found?.kind === 'file') {
    const now = tree.readFile(path, limits.packageFile);
    const remaining = withoutInjected(now, file);
    if (original === undefined && remaining.length === 0) tree.remove(path);
    // What the command wrote keeps its time, what it left alone the time that it had.
    else if (remaining.length < now.length)
      replace(target, path, {
        bytes: remaining,
        stat: original !== undefined && remaining.equals(original) && found.mode === stat?.mode ? stat : found,
      });
  }
  if (tree.stat(path) === undefined) removeEmptyDirectories(tree, made);
}

function replace(
  { tree, real }: OwnedTree,
  path: TreePath,
  { bytes, stat }: { readonly bytes: Buffer; readonly stat: TreeStat | undefined },
): void {
  tree.remove(path);
  tree.writeFile(path, bytes, (stat?.mode ?? 0o644) & 0o7777);
  if (stat === undefined) return;
  if (real) tree.setOwner(path, stat);
  tree.setTime(path, stat.mtime);
}
