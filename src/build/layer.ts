/**
 * Layers: the changes of one step as an uncompressed OCI layer tar, and such a tar put back onto a tree. Owners,
 * set-id bits and attributes travel in the tar whatever the disk can hold.
 *
 * @see OCI image-spec 1.1 `layer.md` (whiteouts)
 */
import { bufferFor } from '../core/bytes.ts';
import { AlprootError } from '../core/errors.ts';
import { joinTree, nameOf, parentOf, parseTreePath, type HostPath, type TreePath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import type { TarEntry, TarHandler, TarSink } from '../formats/tar/tar-entry.ts';
import { createTarReader } from '../formats/tar/tar-reader.ts';
import { formatTarFile, formatTarItem, TAR_END, type TarItem } from '../formats/tar/tar-writer.ts';
import { closeDescriptor, descriptorSource, hashOf, openRegular } from '../system/files/hashed-file.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';
import type { StoredLayer } from './host.ts';
import {
  diskMode,
  forgetOwners,
  isBeyondDisk,
  type OwnedMode,
  ownedMode,
  type OwnerRecord,
  type OwnerTable,
} from './owners.ts';
import type { TreeChanges } from './tree-scan.ts';

const WHITEOUT = '.wh.';
/** What is put on disk for an ordinary user: no set-user-id, no set-group-id. */
const SAFE_MODE = 0o1777;

export interface OwnedTree {
  readonly tree: WorkTree;
  readonly owners: OwnerTable;
  /** Owners on disk are the image's. */
  readonly real: boolean;
}

export interface LayerOptions {
  /** Off for steps: a directory's time is that of the build, and would make the same step another layer. */
  readonly directoryTimes: boolean;
}

/** The tar of some changes, piece by piece. */
export function* formatLayer(
  { tree, owners, real }: OwnedTree,
  { changed, removed }: TreeChanges,
  { directoryTimes }: LayerOptions,
): Generator<Buffer> {
  const firstOfInode = new Map<number, TreePath>();
  for (const path of removed)
    yield formatTarItem({
      kind: 'file',
      bytes: Buffer.alloc(0),
      path: joinTree(parentOf(path), WHITEOUT + nameOf(path)),
      mode: 0o644,
    });
  for (const { path, stat } of changed) {
    if (nameOf(path).startsWith(WHITEOUT))
      throw new AlprootError(
        'ALP_BUILD_INSTRUCTION',
        `${quoteName(path)}: names that start with ${WHITEOUT} mean removals in layers`,
      );
    const owned = ownedMode(path, stat, { owners, real });
    const common = {
      path,
      ...ownership(owned),
      mtime: stat.kind === 'directory' && !directoryTimes ? 0 : Math.max(0, Math.floor(stat.mtime)),
    };
    const first = stat.kind === 'file' && stat.linkCount > 1 ? firstOfInode.get(stat.ino) : undefined;
    if (stat.kind === 'file') firstOfInode.set(stat.ino, first ?? path);
    if (first !== undefined) yield formatTarItem({ kind: 'hardlink', target: first, ...common });
    else if (stat.kind === 'symlink')
      yield formatTarItem({ kind: 'symlink', target: tree.readLink(path), ...common, mode: 0o777 });
    else if (stat.kind === 'directory') yield formatTarItem({ kind: 'directory', ...common });
    else yield* formatTarFile(common, stat.sizeBytes, tree.readPieces(path, stat.sizeBytes));
  }
  yield TAR_END;
}

function ownership({
  uid,
  gid,
  mode,
  xattrs,
}: OwnedMode): Pick<TarItem, 'uid' | 'gid' | 'uname' | 'gname' | 'mode' | 'pax'> {
  const pax = Object.fromEntries(
    Object.entries(xattrs)
      .sort()
      .map(([name, value]) => [`SCHILY.xattr.${name}`, value]),
  );
  return { uid, gid, uname: '', gname: '', mode, ...(Object.keys(pax).length === 0 ? {} : { pax }) };
}

/**
 * The bytes of a stored layer, hashed through the descriptor that then reads them.
 *
 * @throws ALP_STORE_DAMAGED for other bytes than were stored; `layer` of its facts is the file
 */
export function* readLayer({ file, sha256 }: StoredLayer): Generator<Buffer> {
  const fd = openRegular(file);
  try {
    const source = fd === undefined ? undefined : descriptorSource(fd, file);
    if (source === undefined || hashOf(source) !== sha256) throw damaged(file);
    for (let at = 0; at < source.sizeBytes;) {
      const buffer = bufferFor(source);
      const count = source.read(buffer, at);
      if (count === 0) throw damaged(file);
      yield buffer.subarray(0, count);
      at += count;
    }
  } finally {
    if (fd !== undefined) closeDescriptor(fd);
  }
}

const damaged = (layer: HostPath): AlprootError =>
  new AlprootError('ALP_STORE_DAMAGED', 'a step in the cache is damaged; the rest of the store is untouched', {
    hint: 'build with --no-cache to make it again',
    facts: { layer },
  });

/**
 * Puts a layer onto a tree.
 *
 * @param chunks the tar, see readLayer
 * @throws ALP_FORMAT_TAR, ALP_UNPACK_PATH for a tar that is not a layer
 */
export function applyLayer(target: OwnedTree, chunks: Iterable<Uint8Array>): void {
  const times: [TreePath, number][] = [];
  const reader = createTarReader(layerHandler(target, times), 'layer');
  for (const chunk of chunks) reader.push(chunk);
  reader.finish();
  // Directories last and deepest first, since filling them changes their times.
  for (const [path, mtime] of times.reverse()) target.tree.setTime(path, mtime);
}

function layerHandler(target: OwnedTree, times: [TreePath, number][]): TarHandler {
  return {
    entry: (entry) => {
      const path = parseTreePath(entry.path);
      if (nameOf(path).startsWith(WHITEOUT)) {
        const gone = joinTree(parentOf(path), nameOf(path).slice(WHITEOUT.length));
        target.tree.remove(gone);
        forgetOwners(target.owners, gone);
        return undefined;
      }
      clearPath(target, path, entry);
      return makeEntry(target, path, { entry, times });
    },
  };
}

function clearPath({ tree, owners }: OwnedTree, path: TreePath, entry: TarEntry): void {
  const found = tree.stat(path);
  if (found === undefined || (found.kind === 'directory' && entry.kind === 'directory')) return;
  tree.remove(path);
  forgetOwners(owners, path);
}

function makeEntry(
  target: OwnedTree,
  path: TreePath,
  { entry, times }: { entry: TarEntry; times: [TreePath, number][] },
): TarSink | undefined {
  const { tree } = target;
  const finish = (): void => {
    recordOwner(target, path, entry);
    if (entry.kind === 'directory') times.push([path, entry.mtime]);
    else tree.setTime(path, entry.mtime);
  };
  switch (entry.kind) {
    case 'directory':
      if (tree.stat(path) === undefined) tree.makeDirectory(path, diskMode(entry.mode, 'directory'));
      else tree.setMode(path, diskMode(entry.mode, 'directory'));
      break;
    case 'symlink':
      tree.makeSymlink(path, entry.target);
      break;
    case 'hardlink':
      tree.makeHardLink(path, parseTreePath(entry.target));
      break;
    case 'file':
      return fileSink(tree, path, { entry, finish });
    default:
      throw new AlprootError('ALP_FORMAT_TAR', `a layer cannot hold a ${entry.kind}: ${quoteName(path)}`);
  }
  finish();
  return undefined;
}

function fileSink(
  tree: WorkTree,
  path: TreePath,
  { entry, finish }: { entry: TarEntry; finish: () => void },
): TarSink {
  const file = tree.createFile(path);
  return {
    write: file.write,
    close: () => {
      file.finish(entry.mode & SAFE_MODE, entry.mtime);
      finish();
    },
  };
}

function recordOwner({ tree, owners, real }: OwnedTree, path: TreePath, entry: TarEntry): void {
  const xattrs = Object.fromEntries(entry.xattrs);
  const special =
    entry.kind !== 'symlink' && isBeyondDisk(entry.mode, entry.kind === 'directory' ? 'directory' : 'file');
  if (real) {
    // Root's files are root's already.
    if (entry.uid !== 0 || entry.gid !== 0) tree.setOwner(path, entry);
    if (special) tree.setMode(path, entry.mode);
  }
  const record: OwnerRecord = {
    uid: entry.uid,
    gid: entry.gid,
    ...(special && !real ? { mode: entry.mode } : {}),
    ...(Object.keys(xattrs).length === 0 ? {} : { xattrs }),
  };
  const plain = real || (record.uid === 0 && record.gid === 0 && record.mode === undefined);
  if (plain && record.xattrs === undefined) owners.delete(path);
  else owners.set(path, record);
}
