/** One COPY or ADD: how what it takes is put into the stage's tree. */
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { hostPath, joinTree, nameOf, parentOf, treePathFromUser, type TreePath } from '../core/paths.ts';
import { openWorkTree } from '../system/tree/work-tree.ts';
import { archiveKind, openArchive, unpackArchive } from './archive.ts';
import type { CopyStep } from './build-plan.ts';
import { makeParents, parseModeChange, putItem, setOwner } from './copy-apply.ts';
import type { CopySelection } from './copy-selection.ts';
import type { CopyOrigin, Gathered, Gathering } from './copy-sources.ts';
import type { DownloadedFile } from './host.ts';
import type { OwnedTree } from './layer.ts';
import { findCopyOwner } from './passwd-entry.ts';

export interface PutContext {
  readonly target: OwnedTree;
  /** For xz and bzip2, which the stage's own tools unpack. */
  readonly decompress: (kind: 'xz' | 'bzip2', bytes: Buffer) => Promise<Buffer>;
}

/** @throws ALP_BUILD_INSTRUCTION for an owner the stage does not know, a bad mode, or a file where a directory is */
export async function copyStep(
  step: CopyStep,
  gathering: Gathering,
  { target, decompress }: PutContext,
): Promise<void> {
  const keyword = step.kind.toUpperCase();
  const owner =
    step.flags.chown === undefined ? undefined : findCopyOwner(target.tree, step.flags.chown, `${keyword} --chown`);
  const chmod = step.flags.chmod === undefined ? undefined : parseModeChange(step.flags.chmod);
  const { parts } = (await gathering.open?.()) ?? gathering;
  const place = placeOfCopy(target, step, parts);
  const unpacks = step.kind === 'add' && step.flags.unpack !== false;
  for (const part of parts) {
    if (part.kind !== 'files') {
      const mode = DEFAULT_MODES[part.kind];
      putBytes(part, { target, place, owner, mode: chmod?.(mode, false) ?? mode });
      continue;
    }
    const options = { owner, chmod, keepOwners: part.origin.isStage };
    for (const selection of part.selections) {
      const isUnpacked = unpacks && (await tryUnpack(selection, part.origin, { target, place, owner, decompress }));
      if (!isUnpacked) putSelection(selection, part.origin, { target, place, options });
    }
  }
}

/** Of files that come without a mode of their own. */
const DEFAULT_MODES = { inline: 0o644, download: 0o600 } as const;

interface Destination {
  readonly path: TreePath;
  /** Sources go into it under their names. */
  readonly isDirectory: boolean;
}

function placeOfCopy(target: OwnedTree, step: CopyStep, parts: readonly Gathered[]): Destination {
  const path = target.tree.resolve(treePathFromUser(step.destination));
  const isDirectory = step.destination.endsWith('/') || target.tree.stat(path)?.kind === 'directory';
  const taken = parts.flatMap((part) => (part.kind === 'files' ? part.selections.map(({ kind }) => kind) : ['file']));
  // What a wildcard matches may go into a directory that is there; no file takes the name of another.
  if (taken.length > 1 && !isDirectory && taken.includes('file'))
    throw new AlprootError(
      'ALP_BUILD_INSTRUCTION',
      `${step.kind.toUpperCase()} of several sources needs a directory as destination`,
      { hint: 'end the destination with /' },
    );
  return { path, isDirectory };
}

type PutOptions = Parameters<typeof putItem>[2]['options'];

function putSelection(
  { items, kind }: CopySelection,
  origin: CopyOrigin,
  { target, place, options }: { target: OwnedTree; place: Destination; options: PutOptions },
): void {
  const named = items.some((item) => item.to.includes('/')) && kind !== 'directory';
  if (kind === 'directory' || place.isDirectory || named) {
    // A directory gives its contents: the place they go to is made anew, with neither its mode nor --chmod's.
    makeParents(target, place.path, options.owner);
    for (const item of items) putItem(origin.owned, item, { target, directory: place.path, options });
    return;
  }
  const parent = makeParents(target, parentOf(place.path), options.owner);
  for (const item of items)
    putItem(origin.owned, { ...item, to: nameOf(place.path) as TreePath }, { target, directory: parent, options });
}

function putBytes(
  part: Extract<Gathered, { kind: 'inline' | 'download' }>,
  {
    target,
    place,
    owner,
    mode,
  }: { target: OwnedTree; place: Destination; owner: { uid: number; gid: number } | undefined; mode: number },
): void {
  const wanted = place.isDirectory
    ? joinTree(place.path, Buffer.from(part.name, 'utf8').toString('latin1'))
    : place.path;
  const path = joinTree(makeParents(target, parentOf(wanted), owner), nameOf(wanted));
  target.tree.remove(path);
  if (part.kind === 'inline') {
    target.tree.writeFile(path, Buffer.from(part.text), mode & 0o1777);
    target.tree.setTime(path, 0);
  } else copyDownload(part.download, path, { target, mode });
  setOwner(target, path, { uid: owner?.uid ?? 0, gid: owner?.gid ?? 0, mode });
}

function copyDownload(
  { file, mtime }: DownloadedFile,
  path: TreePath,
  { target, mode }: { target: OwnedTree; mode: number },
): void {
  const cut = file.lastIndexOf('/');
  const tree = openWorkTree(hostPath(file.slice(0, cut) || '/'));
  try {
    target.tree.copyFile(path, { tree, path: treePathFromUser(file.slice(cut + 1)), mode: mode & 0o1777 });
  } finally {
    tree.close();
  }
  target.tree.setTime(path, mtime ?? 0);
}

async function tryUnpack(
  { kind, path, items }: CopySelection,
  { root: { tree }, isStage }: CopyOrigin,
  {
    target,
    place,
    owner,
    decompress,
  }: PutContext & { place: Destination; owner: { uid: number; gid: number } | undefined },
): Promise<boolean> {
  if (kind !== 'file' || isStage || items.length === 0) return false;
  const archive = archiveKind(tree.readHead(path, 512));
  if (archive === undefined) return false;
  const tar = await openArchive(tree.readFile(path, limits.packageFile), archive, decompress);
  if (tar === undefined) return false;
  unpackArchive(tar, { target, directory: place.path, owner });
  return true;
}
