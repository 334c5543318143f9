/** Writes one entry of a package to where its placement says, and notes it in the state of the tree. */
import { createHash } from 'node:crypto';
import { contentHash } from '../core/digest.ts';
import { nameOf, parentOf, type TreePath } from '../core/paths.ts';
import type { Acl } from '../formats/apk/installed-db.ts';
import { noOriginal, refusal, targetDigest } from '../formats/apk/package-entries.ts';
import type { TarEntry, TarSink } from '../formats/tar/tar-entry.ts';
import type { TreeFileWriter } from '../system/tree/tree-file.ts';
import { hostMode } from './minirootfs-unpack.ts';
import { addDirectory } from './owned-directories.ts';
import { fileChecksum } from './package-removal.ts';
import type { EntryPlacement, Placement, Unpacking } from './placement.ts';
import { freeName } from './temporary-files.ts';
import { ownDirectory, type LiveFile } from './tree-state.ts';

/**
 * @returns where the content of a file goes
 * @throws ALP_UNPACK_*; the sink's close ALP_VERIFY_DIGEST
 */
export function applyPlacement(unpacking: Unpacking, entry: TarEntry, placement: Placement): TarSink | undefined {
  switch (placement.kind) {
    case 'none':
      return undefined;
    case 'directory':
      return makePackageDirectory(unpacking, entry, placement);
    case 'file':
      return openContent(unpacking, entry, placement);
    case 'symlink':
      return makeSymlink(unpacking, entry, placement);
    case 'hardlink':
      return makeHardLink(unpacking, entry, placement);
    case 'special':
      return recordSpecial(unpacking, entry, placement);
  }
}

function makePackageDirectory(
  { options, actualOf }: Unpacking,
  entry: TarEntry,
  { path, actual }: EntryPlacement,
): undefined {
  actualOf.set(path, actual);
  const own = ownDirectory(options.state, options.owner, path);
  own.acl = aclOf(options.userNames, entry);
  addDirectory(own, actual, options);
}

/** A file whose path is free is written there at once: that is found by creating it. */
function openContent(unpacking: Unpacking, entry: TarEntry, placement: EntryPlacement): TarSink {
  const { tree, undo } = unpacking.options;
  const output = tree.createFileIfFree(placement.actual);
  if (output === undefined) placement.written = freeName(unpacking, placement);
  undo.made(placement.written);
  const file = recordFile(unpacking, entry, placement);
  return contentSink(unpacking, entry, {
    file,
    written: placement.written,
    output: output ?? tree.createFile(placement.written),
  });
}

interface Content {
  readonly file: LiveFile;
  readonly written: TreePath;
  readonly output: TreeFileWriter;
}

function contentSink(
  { options: { tree, owners }, algorithm, rules }: Unpacking,
  entry: TarEntry,
  { file, written, output }: Content,
): TarSink {
  const hash = contentHash(algorithm, entry.sizeBytes);
  return {
    write: (chunk) => {
      hash.update(chunk);
      output.write(chunk);
    },
    close: () => {
      const digest = hash.digest();
      if (owners === 'apply' && (file.acl.uid !== 0 || file.acl.gid !== 0)) tree.setOwner(written, file.acl);
      output.finish(hostMode(file.acl.mode, owners), entry.mtime);
      rules.checkContent(entry, digest);
      file.checksum = fileChecksum(digest);
    },
  };
}

function makeSymlink(unpacking: Unpacking, entry: TarEntry, placement: EntryPlacement): undefined {
  const { tree, owners, owner } = unpacking.options;
  const file = recordLink(unpacking, entry, placement);
  tree.makeSymlink(placement.written, entry.target);
  if (owners === 'apply') tree.setOwner(placement.written, file.acl);
  // No link can have these bits: apk tries, marks the package, and keeps no checksum.
  if ((entry.mode & 0o7000) !== 0) owner.broken.add('x');
  else file.checksum = fileChecksum(targetDigest(entry, unpacking.algorithm));
}

function makeHardLink(unpacking: Unpacking, entry: TarEntry, placement: EntryPlacement): undefined {
  const { tree, owners } = unpacking.options;
  const file = recordLink(unpacking, entry, placement);
  const original = unpacking.placed.get(entry.target as TreePath);
  // One that was left to another package.
  if (original === undefined) throw noOriginal(unpacking.label, entry.path, entry.target);
  tree.makeHardLink(placement.written, original.placement.written);
  // Owner and special bits of the last name are those of the file.
  if (owners === 'apply') tree.setOwner(placement.written, file.acl);
  if ((entry.mode & 0o7000) !== 0) tree.setMode(placement.written, hostMode(entry.mode, owners));
  file.checksum = original.file.checksum;
}

function recordLink(unpacking: Unpacking, entry: TarEntry, placement: EntryPlacement): LiveFile {
  placement.written = freeName(unpacking, placement);
  unpacking.options.undo.made(placement.written);
  return recordFile(unpacking, entry, placement);
}

/** Devices and pipes are never made; the database has them as apk's has. */
function recordSpecial(unpacking: Unpacking, entry: TarEntry, placement: EntryPlacement): undefined {
  const { tree, undo } = unpacking.options;
  const { path, actual } = placement;
  const found = tree.stat(actual);
  if (found?.kind === 'directory')
    throw refusal('ALP_UNPACK_PATH', unpacking.label, path, 'a directory is in its place');
  if (found !== undefined) undo.moveToStaging(actual);
  unpacking.notMade.push(path);
  recordFile(unpacking, entry, placement).checksum =
    entry.sha1 === undefined ? '' : fileChecksum(Buffer.from(entry.sha1, 'hex'));
}

function recordFile({ options, placed }: Unpacking, entry: TarEntry, placement: EntryPlacement): LiveFile {
  const { path } = placement;
  const acl = aclOf(options.userNames, entry);
  const directory = ownDirectory(options.state, options.owner, parentOf(path));
  const file: LiveFile = directory.files.get(nameOf(path)) ?? { name: nameOf(path), acl, checksum: '' };
  file.acl = acl;
  placed.set(path, { placement, directory, file });
  // The list has apk's order, which is the archive's; ownership changes when the package is in place.
  directory.files.set(file.name, file);
  return file;
}

function aclOf(userNames: Unpacking['options']['userNames'], entry: TarEntry): Acl {
  const xattrs = xattrChecksum(entry.xattrs);
  return { ...userNames.resolve(entry), mode: entry.mode, ...(xattrs === undefined ? {} : { xattrs }) };
}

/**
 * `Q1…` over names and values, each after its length in four bytes, sorted by name.
 *
 * @see apk-tools 2.14 `apk_fileinfo_hash_xattr`
 */
function xattrChecksum(xattrs: ReadonlyMap<string, string>): string | undefined {
  if (xattrs.size === 0) return undefined;
  const hash = createHash('sha1');
  for (const text of [...xattrs].sort(([a], [b]) => (a < b ? -1 : 1)).flat()) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    hash.update(length).update(Buffer.from(text, 'latin1'));
  }
  return `Q1${hash.digest('base64')}`;
}
