/**
 * Where each entry of a package goes, decided before anything of it is written. The tree's links are followed only
 * where a package ships the directory that a link stands for (`lib → usr/lib`).
 *
 * @see apk-tools 2.14 `apk_db_install_file`
 */
import type { PackageRecord } from '../core/package.ts';
import { joinTree, nameOf, parentOf, TREE_ROOT, type TreePath } from '../core/paths.ts';
import { createEntryRules, refusal, type EntryRules } from '../formats/apk/package-entries.ts';
import type { TarEntry, TarEntryKind } from '../formats/tar/tar-entry.ts';
import type { DirectoryContext } from './owned-directories.ts';
import { settleConflict } from './file-owners.ts';
import { isSpecial, refuseSpecial } from './omitted.ts';
import { packageDigest } from './package-removal.ts';
import type { LiveDirectory, LiveFile, LivePackage } from './tree-state.ts';
import type { UserNames } from './user-names.ts';

export interface UnpackPackageOptions extends DirectoryContext {
  readonly owner: LivePackage;
  readonly userNames: UserNames;
  readonly isProtected: (directory: TreePath) => boolean;
  /** Devices and pipes are refused. */
  readonly strict?: boolean | undefined;
  /** `--force-overwrite`: takes files of other packages, and is told of each. */
  readonly overwrite?: ((warning: string) => void) | undefined;
}

/** `none`: apk does not install it, or another package's claim is the stronger. `special`: a device or a pipe. */
export type Placement = { readonly kind: 'none' } | EntryPlacement;

export interface EntryPlacement {
  readonly kind: 'directory' | 'file' | 'symlink' | 'hardlink' | 'special';
  /** As the package names it. */
  readonly path: TreePath;
  /** Where that is in the tree. */
  readonly actual: TreePath;
  /** Where it is until the package is right: `actual`, or a temporary name beside it. */
  written: TreePath;
}

/** A file, link or special file that was placed. */
export interface PlacedFile {
  readonly placement: EntryPlacement;
  readonly directory: LiveDirectory;
  readonly file: LiveFile;
}

/** One package while it is unpacked. */
export interface Unpacking {
  readonly options: UnpackPackageOptions;
  readonly record: PackageRecord;
  /** `musl-1.2.4-r2` */
  readonly label: string;
  readonly algorithm: 'sha1' | 'sha256';
  readonly rules: EntryRules;
  /** Where the package's directories are in the tree. */
  readonly actualOf: Map<TreePath, TreePath>;
  readonly placed: Map<TreePath, PlacedFile>;
  readonly newFiles: TreePath[];
  readonly notMade: TreePath[];
}

export function createUnpacking(record: PackageRecord, options: UnpackPackageOptions): Unpacking {
  const label = `${record.name}-${record.version}`;
  const algorithm = packageDigest(options.owner);
  return {
    options,
    record,
    label,
    algorithm,
    rules: createEntryRules({ label, algorithm }),
    actualOf: new Map([[TREE_ROOT, TREE_ROOT]]),
    placed: new Map(),
    newFiles: [],
    notMade: [],
  };
}

const NONE: Placement = { kind: 'none' };

const PLACED_AS: Readonly<Record<TarEntryKind, EntryPlacement['kind']>> = {
  directory: 'directory',
  file: 'file',
  symlink: 'symlink',
  hardlink: 'hardlink',
  char: 'special',
  block: 'special',
  fifo: 'special',
};

/** Looks, and writes nothing. @throws ALP_UNPACK_*, ALP_VERIFY_DIGEST, ALP_FORMAT_APK, ALP_LIMIT_DEPTH */
export function classify(unpacking: Unpacking, entry: TarEntry): Placement {
  const { rules, actualOf, label } = unpacking;
  const path = rules.accept(entry);
  if (path === undefined) return NONE;
  const outer = actualOf.get(parentOf(path));
  // The rules have seen that the package ships the directory above.
  if (outer === undefined) throw new Error(`no directory for ${path} of ${label}`);
  if (entry.kind !== 'directory' && isLeft(unpacking, path)) return NONE;
  if (unpacking.options.strict === true && isSpecial(entry.kind)) throw refuseSpecial(entry.kind, path, label);
  const named = joinTree(outer, nameOf(path));
  const actual = entry.kind === 'directory' ? directoryAt(unpacking, named, path) : named;
  return { kind: PLACED_AS[entry.kind], path, actual, written: actual };
}

/** Whether the path stays with the package that has it. */
function isLeft({ options: { state, overwrite }, record }: Unpacking, path: TreePath): boolean {
  const owned = state.files.get(path);
  return owned !== undefined && settleConflict(path, record, { owner: owned.owner.record, overwrite }) === 'leave';
}

/** A link counts as the directory that it leads to, when that is a real one of the tree. */
function directoryAt({ options: { tree }, rules, label }: Unpacking, named: TreePath, path: TreePath): TreePath {
  const found = tree.stat(named);
  if (found === undefined || found.kind === 'directory') return named;
  if (found.kind !== 'symlink') throw refusal('ALP_UNPACK_PATH', label, path, `a ${found.kind} is in its place`);
  if (rules.kindOf(named) === 'symlink')
    throw refusal('ALP_UNPACK_LINK', label, path, 'the package itself makes a link of it');
  const actual = tree.resolve(named);
  if (tree.stat(actual)?.kind !== 'directory')
    throw refusal('ALP_UNPACK_LINK', label, path, 'it is a link that leads to no directory of the tree');
  return actual;
}
