/**
 * Archives that ADD unpacks, told by their first bytes: tar, and tar under gzip, zstd, xz or bzip2. Names are taken
 * into the destination only; whatever an archive says, it cannot place anything above it.
 */
import { gunzipSync } from 'node:zlib';
import { decompress as unzstd } from 'fzstd';
import { AlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { joinTree, parentOf, parseTreePath, TREE_ROOT, type TreePath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import type { TarEntry } from '../formats/tar/tar-entry.ts';
import { createTarReader } from '../formats/tar/tar-reader.ts';
import { makeParents, setOwner } from './copy-apply.ts';
import type { OwnedTree } from './layer.ts';
import { forgetOwners } from './owners.ts';

export type ArchiveKind = 'tar' | 'gzip' | 'zstd' | 'xz' | 'bzip2';

const MAGIC: readonly (readonly [ArchiveKind, string])[] = [
  ['gzip', '1f8b08'],
  ['zstd', '28b52ffd'],
  ['xz', 'fd377a585a00'],
  ['bzip2', '425a68'],
];

/** What an ADD source may be unpacked as, by its content; the name means nothing. */
export function archiveKind(bytes: Uint8Array): ArchiveKind | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 512));
  if (head.length === 512 && head.toString('latin1', 257, 262) === 'ustar') return 'tar';
  const hex = head.toString('hex', 0, 6);
  return MAGIC.find(([, magic]) => hex.startsWith(magic))?.[0];
}

/**
 * The tar inside; undefined when what is inside is not a tar, which ADD then copies as it is.
 *
 * @param outside for xz and bzip2: a program of the stage that unpacks its input
 * @throws ALP_LIMIT_SIZE for a bomb; ALP_FORMAT_TAR for damaged compression
 */
export async function openArchive(
  bytes: Buffer,
  kind: ArchiveKind,
  outside: (kind: 'xz' | 'bzip2', bytes: Buffer) => Promise<Buffer>,
): Promise<Buffer | undefined> {
  const tar = await decompress(bytes, kind, outside);
  return archiveKind(tar) === 'tar' ? tar : undefined;
}

async function decompress(
  bytes: Buffer,
  kind: ArchiveKind,
  outside: (kind: 'xz' | 'bzip2', bytes: Buffer) => Promise<Buffer>,
): Promise<Buffer> {
  if (kind === 'tar') return bytes;
  return kind === 'xz' || kind === 'bzip2' ? outside(kind, bytes) : inflateArchive(bytes, kind);
}

function inflateArchive(bytes: Buffer, kind: 'gzip' | 'zstd'): Buffer {
  try {
    return kind === 'gzip' ? gunzipSync(bytes, { maxOutputLength: limits.packageFile }) : Buffer.from(unzstd(bytes));
  } catch (error) {
    if (error instanceof RangeError)
      throw new AlprootError('ALP_LIMIT_SIZE', `an archive is larger than ${limits.packageFile} bytes unpacked`, {
        cause: error,
      });
    throw new AlprootError('ALP_FORMAT_TAR', `damaged ${kind} archive`, { cause: error });
  }
}

/** Unpacks below `directory` with the archive's owners, or all to `owner`. @throws ALP_FORMAT_TAR, ALP_UNPACK_PATH */
export function unpackArchive(
  tar: Buffer,
  {
    target,
    directory,
    owner,
  }: { target: OwnedTree; directory: TreePath; owner: { uid: number; gid: number } | undefined },
): void {
  const base = makeParents(target, directory);
  const times: [TreePath, number][] = [];
  const reader = createTarReader(
    {
      entry: (entry) => {
        const inner = archivePath(entry.path);
        if (inner === TREE_ROOT) return undefined;
        const parent = makeParents(target, joinTree(base, parentOf(inner)).replace(/\/$/, '') as TreePath);
        const place = joinTree(parent, inner.slice(inner.lastIndexOf('/') + 1));
        return putEntry(target, place, { entry, owner, base, times });
      },
    },
    'rootfs',
  );
  reader.push(tar);
  reader.finish();
  for (const [path, mtime] of times.reverse())
    if (target.tree.stat(path) !== undefined) target.tree.setTime(path, mtime);
}

/** Without `./` and leading slashes; `..` is refused. */
function archivePath(name: string): TreePath {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  return parts.length === 0 ? TREE_ROOT : parseTreePath(parts.join('/'));
}

interface PutEntry {
  readonly entry: TarEntry;
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly base: TreePath;
  readonly times: [TreePath, number][];
}

function putEntry(
  target: OwnedTree,
  path: TreePath,
  { entry, owner, base, times }: PutEntry,
): { write: (chunk: Uint8Array) => void; close: () => void } | undefined {
  const { tree } = target;
  const found = tree.stat(path);
  const keepsDirectory = entry.kind === 'directory' && tree.stat(tree.resolve(path))?.kind === 'directory';
  if (found !== undefined && !keepsDirectory) {
    tree.remove(path);
    forgetOwners(target.owners, path);
  }
  const finish = (): void => {
    const at = keepsDirectory ? tree.resolve(path) : path;
    setOwner(target, at, {
      uid: owner?.uid ?? entry.uid,
      gid: owner?.gid ?? entry.gid,
      ...(entry.kind === 'symlink' ? {} : { mode: entry.mode }),
      xattrs: Object.fromEntries(entry.xattrs),
    });
    if (entry.kind === 'directory') times.push([at, entry.mtime]);
    else tree.setTime(at, entry.mtime);
  };
  if (entry.kind === 'file') {
    const chunks: Buffer[] = [];
    return {
      write: (chunk) => void chunks.push(Buffer.from(chunk)),
      close: () => {
        tree.writeFile(path, Buffer.concat(chunks), entry.mode & 0o777);
        finish();
      },
    };
  }
  if (entry.kind === 'directory') {
    if (!keepsDirectory) tree.makeDirectory(path, entry.mode & 0o1777);
  } else if (entry.kind === 'symlink') tree.makeSymlink(path, entry.target);
  else if (entry.kind === 'hardlink') {
    tree.makeHardLink(path, tree.resolve(joinTree(base, archivePath(entry.target)), { followLast: false }));
    return undefined;
  } else
    throw new AlprootError(
      'ALP_FORMAT_TAR',
      `ADD: the archive holds a ${entry.kind}, which is not made: ${quoteName(entry.path)}`,
    );
  finish();
  return undefined;
}
