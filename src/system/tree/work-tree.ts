/**
 * A directory tree that programs of a sandbox write to and that we read and change between them. Every operation
 * walks from the root's descriptor, one component at a time, without following links: whatever the tree holds, and
 * whatever a process left in it does meanwhile, nothing outside is touched. Links are resolved by us, inside.
 *
 * @see runc `libcontainer/utils`, and Linux `openat2(2)` RESOLVE_IN_ROOT, which Node cannot call
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { AlprootError, errnoOf } from '../../core/errors.ts';
import { type HostPath, joinHost, joinTree, nameOf, parentOf, TREE_ROOT, type TreePath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { HINTS } from '../files/files.ts';
import { DIRECTORY_FLAGS, inside, openDirectories } from './tree-directories.ts';
import { linkOrCopy } from '../files/hard-link.ts';
import { cappedAtOnce, copyContent, createFileWriter, filePieces, type TreeFileWriter } from './tree-file.ts';
import { resolveInside, statOf, type TreeStat } from './tree-stat.ts';
import { walkTree, type TreeVisitor } from './tree-walk.ts';

export interface WorkTree {
  readonly root: HostPath;
  /** undefined when there is nothing of that name. Links are not followed. */
  readonly stat: (path: TreePath) => TreeStat | undefined;
  /** Everything below the root, see walkTree. */
  readonly walk: (visit: TreeVisitor) => void;
  /**
   * What was made, changed or removed through this since it was asked last; undefined when that is not all that has
   * changed, as with a second name of a file.
   */
  readonly takeChanges: () => ReadonlySet<TreePath> | undefined;
  /** Names in a directory, sorted, one character per byte. */
  readonly list: (path: TreePath) => string[];
  readonly readFile: (path: TreePath, maxBytes: number) => Buffer;
  /**
   * The content of a regular file that is `sizeBytes` long, in pieces that are each valid until the next is asked for.
   *
   * @throws ALP_LIMIT_SIZE
   */
  readonly readPieces: (path: TreePath, sizeBytes: number) => Generator<Buffer>;
  /** The first bytes of a regular file. */
  readonly readHead: (path: TreePath, sizeBytes: number) => Buffer;
  /** Hands a descriptor of a regular file to `work`; it is closed afterwards. */
  readonly withFile: <T>(path: TreePath, work: (fd: number) => T) => T;
  readonly readLink: (path: TreePath) => string;
  /**
   * Where a path leads when links are followed inside the tree; the last one only with `followLast`. Need not exist.
   */
  readonly resolve: (path: TreePath, options?: { readonly followLast?: boolean }) => TreePath;
  readonly writeFile: (path: TreePath, content: Uint8Array, mode: number) => void;
  /** A new regular file, written in pieces; `finish` sets mode and time, seconds since 1970. */
  readonly createFile: (path: TreePath) => TreeFileWriter;
  /** The same; undefined when something has the name already. */
  readonly createFileIfFree: (path: TreePath) => TreeFileWriter | undefined;
  /** Replaces whatever has the new name, a directory excepted. Both in the tree. */
  readonly rename: (from: TreePath, to: TreePath) => void;
  /**
   * Takes an entry out of the tree to a path of the host on the same file system, where no process of a sandbox sees
   * it.
   */
  readonly moveOut: (path: TreePath, to: HostPath) => void;
  /** Brings back what was taken out; whatever has the name by now goes, unless it is a directory that is not empty. */
  readonly moveIn: (from: HostPath, path: TreePath) => void;
  /** A copy of a regular file of another tree, by reflink where the file system can. */
  readonly copyFile: (
    path: TreePath,
    from: { readonly tree: WorkTree; readonly path: TreePath; readonly mode: number },
  ) => void;
  readonly makeDirectory: (path: TreePath, mode: number) => void;
  readonly makeSymlink: (path: TreePath, target: string) => void;
  /** A copy where the file system has no links, or no more of them. */
  readonly makeHardLink: (path: TreePath, existing: TreePath) => void;
  /** With all that is in it; links are removed, not followed. Nothing there is fine. */
  readonly remove: (path: TreePath) => void;
  readonly setMode: (path: TreePath, mode: number) => void;
  readonly setTime: (path: TreePath, seconds: number) => void;
  /** As root only. */
  readonly setOwner: (path: TreePath, owner: { readonly uid: number; readonly gid: number }) => void;
  /** A path of the host that names the entry now; for mounts, whose targets the backend checks again. */
  readonly hostPathOf: (path: TreePath) => HostPath;
  /** Gives the descriptors back. */
  readonly close: () => void;
}

