/** A verified minirootfs into an empty tree. */
import type { ByteSource } from '../core/bytes.ts';
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { parseTreePath, TREE_ROOT, type TreePath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { inflateMember } from '../formats/gzip/gzip-member.ts';
import type { Acl } from '../formats/apk/installed-db.ts';
import type { TarEntry, TarSink } from '../formats/tar/tar-entry.ts';
import { createTarReader } from '../formats/tar/tar-reader.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';
import type { SpecialKind } from './omitted.ts';

/** `apply`: owners and special bits are set (root). `record`: they are left to the database and to exports. */
export type OwnerPolicy = 'apply' | 'record';

/** Set-uid and set-gid bits mean nothing good on files that belong to whoever runs alproot. */
export const hostMode = (mode: number, owners: OwnerPolicy): number => (owners === 'apply' ? mode : mode & 0o1777);

export interface UnpackRootfsOptions {
  readonly owners: OwnerPolicy;
  /** Told of each device and pipe, which are never made; may refuse them. */
  readonly onOmitted?: (path: TreePath, kind: SpecialKind) => void;
}

/** One minirootfs while it is unpacked. */
interface RootfsUnpacking extends UnpackRootfsOptions {
  readonly source: ByteSource;
  readonly tree: WorkTree;
  readonly acls: Map<TreePath, Acl>;
  /** Their modes and times are set last, so that what they hold can be written. */
  readonly directories: { readonly path: TreePath; readonly mode: number; readonly mtime: number }[];
}

/**
 * @param source the whole gzip file, whose digest or signature was checked
 * @returns owners and modes as the archive has them
 * @throws ALP_UNPACK_*, ALP_FORMAT_*, ALP_LIMIT_SIZE
 */
export function unpackRootfs(source: ByteSource, tree: WorkTree, options: UnpackRootfsOptions): Map<TreePath, Acl> {
  const unpacking: RootfsUnpacking = { ...options, source, tree, acls: new Map(), directories: [] };
  const reader = createTarReader({ entry: (entry) => unpackEntry(unpacking, entry) }, 'rootfs');
  const { end } = inflateMember(source, 0, {
    maxBytes: limits.unpacked,
    limitName: 'unpacked',
    header: 'any',
    onInflated: reader.push,
  });
  reader.finish();
  if (end !== source.sizeBytes)
    throw new AlprootError('ALP_FORMAT_GZIP', `bytes after the end of ${quoteName(source.name)}`);
  for (const { path, mode, mtime } of unpacking.directories.reverse()) {
    tree.setMode(path, mode);
    tree.setTime(path, mtime);
  }
  return unpacking.acls;
}

function unpackEntry(unpacking: RootfsUnpacking, entry: TarEntry): TarSink | undefined {
  const name = entry.path.replace(/^(?:\.\/)+/, '');
  if (name === '' || name === '.') {
    if (entry.kind !== 'directory')
      throw new AlprootError('ALP_UNPACK_PATH', `the root of ${quoteName(unpacking.source.name)} is a ${entry.kind}`);
    return undefined;
  }
  const path = parseTreePath(name);
  unpacking.acls.set(path, { uid: entry.uid, gid: entry.gid, mode: entry.mode });
  const sink = createEntry(unpacking, entry, path);
  if (sink === undefined && entry.kind !== 'hardlink') setEntryOwner(unpacking, entry, path);
  return sink;
}

function createEntry(unpacking: RootfsUnpacking, entry: TarEntry, path: TreePath): TarSink | undefined {
  const { tree, owners, directories, acls, onOmitted } = unpacking;
  switch (entry.kind) {
    case 'directory':
      tree.makeDirectory(path, 0o755);
      directories.push({ path, mode: hostMode(entry.mode, owners), mtime: entry.mtime });
      return undefined;
    case 'symlink':
      tree.makeSymlink(path, entry.target);
      return undefined;
    case 'hardlink':
      tree.makeHardLink(path, parseTreePath(entry.target.replace(/^(?:\.\/)+/, '')));
      return undefined;
    case 'file':
      return fileSink(unpacking, entry, path);
    default:
      acls.delete(path);
      onOmitted?.(path, entry.kind);
      return undefined;
  }
}

function fileSink({ tree, owners }: RootfsUnpacking, entry: TarEntry, path: TreePath): TarSink {
  const file = tree.createFile(path);
  return {
    write: file.write,
    close: () => {
      if (owners === 'apply') tree.setOwner(path, entry);
      file.finish(hostMode(entry.mode, owners), entry.mtime);
    },
  };
}

function setEntryOwner({ tree, owners }: RootfsUnpacking, { kind, uid, gid }: TarEntry, path: TreePath): void {
  if (owners === 'apply' && path !== TREE_ROOT && (kind === 'directory' || kind === 'symlink'))
    tree.setOwner(path, { uid, gid });
}
