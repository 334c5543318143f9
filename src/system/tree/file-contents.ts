/** What regular files of a tree hold: read whole or in pieces, written, copied from another tree. */
import { closeSync, constants, fchmodSync, fstatSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { AlprootError, errnoOf } from '../../core/errors.ts';
import type { TreePath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import { changeMode, statEntry } from './tree-entries.ts';
import { cappedAtOnce, copyContent, createFileWriter, filePieces, type TreeFileWriter } from './tree-file.ts';
import { attempt, treeError, type TreeRoot } from './tree-root.ts';

export interface TreeContents {
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
  readonly writeFile: (path: TreePath, content: Uint8Array, mode: number) => void;
  /** A new regular file, written in pieces; `finish` sets mode and time, seconds since 1970. */
  readonly createFile: (path: TreePath) => TreeFileWriter;
  /** The same; undefined when something has the name already. */
  readonly createFileIfFree: (path: TreePath) => TreeFileWriter | undefined;
  /** A copy of a regular file of another tree, by reflink where the file system can. */
  readonly copyFile: (path: TreePath, from: CopiedFile) => void;
}

interface CopiedFile {
  readonly tree: Pick<TreeContents, 'withFile'>;
  readonly path: TreePath;
  /** Of the copy. */
  readonly mode: number;
}

const NEW_FILE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export const treeContents = (tree: TreeRoot): TreeContents => ({
  readFile: (path, maxBytes) =>
    withOpenFile(tree, path, (fd) => {
      cappedAtOnce(fd, path, maxBytes);
      return readFileSync(fd);
    }),
  readPieces: (path, sizeBytes) => readInPieces(tree, path, sizeBytes),
  readHead: (path, sizeBytes) =>
    withOpenFile(tree, path, (fd) => {
      const head = Buffer.alloc(sizeBytes);
      return head.subarray(0, readSync(fd, head, 0, sizeBytes, 0));
    }),
  withFile: (path, work) => withOpenFile(tree, path, work),
  writeFile: (path, content, mode) => attempt(tree, 'write', path, (target) => writeNewFile(target, content, mode)),
  createFile: (path) => attempt(tree, 'write', path, (target) => writerOf(openNewFile(target), path)),
  createFileIfFree: (path) => attempt(tree, 'write', path, (target) => writerIfFree(target, path)),
  copyFile: (path, { tree: other, path: source, mode }) =>
    other.withFile(source, (fd) =>
      attempt(tree, 'write', path, (target) => {
        copyContent(fd, source, target);
        changeMode(tree, path, mode);
      }),
    ),
});

interface OpenFile {
  readonly fd: number;
  readonly close: () => void;
}

/** Opens a regular file, also one that its owner may not read. */
function openFile(tree: TreeRoot, path: TreePath): OpenFile {
  const found = statEntry(tree, path);
  if (found?.kind !== 'file') throw notRegular(path);
  const hidden = (found.mode & 0o400) === 0;
  if (hidden) changeMode(tree, path, found.mode | 0o400);
  const fd = attempt(tree, 'read', path, (target) =>
    openSync(target, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
  );
  const close = (): void => {
    closeSync(fd);
    if (hidden) changeMode(tree, path, found.mode);
  };
  if (fstatSync(fd).isFile()) return { fd, close };
  close();
  throw notRegular(path);
}

const notRegular = (path: TreePath): AlprootError =>
  new AlprootError('ALP_UNPACK_TREE', `${quoteName(path)} is not a regular file`);

function withOpenFile<T>(tree: TreeRoot, path: TreePath, work: (fd: number) => T): T {
  const { fd, close } = openFile(tree, path);
  try {
    return work(fd);
  } finally {
    close();
  }
}

function* readInPieces(tree: TreeRoot, path: TreePath, sizeBytes: number): Generator<Buffer> {
  const { fd, close } = openFile(tree, path);
  try {
    yield* filePieces(fd, path, sizeBytes);
  } finally {
    close();
  }
}

const openNewFile = (target: Buffer): number => openSync(target, NEW_FILE_FLAGS, 0o600);

function writeNewFile(target: Buffer, content: Uint8Array, mode: number): void {
  const fd = openNewFile(target);
  try {
    writeFileSync(fd, content);
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}

function writerIfFree(target: Buffer, path: TreePath): TreeFileWriter | undefined {
  try {
    return writerOf(openNewFile(target), path);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined;
    throw error;
  }
}

const writerOf = (fd: number, path: TreePath): TreeFileWriter =>
  createFileWriter(fd, (work) => {
    try {
      work();
    } catch (error) {
      throw treeError('write', path, error);
    }
  });
