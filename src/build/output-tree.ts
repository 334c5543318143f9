/** The target stage's files as a directory or as one tar. */
import type { HostPath } from '../core/paths.ts';
import { joinTree, parentOfHost, TREE_ROOT, type TreePath } from '../core/paths.ts';
import { AlprootError } from '../core/errors.ts';
import { quoteName, showName } from '../core/redact.ts';
import { lacksOf } from '../system/files/file-system-probe.ts';
import type { TreeStat } from '../system/tree/tree-stat.ts';
import { openWorkTree } from '../system/tree/work-tree.ts';
import { formatLayer, type OwnedTree } from './layer.ts';
import { diskMode, ownedMode } from './owners.ts';
import { compareStates, scanTree } from './tree-scan.ts';

/** The whole file system as a tar, owners and set-id bits included; times later than `epoch` put down to it. */
export function* formatRootfs(target: OwnedTree, epoch: number | undefined): Generator<Buffer> {
  const { changed, removed } = compareStates(new Map(), scanTree(target.tree, target.owners));
  const timed = changed.map((entry) => ({ ...entry, stat: { ...entry.stat, mtime: timeOf(entry.stat, epoch) } }));
  yield* formatLayer(target, { changed: timed, removed }, { directoryTimes: true });
}

/**
 * Layers have no times of directories. Without a layer it would be that of the build, which is later than any epoch.
 */
function timeOf({ kind, mtime }: TreeStat, epoch: number | undefined): number {
  if (epoch === undefined) return mtime;
  return kind === 'directory' && mtime === 0 ? epoch : Math.min(epoch, mtime);
}

/**
 * Refuses a file system that cannot hold what the image has; one file for a stick needs less than a whole tree does.
 *
 * @param place where the directory will be
 * @throws ALP_FILE_WRITE naming what is lacking, and for which file
 */
export function requireFittingPlace(source: OwnedTree, place: HostPath): void {
  const lacks = lacksOf(place);
  if (lacks.length === 0) return;
  const folded = new Map<string, TreePath>();
  const refuse = (path: TreePath, why: string): never => {
    throw new AlprootError(
      'ALP_FILE_WRITE',
      `cannot write ${quoteName(path)} to ${quoteName(parentOfHost(place))}: ${why}`,
      { hint: 'write it as one file, with -o type=tar,dest=FILE, or choose a place on a file system of Linux' },
    );
  };
  source.tree.walk((path, { kind }) => {
    if (kind === 'symlink' && lacks.includes('symbolic links')) refuse(path, 'its file system has no symbolic links');
    const name = Buffer.from(path, 'latin1').toString('utf8').toLowerCase();
    const duplicate = folded.get(name);
    if (duplicate !== undefined && lacks.includes('names that differ in case only'))
      refuse(path, `its file system takes it for ${showName(duplicate)}`);
    folded.set(name, path);
    return true;
  });
}

/**
 * Copies the files into an existing empty directory. An ordinary user's files are the user's, without set-id bits and
 * with every directory open to the user; root's get the owners of the image.
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
      target.setTime(path, timeOf(stat, epoch));
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
