/**
 * A file whose path is taken gets a temporary name, and its own when all of the package is right. An edited file of a
 * protected directory stays, and the package's goes beside it.
 *
 * @see apk-tools 2.14 `apk_db_migrate_files`
 */
import { createHash } from 'node:crypto';
import { joinTree, parentOf, type TreePath } from '../core/paths.ts';
import { refusal } from '../formats/apk/package-entries.ts';
import { contentChecksum, packageDigest } from './package-removal.ts';
import type { EntryPlacement, PlacedFile, Unpacking } from './placement.ts';
import { claimFile, type LivePackage } from './tree-state.ts';

/** The path itself when it is free, or a temporary name beside it. @throws ALP_UNPACK_PATH */
export function freeName(unpacking: Unpacking, { path, actual }: EntryPlacement): TreePath {
  const { options, label, record } = unpacking;
  const found = options.tree.stat(actual);
  if (found === undefined) return actual;
  if (found.kind === 'directory') throw refusal('ALP_UNPACK_PATH', label, path, 'a directory is in its place');
  const digest = createHash('sha256').update(`${record.name}\0${path}`).digest('hex').slice(0, 48);
  const temporary = joinTree(parentOf(actual), `.apk.${digest}`);
  options.tree.remove(temporary);
  return temporary;
}

/** The file gets its own name, and the package owns it from now on. */
export function publishFile(unpacking: Unpacking, placed: PlacedFile): void {
  const { state, owner } = unpacking.options;
  const { placement, directory, file } = placed;
  if (placement.written !== placement.actual) publishOver(unpacking, placed);
  claimFile(state, { owner, directory, file });
}

/** An edited file stays; the package's goes beside it unless they are the same. */
function publishOver(
  unpacking: Unpacking,
  { placement: { path, actual, written }, directory, file }: PlacedFile,
): void {
  const { options, newFiles } = unpacking;
  const { tree, undo, state, owner } = options;
  const before = state.files.get(path);
  const isKept = options.isProtected(directory.path) && contentChecksum(tree, actual) !== undefined;
  const has = (checksum: string, by: LivePackage): boolean =>
    contentChecksum(tree, actual, packageDigest(by)) === checksum;
  const isUnedited =
    isKept && before !== undefined && before.file.checksum !== '' && has(before.file.checksum, before.owner);
  if (!isKept || isUnedited) undo.replace(written, actual);
  else if (has(file.checksum, owner)) tree.remove(written);
  else {
    undo.replace(written, `${actual}.apk-new` as TreePath);
    newFiles.push(path);
  }
}
