/**
 * The data member of one package into a tree: strict tar, every file's checksum, files under temporary names until
 * all of them are right, then renamed. The tree's links are followed only where a package ships the directory that
 * a link stands for (`lib → usr/lib`).
 */
import { createHash } from 'node:crypto';
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { joinTree, nameOf, parentOf, parseTreePath, TREE_ROOT, type TreePath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { inflateMember } from '../formats/gzip-member.ts';
import { DIRECTORY_ACL, type Acl, type InstalledDirectory } from '../formats/installed-db.ts';
import type { TarEntry, TarSink } from '../formats/tar-entry.ts';
import { createTarReader } from '../formats/tar-reader.ts';
import type { WorkTree } from '../system/work-tree.ts';
import type { Accounts } from './accounts.ts';
import { settleConflict, type FileOwners } from './file-owners.ts';
import type { OpenedPackageFile } from './opened.ts';
import type { Protection } from './protected-paths.ts';
import { hostMode, type OwnerPolicy } from './rootfs.ts';

export interface PlaceOptions {
  readonly tree: WorkTree;
  readonly owners: OwnerPolicy;
  readonly accounts: Accounts;
  readonly files: FileOwners;
  readonly protection: (path: TreePath) => Protection;
}

export interface PlacedFiles {
  readonly directories: readonly InstalledDirectory[];
  /** Paths kept because they were edited; the package's own file lies beside them as `.apk-new`. */
  readonly newFiles: readonly TreePath[];
}

const RESERVED = /^(?:lib\/apk\/(?:db|exec)(?:\/|$)|(?:.*\/)?\.apk\.|.*\.apk-new$)/;

interface Pending {
  readonly path: TreePath;
  readonly actual: TreePath;
  readonly temporary: TreePath;
}

/**
 * @returns what the database records
 * @throws ALP_UNPACK_*, ALP_VERIFY_DIGEST, ALP_FORMAT_*, ALP_LIMIT_SIZE; the temporary files are gone then
 */
export function placePackage({ contents, source }: OpenedPackageFile, options: PlaceOptions): PlacedFiles {
  const { tree, owners, accounts, files } = options;
  const { record } = contents;
  const label = `${record.name}-${record.version}`;
  const recorded = new Map<TreePath, { path: TreePath; acl: Acl; files: { name: string; acl: Acl; checksum: string }[] }>();
  const actualOf = new Map<TreePath, TreePath>([[TREE_ROOT, TREE_ROOT]]);
  const kinds = new Map<TreePath, TarEntry['kind']>();
  const pending: Pending[] = [];
  const checksums = new Map<TreePath, string>();
  const newFiles: TreePath[] = [];

  const refuse = (code: 'ALP_UNPACK_PATH' | 'ALP_UNPACK_LINK', path: string, why: string): never => {
    throw new AlprootError(code, `cannot unpack ${quoteName(path)} of ${label}: ${why}`, { facts: { package: label, path } });
  };

  try {
    const reader = createTarReader({ entry: place }, 'data');
    const maxBytes = Math.min(limits.unpacked, Math.max(4 * record.installedSizeBytes, limits.unpackedFloor));
    const { end } = inflateMember(source, contents.dataStart, { maxBytes, limitName: 'unpacked', onInflated: reader.push });
    reader.finish();
    if (end !== source.sizeBytes) throw new AlprootError('ALP_FORMAT_APK', `${label}: bytes after the data member`);
    for (const item of pending) publish(item);
    return { directories: [...recorded.values()], newFiles };
  } catch (error) {
    for (const { temporary } of pending) tree.remove(temporary);
    throw error;
  }

  function place(entry: TarEntry): TarSink | undefined {
    const path = parseTreePath(entry.path);
    if (RESERVED.test(path)) refuse('ALP_UNPACK_PATH', path, 'this name is reserved for the package database');
    if (kinds.has(path)) refuse('ALP_UNPACK_PATH', path, 'the name comes twice');
    kinds.set(path, entry.kind);
    if (entry.kind === 'directory') return placeDirectory(entry, path);
    const directory = directoryFor(path);
    const owned = files.get(path);
    if (owned !== undefined && settleConflict(path, record, owned.owner) === 'leave') return undefined;
    const actual = joinTree(directory, nameOf(path));
    if (tree.stat(actual)?.kind === 'directory') refuse('ALP_UNPACK_PATH', path, 'a directory is in its place');
    if (entry.kind === 'char' || entry.kind === 'block' || entry.kind === 'fifo') return undefined;
    const temporary = joinTree(directory, `.apk.${createHash('sha256').update(`${label}\0${path}`).digest('hex').slice(0, 24)}`);
    tree.remove(temporary);
    pending.push({ path, actual, temporary });
    return placeFile(entry, path, temporary);
  }

  function placeDirectory(entry: TarEntry, path: TreePath): undefined {
    const outer = path.includes('/') ? directoryFor(path) : TREE_ROOT;
    let actual = joinTree(outer, nameOf(path));
    const found = tree.stat(actual);
    const acl = aclOf(entry);
    if (found === undefined) {
      tree.makeDirectory(actual, hostMode(acl.mode, owners));
      if (owners === 'apply') tree.setOwner(actual, acl);
    } else if (found.kind === 'symlink') {
      if (kinds.get(actual) === 'symlink') refuse('ALP_UNPACK_LINK', path, 'the package itself makes a link of it');
      actual = tree.resolve(actual);
      if (tree.stat(actual)?.kind !== 'directory') refuse('ALP_UNPACK_LINK', path, 'it is a link that leads to no directory of the tree');
    } else if (found.kind !== 'directory') refuse('ALP_UNPACK_PATH', path, `a ${found.kind} is in its place`);
    actualOf.set(path, actual);
    recorded.set(path, { path, acl, files: recorded.get(path)?.files ?? [] });
    return undefined;
  }

  /** The directory of the tree that holds `path`. */
  function directoryFor(path: TreePath): TreePath {
    const parent = parentOf(path);
    const known = actualOf.get(parent);
    if (known !== undefined) return known;
    const outer = directoryFor(parent);
    const actual = joinTree(outer, nameOf(parent));
    const found = tree.stat(actual);
    if (found?.kind === 'symlink') refuse('ALP_UNPACK_LINK', path, `${quoteName(parent)} is a link, and the package does not ship that directory`);
    if (found !== undefined && found.kind !== 'directory') refuse('ALP_UNPACK_PATH', path, `${quoteName(parent)} is a ${found.kind}`);
    if (found === undefined) tree.makeDirectory(actual, 0o755);
    actualOf.set(parent, actual);
    return actual;
  }

  function placeFile(entry: TarEntry, path: TreePath, temporary: TreePath): TarSink | undefined {
    const acl = aclOf(entry);
    if (entry.kind === 'symlink') {
      if (entry.target === '' || entry.target.includes('\0')) refuse('ALP_UNPACK_LINK', path, 'its target is empty');
      tree.makeSymlink(temporary, entry.target);
      if (owners === 'apply') tree.setOwner(temporary, acl);
      noteFile(path, { ...acl, mode: 0o777 }, createHash('sha1').update(Buffer.from(entry.target, 'latin1')).digest());
      return undefined;
    }
    if (entry.kind === 'hardlink') {
      const target = parseTreePath(entry.target);
      const original = pending.find((item) => item.path === target);
      if (kinds.get(target) !== 'file' || original === undefined) refuse('ALP_UNPACK_LINK', path, `a hard link must name a file of the package that came before, not ${quoteName(entry.target)}`);
      tree.makeHardLink(temporary, original?.temporary ?? target);
      const checksum = checksums.get(target) ?? '';
      noteFile(path, acl, Buffer.from(checksum.slice(2), 'base64'));
      return undefined;
    }
    if (entry.sha1 === undefined) throw new AlprootError('ALP_VERIFY_DIGEST', `${label}: ${quoteName(path)} has no checksum`);
    const file = tree.createFile(temporary);
    const hash = createHash('sha1');
    return {
      write: (chunk) => {
        hash.update(chunk);
        file.write(chunk);
      },
      close: () => {
        const digest = hash.digest();
        if (owners === 'apply') tree.setOwner(temporary, acl);
        file.finish(hostMode(acl.mode, owners), entry.mtime);
        if (digest.toString('hex') !== entry.sha1) throw new AlprootError('ALP_VERIFY_DIGEST', `${label}: ${quoteName(path)} differs from its checksum`);
        noteFile(path, acl, digest);
      },
    };
  }

  function aclOf(entry: TarEntry): Acl {
    return { ...accounts.resolve(entry), mode: entry.mode };
  }

  function noteFile(path: TreePath, acl: Acl, digest: Buffer): void {
    const checksum = digest.length === 0 ? '' : `Q1${digest.toString('base64')}`;
    checksums.set(path, checksum);
    const parent = parentOf(path);
    const directory = recorded.get(parent) ?? { path: parent, acl: DIRECTORY_ACL, files: [] };
    directory.files.push({ name: nameOf(path), acl, checksum });
    recorded.set(parent, directory);
  }

  /** An edited file of a protected directory stays; the package's goes beside it. */
  function publish({ path, actual, temporary }: Pending): void {
    const found = tree.stat(actual);
    if (found?.kind === 'file' && options.protection(path) !== 'none') {
      const present = `Q1${createHash('sha1').update(tree.readFile(actual, limits.unpacked)).digest('base64')}`;
      const own = checksums.get(path);
      const before = files.get(path)?.file.checksum;
      if (present !== own && present !== before) {
        tree.rename(temporary, `${actual}.apk-new` as TreePath);
        newFiles.push(path);
        return;
      }
    }
    tree.rename(temporary, actual);
  }
}
