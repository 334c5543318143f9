/**
 * The data of one package into a tree: strict tar or ADB, every file's checksum. A file whose path is free is written
 * there; others get a temporary name and are renamed when all of the package is right.
 *
 * @see apk-tools 2.14 `apk_db_install_file`, `apk_db_migrate_files`
 */
import { sha256Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { unpackedBytes } from '../core/limits.ts';
import type { TreePath } from '../core/paths.ts';
import { readAdbArchive } from '../formats/adb/adb-archive.ts';
import type { TarHandler } from '../formats/tar/tar-entry.ts';
import { createTarReader } from '../formats/tar/tar-reader.ts';
import { applyPlacement } from './entry-writer.ts';
import { classify, createUnpacking, type UnpackPackageOptions } from './placement.ts';
import { publishFile } from './temporary-files.ts';
import { sharedDirectory } from './tree-state.ts';
import type { SuppliedPackage } from './unpack-pipeline.ts';

export interface UnpackedFiles {
  /** Files that were edited and stay; the package's own lies beside each as `.apk-new`. */
  readonly newFiles: readonly TreePath[];
  /** Devices and pipes, which the database has and the tree has not. */
  readonly notMade: readonly TreePath[];
}

/** @throws ALP_UNPACK_*, ALP_VERIFY_DIGEST, ALP_FORMAT_*, ALP_LIMIT_SIZE; the caller rolls back */
export function unpackPackage(file: SuppliedPackage, options: UnpackPackageOptions): UnpackedFiles {
  const unpacking = createUnpacking(file.contents.record, options);
  readEntries(file, unpacking.label, (entry) => applyPlacement(unpacking, entry, classify(unpacking, entry)));
  for (const { path } of options.owner.directories.values()) sharedDirectory(options.state, path).modified = true;
  for (const item of unpacking.placed.values()) publishFile(unpacking, item);
  return unpacking;
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
