/**
 * The data of one package into a tree: strict tar or ADB, every file's checksum. A file whose place is free is
 * written there; others get a temporary name and are renamed when all of the package is right. The tree's links are
 * followed only where a package ships the directory that a link stands for (`lib → usr/lib`).
 *
 * @see apk-tools 2.14 `apk_db_install_file`, `apk_db_migrate_files`
 */
import { createHash } from 'node:crypto';
import { contentHash, sha256Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { unpackedBytes } from '../core/limits.ts';
import { joinTree, nameOf, parentOf, TREE_ROOT, type TreePath } from '../core/paths.ts';
import { readAdbArchive } from '../formats/adb/adb-archive.ts';
import type { Acl } from '../formats/apk/installed-db.ts';
import { createEntryRules, noOriginal, refusal, targetDigest } from '../formats/apk/package-entries.ts';
import type { TarEntry, TarHandler, TarSink } from '../formats/tar/tar-entry.ts';
import { createTarReader } from '../formats/tar/tar-reader.ts';
import type { TreeFileWriter } from '../system/tree/tree-file.ts';
import type { UserNames } from './user-names.ts';
import { placeDirectory as putDirectory, type DirectoryContext } from './owned-directories.ts';
import { settleConflict } from './file-owners.ts';
import { isSpecial, refuseSpecial } from './omitted.ts';
import { contentChecksum, digestOf, fileChecksum } from './package-removal.ts';
import { hostMode } from './minirootfs-unpack.ts';
import type { SuppliedPackage } from './unpack-pipeline.ts';
import {
  claimFile,
  ownDirectory,
  sharedDirectory,
  type LiveDirectory,
  type LiveFile,
  type LivePackage,
} from './tree-state.ts';

export interface PlaceOptions extends DirectoryContext {
  readonly owner: LivePackage;
  readonly userNames: UserNames;
  readonly isProtected: (directory: TreePath) => boolean;
  /** Devices and pipes are refused. */
  readonly strict?: boolean | undefined;
  /** `--force-overwrite`: takes files of other packages, and is told of each. */
  readonly overwrite?: ((warning: string) => void) | undefined;
}

interface Placed {
  readonly path: TreePath;
  readonly directory: LiveDirectory;
  readonly file: LiveFile;
  /** Where it shall be, and where it is until then. */
  readonly actual: TreePath;
  readonly written: TreePath;
}

export interface PlacedFiles {
  /** Files that were edited and stay; the package's own lies beside each as `.apk-new`. */
  readonly newFiles: readonly TreePath[];
  /** Devices and pipes, which the database has and the tree has not. */
  readonly notMade: readonly TreePath[];
}

/**
 * @throws ALP_UNPACK_*, ALP_VERIFY_DIGEST, ALP_FORMAT_*, ALP_LIMIT_SIZE; the caller rolls back
 */
export function placePackage(file: SuppliedPackage, options: PlaceOptions): PlacedFiles {
  const { tree, owners, undo, state, owner, userNames } = options;
  const { record } = file.contents;
  const label = `${record.name}-${record.version}`;
  const actualOf = new Map<TreePath, TreePath>([[TREE_ROOT, TREE_ROOT]]);
  const placed = new Map<TreePath, Placed>();
  const newFiles: TreePath[] = [];
  const notMade: TreePath[] = [];
  const algorithm = digestOf(owner);
  const rules = createEntryRules({ label, algorithm });

  readEntries(file, label, place);
  for (const { path } of owner.directories.values()) sharedDirectory(state, path).modified = true;
  for (const item of placed.values()) publish(item);
  return { newFiles, notMade };

  function place(entry: TarEntry): TarSink | undefined {
    const path = rules.accept(entry);
    if (path === undefined) return undefined;
    const outer = outerOf(path);
    if (entry.kind === 'directory') return placeDirectory(entry, path, outer);
    const owned = state.files.get(path);
    if (
      owned !== undefined &&
      settleConflict(path, record, { owner: owned.owner.record, overwrite: options.overwrite }) === 'leave'
    )
      return undefined;
    if (isSpecial(entry.kind)) {
      if (options.strict === true) throw refuseSpecial(entry.kind, path, label);
      return placeSpecial(entry, path, joinTree(outer, nameOf(path)));
    }
    return placeFile(entry, path, joinTree(outer, nameOf(path)));
  }

  /** Where the directory above is; the rules have seen that the package ships it. */
  function outerOf(path: TreePath): TreePath {
    const outer = actualOf.get(parentOf(path));
    if (outer === undefined) throw new Error(`no directory for ${path} of ${label}`);
    return outer;
  }

  function placeDirectory(entry: TarEntry, path: TreePath, outer: TreePath): undefined {
    const actual = directoryIn(joinTree(outer, nameOf(path)), path);
    actualOf.set(path, actual);
    const own = ownDirectory(state, owner, path);
    own.acl = aclOf(entry);
    putDirectory(own, actual, options);
    return undefined;
  }

  /** A link counts as the directory that it leads to, when that is a real one of the tree. */
  function directoryIn(place: TreePath, path: TreePath): TreePath {
    const found = tree.stat(place);
    if (found === undefined || found.kind === 'directory') return place;
    if (found.kind !== 'symlink') throw refusal('ALP_UNPACK_PATH', label, path, `a ${found.kind} is in its place`);
    if (rules.kindOf(place) === 'symlink')
      throw refusal('ALP_UNPACK_LINK', label, path, 'the package itself makes a link of it');
    const actual = tree.resolve(place);
    if (tree.stat(actual)?.kind !== 'directory')
      throw refusal('ALP_UNPACK_LINK', label, path, 'it is a link that leads to no directory of the tree');
    return actual;
  }

  function placeFile(entry: TarEntry, path: TreePath, actual: TreePath): TarSink | undefined {
    const output = entry.kind === 'file' ? tree.createFileIfFree(actual) : undefined;
    const written = output === undefined ? freeName(path, actual) : actual;
    undo.made(written);
    const file = recordFile(entry, path, { actual, written });
    if (entry.kind === 'symlink') return placeSymlink(entry, file, written);
    if (entry.kind === 'hardlink') return placeHardLink(entry, file, written);
    return contentSink(entry, file, { written, output: output ?? tree.createFile(written) });
  }

  function recordFile(entry: TarEntry, path: TreePath, where: Pick<Placed, 'actual' | 'written'>): LiveFile {
    const acl = aclOf(entry);
    const directory = ownDirectory(state, owner, parentOf(path));
    const file: LiveFile = directory.files.get(nameOf(path)) ?? { name: nameOf(path), acl, checksum: '' };
    file.acl = acl;
    placed.set(path, { path, directory, file, ...where });
    // The list has apk's order, which is the archive's; ownership changes when the package is in place.
    directory.files.set(file.name, file);
    return file;
  }

  /** Devices and pipes are never made; the database has them as apk's has. */
  function placeSpecial(entry: TarEntry, path: TreePath, actual: TreePath): undefined {
    const found = tree.stat(actual);
    if (found?.kind === 'directory') throw refusal('ALP_UNPACK_PATH', label, path, 'a directory is in its place');
    if (found !== undefined) undo.moveToStaging(actual);
    notMade.push(path);
    recordFile(entry, path, { actual, written: actual }).checksum =
      entry.sha1 === undefined ? '' : fileChecksum(Buffer.from(entry.sha1, 'hex'));
  }

  function placeSymlink(entry: TarEntry, file: LiveFile, written: TreePath): undefined {
    tree.makeSymlink(written, entry.target);
    if (owners === 'apply') tree.setOwner(written, file.acl);
    // No link can have these bits: apk tries, marks the package, and keeps no checksum.
    if ((entry.mode & 0o7000) !== 0) owner.broken.add('x');
    else file.checksum = fileChecksum(targetDigest(entry, algorithm));
  }

  function placeHardLink(entry: TarEntry, file: LiveFile, written: TreePath): undefined {
    const original = placed.get(entry.target as TreePath);
    // One that was left to another package.
    if (original === undefined) throw noOriginal(label, entry.path, entry.target);
    tree.makeHardLink(written, original.written);
    // Owner and special bits of the last name are those of the file.
    if (owners === 'apply') tree.setOwner(written, file.acl);
    if ((entry.mode & 0o7000) !== 0) tree.setMode(written, hostMode(entry.mode, owners));
    file.checksum = original.file.checksum;
  }

  function contentSink(
    entry: TarEntry,
    file: LiveFile,
    { written, output }: { readonly written: TreePath; readonly output: TreeFileWriter },
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

  function aclOf(entry: TarEntry): Acl {
    const xattrs = xattrChecksum(entry.xattrs);
    return { ...userNames.resolve(entry), mode: entry.mode, ...(xattrs === undefined ? {} : { xattrs }) };
  }

  /** The place itself, or a name beside it until the package is right. */
  function freeName(path: TreePath, actual: TreePath): TreePath {
    const found = tree.stat(actual);
    if (found === undefined) return actual;
    if (found.kind === 'directory') throw refusal('ALP_UNPACK_PATH', label, path, 'a directory is in its place');
    const temporary = temporaryName(path, actual);
    tree.remove(temporary);
    return temporary;
  }

  function temporaryName(path: TreePath, actual: TreePath): TreePath {
    return joinTree(
      parentOf(actual),
      `.apk.${createHash('sha256').update(`${record.name}\0${path}`).digest('hex').slice(0, 48)}`,
    );
  }

  /** An edited file of a protected directory stays; the package's goes beside it unless they are the same. */
  function publish({ path, directory, file, actual, written }: Placed): void {
    const before = state.files.get(path);
    if (written !== actual) {
      const isSame = (checksum: string, by: LivePackage): boolean =>
        contentChecksum(tree, actual, digestOf(by)) === checksum;
      const isKept = options.isProtected(directory.path) && contentChecksum(tree, actual) !== undefined;
      if (
        !isKept ||
        (before !== undefined && before.file.checksum !== '' && isSame(before.file.checksum, before.owner))
      )
        undo.replace(written, actual);
      else if (isSame(file.checksum, owner)) tree.remove(written);
      else {
        undo.replace(written, `${actual}.apk-new` as TreePath);
        newFiles.push(path);
      }
    }
    claimFile(state, { owner, directory, file });
  }
}

/** The data of a package of either format, entry by entry. */
function readEntries({ contents, source, inflate }: SuppliedPackage, label: string, entry: TarHandler['entry']): void {
  const { record } = contents;
  if (inflate === undefined) {
    const verify = (_schema: unknown, block: Buffer): void => {
      if (record.checksum?.hex !== sha256Hex(block))
        throw new AlprootError('ALP_VERIFY_DIGEST', `${label}: this is not the package that was verified`);
    };
    readAdbArchive(source, { verify, entry }, unpackedBytes(record));
    return;
  }
  const reader = createTarReader({ entry }, 'data');
  const { end } = inflate(reader.push);
  reader.finish();
  if (end !== source.sizeBytes) throw new AlprootError('ALP_FORMAT_APK', `${label}: bytes after the data member`);
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
