/** The target stage's files as a directory or as one tar. */
import type { HostPath } from '../core/paths.ts';
import { joinTree, TREE_ROOT, type TreePath } from '../core/paths.ts';
import { clampTarTimes } from '../formats/tar-times.ts';
import { openWorkTree } from '../system/work-tree.ts';
import { formatLayer, type OwnedTree } from './layer.ts';
import { diskMode, ownedMode } from './owners.ts';
import { compareStates, scanTree } from './tree-scan.ts';

/** The whole file system as a tar, owners and set-id bits included; times later than `epoch` put down to it. */
export function* formatRootfs(target: OwnedTree, epoch: number | undefined): Generator<Buffer> {
  const changes = compareStates(new Map(), scanTree(target.tree, target.owners));
  const tar = formatLayer(target, changes, { directoryTimes: true });
  yield* epoch === undefined ? tar : clampTarTimes(tar, epoch);
}

/**
 * Copies the files into an existing empty directory. An ordinary user's files are the user's, without set-id bits and with
 * every directory open to the user; root's get the owners of the image.
 */
export function writeDirectory(source: OwnedTree, directory: HostPath, epoch: number | undefined): void {
  const target = openWorkTree(directory);
  const later: (() => void)[] = [];
  const linked = new Map<number, TreePath>();
  const copy = (path: TreePath): void => {
    const stat = source.tree.stat(path);
    if (stat === undefined || stat.kind === 'other') return;
    const owned = ownedMode(path, stat, source);
    const mode = source.real ? owned.mode : diskMode(owned.mode, stat.kind);
    const first = stat.kind === 'file' && stat.linkCount > 1 ? linked.get(stat.ino) : undefined;
    if (stat.kind === 'directory') target.makeDirectory(path, mode | 0o700);
    else if (stat.kind === 'symlink') target.makeSymlink(path, source.tree.readLink(path));
    else if (first !== undefined) target.makeHardLink(path, first);
    else target.copyFile(path, { tree: source.tree, path, mode });
    if (stat.kind === 'file' && first === undefined) linked.set(stat.ino, path);
    const finish = (): void => {
      if (source.real) target.setOwner(path, owned);
      if (stat.kind !== 'symlink') target.setMode(path, mode);
      target.setTime(path, epoch === undefined ? stat.mtime : Math.min(epoch, stat.mtime));
    };
    if (stat.kind !== 'directory') finish();
    else {
      later.push(finish);
      for (const name of source.tree.list(path)) copy(joinTree(path, name));
    }
  };
  try {
    for (const name of source.tree.list(TREE_ROOT)) copy(joinTree(TREE_ROOT, name));
    for (const finish of later.reverse()) finish();
  } finally {
    target.close();
  }
}