/** What is done to an entry, as messages say it. */
type Verb = 'read' | 'list' | 'walk' | 'write' | 'remove' | 'change' | 'make' | 'link' | 'rename' | 'move';
/** Of these one path does not tell what has changed. */
const WHOLE: ReadonlySet<Verb> = new Set(['rename', 'move']);

const NEW_FILE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** Linux's O_PATH, which Node has no name for: a descriptor that only names. */
const O_PATH = 0o10000000;

function treeError(verb: Verb, path: TreePath, error: unknown): AlprootError {
  const errno = errnoOf(error);
  if (error instanceof AlprootError || errno === undefined) throw error;
  return new AlprootError('ALP_UNPACK_WRITE', `cannot ${verb} ${quoteName(path)} in the tree: ${errno}`, {
    cause: error,
    hint: HINTS[errno],
    facts: { errno },
  });
}

/** @param root an existing directory; the caller keeps it alive until `close` */
export function openWorkTree(root: HostPath): WorkTree {
  const rootFd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  const directories = openDirectories(rootFd);
  const directory = directories.open;
  const place = (path: TreePath): Buffer =>
    path === TREE_ROOT ? Buffer.from(`/proc/self/fd/${rootFd}/.`) : inside(directory(parentOf(path)), nameOf(path));

  let changes: Set<TreePath> | undefined = new Set();

  function attempt<T>(verb: Verb, path: TreePath, work: (place: Buffer) => T): T {
    if (WHOLE.has(verb)) changes = undefined;
    else if (verb !== 'read') changes?.add(path);
    try {
      return work(place(path));
    } catch (error) {
      throw treeError(verb, path, error);
    }
  }

  /** Hands the place of `path` to work that looks at another path of the tree as well. */
  function besides(verb: Verb, path: TreePath, work: (place: Buffer) => void): void {
    const fd = attempt(verb, path, () => openSync(`/proc/self/fd/${directory(parentOf(path))}/.`, DIRECTORY_FLAGS));
    try {
      work(inside(fd, nameOf(path)));
    } finally {
      closeSync(fd);
    }
  }

  function stat(path: TreePath): TreeStat | undefined {
    try {
      return statOf(lstatSync(place(path), { bigint: true }));
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined;
      throw treeError('read', path, error);
    }
  }

  const list = (path: TreePath): string[] => {
    try {
      return readdirSync(`/proc/self/fd/${directory(path)}`, { encoding: 'latin1' }).sort();
    } catch (error) {
      throw treeError('list', path, error);
    }
  };

  function remove(path: TreePath): void {
    const found = stat(path);
    if (found === undefined) return;
    if (found.kind !== 'directory') {
      if (found.linkCount > 1) changes = undefined;
      return attempt('remove', path, (target) => unlinkSync(target));
    }
    if ((found.mode & 0o700) !== 0o700) setMode(path, found.mode | 0o700);
    for (const child of list(path)) remove(joinTree(path, child));
    directories.forget(path);
    if (path !== TREE_ROOT) attempt('remove', path, (target) => rmdirSync(target));
  }

  const setMode = (path: TreePath, mode: number): void =>
    attempt('change', path, (target) => {
      const fd = openSync(target, O_PATH | constants.O_NOFOLLOW);
      try {
        if (!fstatSync(fd).isSymbolicLink()) chmodSync(`/proc/self/fd/${fd}`, mode);
      } finally {
        closeSync(fd);
      }
    });

  /** Opens a regular file, also one that its owner may not read. */
  function openFile(path: TreePath): { readonly fd: number; readonly close: () => void } {
    const open = (): number =>
      attempt('read', path, (target) =>
        openSync(target, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
      );
    const found = stat(path);
    if (found?.kind !== 'file') throw new AlprootError('ALP_UNPACK_TREE', `${quoteName(path)} is not a regular file`);
    const hidden = (found.mode & 0o400) === 0;
    if (hidden) setMode(path, found.mode | 0o400);
    const fd = open();
    const close = (): void => {
      closeSync(fd);
      if (hidden) setMode(path, found.mode);
    };
    if (fstatSync(fd).isFile()) return { fd, close };
    close();
    throw new AlprootError('ALP_UNPACK_TREE', `${quoteName(path)} is not a regular file`);
  }

  function withFile<T>(path: TreePath, work: (fd: number) => T): T {
    const { fd, close } = openFile(path);
    try {
      return work(fd);
    } finally {
      close();
    }
  }

  return {
    root,
    stat,
    list,
    walk: (visit) => {
      let at = TREE_ROOT;
      try {
        walkTree(directories, (path, found) => visit((at = path), found));
      } catch (error) {
        throw treeError('walk', at, error);
      }
    },
    takeChanges: () => {
      const taken = changes;
      changes = new Set();
      return taken;
    },
    remove,
    setMode,
    withFile,
    readLink: (path) => attempt('read', path, (target) => readlinkSync(target, { encoding: 'latin1' })),
    resolve: (path, { followLast = true } = {}) =>
      resolveInside(path, {
        followLast,
        stat,
        readLink: (link) => attempt('read', link, (target) => readlinkSync(target, { encoding: 'latin1' })),
      }),
    readFile: (path, maxBytes) =>
      withFile(path, (fd) => {
        cappedAtOnce(fd, path, maxBytes);
        return readFileSync(fd);
      }),
    readPieces: function* (path, sizeBytes) {
      const { fd, close } = openFile(path);
      try {
        yield* filePieces(fd, path, sizeBytes);
      } finally {
        close();
      }
    },
    readHead: (path, sizeBytes) =>
      withFile(path, (fd) => {
        const head = Buffer.alloc(sizeBytes);
        return head.subarray(0, readSync(fd, head, 0, sizeBytes, 0));
      }),
    writeFile: (path, content, mode) =>
      attempt('write', path, (target) => {
        const fd = openSync(target, NEW_FILE_FLAGS, 0o600);
        try {
          writeFileSync(fd, content);
          fchmodSync(fd, mode);
        } finally {
          closeSync(fd);
        }
      }),
    createFile: (path) => attempt('write', path, (target) => writerOf(openSync(target, NEW_FILE_FLAGS, 0o600), path)),
    createFileIfFree: (path) =>
      attempt('write', path, (target) => {
        try {
          return writerOf(openSync(target, NEW_FILE_FLAGS, 0o600), path);
        } catch (error) {
          if (errnoOf(error) === 'EEXIST') return undefined;
          throw error;
        }
      }),
    rename: (from, to) =>
      besides('rename', from, (source) => {
        attempt('rename', to, (target) => renameSync(source, target));
        directories.forget(from);
        directories.forget(to);
      }),
    moveOut: (path, to) => {
      attempt('move', path, (source) => renameSync(source, to));
      directories.forget(path);
    },
    moveIn: (from, path) => {
      attempt('move', path, (target) => renameSync(from, target));
      directories.forget(path);
    },
    copyFile: (path, { tree, path: source, mode }) =>
      tree.withFile(source, (fd) =>
        attempt('write', path, (target) => {
          copyContent(fd, source, target);
          setMode(path, mode);
        }),
      ),
    makeDirectory: (path, mode) => {
      attempt('make', path, (target) => mkdirSync(target, 0o700));
      setMode(path, mode);
    },
    makeSymlink: (path, target) => attempt('link', path, (link) => symlinkSync(Buffer.from(target, 'latin1'), link)),
    makeHardLink: (path, existing) => {
      changes = undefined;
      besides('link', existing, (source) => attempt('link', path, (target) => linkOrCopy(source, target)));
    },
    setTime: (path, seconds) => attempt('change', path, (target) => lutimesSync(target, seconds, seconds)),
    setOwner: (path, { uid, gid }) => attempt('change', path, (target) => lchownSync(target, uid, gid)),
    hostPathOf: (path) => joinHost(root, Buffer.from(path, 'latin1').toString('utf8')),
    close: () => {
      directories.forget(TREE_ROOT);
      closeSync(rootFd);
    },
  };
}

function writerOf(fd: number, path: TreePath): TreeFileWriter {
  return createFileWriter(fd, (work) => {
    try {
      work();
    } catch (error) {
      throw treeError('write', path, error);
    }
  });
}
