/**
 * Packages that lie in the tree itself: files named on apk's command line, and repositories made inside by `apk
 * index`. They are verified by the keys of the tree and by Alpine's, and read without leaving the tree. They are the
 * build's own work, so no lock knows them.
 */
import { bufferSource } from '../../core/bytes.ts';
import { limits } from '../../core/limits.ts';
import type { Arch, PackageRecord, Repository } from '../../core/package.ts';
import { treePathFromUser, type TreePath } from '../../core/paths.ts';
import { indexLocation, packageLocation, type RepositoryLine } from '../../formats/release/repositories-file.ts';
import type { WorkTree } from '../../system/tree/work-tree.ts';
import type { OpenedPackageFile } from '../../unpack/opened.ts';
import { verifyIndex } from '../../verify/index-file.ts';
import type { TrustedKeys } from '../../verify/key.ts';
import { verifyPackage } from '../../verify/package-file.ts';

export interface LocalTrust {
  readonly keys: TrustedKeys;
  readonly allowUntrusted: boolean;
}

export interface LocalFile {
  readonly record: PackageRecord;
  readonly open: () => OpenedPackageFile;
}

export interface LocalRepository {
  readonly repository: Repository;
  /** @throws ALP_UNPACK_TREE when the index names a file that is not there, ALP_VERIFY_* */
  readonly open: (record: PackageRecord) => OpenedPackageFile;
}

/** A path of apk's command line, as seen inside. */
export const pathIn = (cwd: string, operand: string): TreePath =>
  treePathFromUser(operand.startsWith('/') ? operand : `${cwd}/${operand}`);

/** Package files among the operands. @throws ALP_UNPACK_TREE, ALP_VERIFY_* */
export function openLocalFiles(
  tree: WorkTree,
  operands: readonly string[],
  { cwd, ...trust }: LocalTrust & { readonly cwd: string },
): ReadonlyMap<string, LocalFile> {
  const isThere = (operand: string): boolean => tree.stat(tree.resolve(pathIn(cwd, operand))) !== undefined;
  const named = operands.filter((operand) => operand.endsWith('.apk') && (operand.includes('/') || isThere(operand)));
  return new Map(
    named.map((operand) => [operand, openFile(tree, tree.resolve(pathIn(cwd, operand)), { ...trust, name: operand })]),
  );
}

function openFile(
  tree: WorkTree,
  path: TreePath,
  { name, expected, ...trust }: LocalTrust & { readonly name: string; readonly expected?: PackageRecord },
): LocalFile {
  const source = bufferSource(name, tree.readFile(path, limits.minirootfs));
  const { package: contents } = verifyPackage(source, { ...trust, expected });
  return { record: contents.record, open: () => ({ contents, source, close: () => undefined }) };
}

/** Whether a line of a repositories file names a directory of the tree. */
export const isLocal = ({ location }: RepositoryLine): boolean =>
  location.startsWith('/') || location.startsWith('file:///');

/** undefined where there is no index. @throws ALP_VERIFY_*, ALP_LIMIT_SIZE */
export function readLocalRepository(
  tree: WorkTree,
  line: RepositoryLine,
  { arch, ...trust }: LocalTrust & { readonly arch: Arch },
): LocalRepository | undefined {
  const own = { ...line, location: line.location.replace(/^file:\/\//, '') };
  const inside = (location: string): TreePath => tree.resolve(treePathFromUser(location));
  const place = inside(indexLocation(own, arch));
  if (tree.stat(place)?.kind !== 'file') return undefined;
  const { index } = verifyIndex(tree.readFile(place, limits.indexCompressed), { ...trust, location: line.location });
  return {
    repository: { index, ...(line.tag === undefined ? {} : { tag: line.tag }) },
    open: (record) =>
      openFile(tree, inside(packageLocation(own, record, arch)), {
        ...trust,
        name: `${record.name}-${record.version}.apk`,
        expected: record,
      }).open(),
  };
}
