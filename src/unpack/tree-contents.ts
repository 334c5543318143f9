/**
 * Whether the files of a tree still hold what they were made with, told without hashing all of them when they are
 * made: what packages brought has its checksum in their database. Of the rest (what scripts have made or changed, and
 * the database itself) the digests are taken then, which is little.
 */
import { isAlprootError } from '../core/errors.ts';
import { joinTree, type TreePath } from '../core/paths.ts';
import { digestOfFile } from '../system/tree/tree-digest.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';
import { readDatabase, type Database } from './database.ts';
import { contentChecksum, digestMarked } from './package-removal.ts';

/** SHA-256 of files by their paths, of those for which the database does not speak. */
export type OwnContents = Readonly<Record<string, string>>;

/** Some of it was changed long before, in the minirootfs: `etc/shadow`. */
const CONFIGURATION = 'etc/';

/** @param since milliseconds since 1970: files of packages that have changed later are taken for changed by scripts */
export function ownContents(tree: WorkTree, { packages }: Pick<Database, 'packages'>, since: number): OwnContents {
  const known = checksumsOf(tree, packages);
  const own: [TreePath, string][] = [];
  tree.walk((path, { kind, mtime }) => {
    if (kind === 'file' && (!known.has(path) || path.startsWith(CONFIGURATION) || mtime >= Math.floor(since / 1000)))
      own.push([path, sha256Of(tree, path)]);
    return true;
  });
  return Object.fromEntries(own);
}

/** A file of which nothing is known counts as damaged. */
export function hasItsContents(tree: WorkTree, own: OwnContents): boolean {
  try {
    const known = checksumsOf(tree, readDatabase(tree).packages);
    const isRecorded = (path: TreePath): boolean => {
      const recorded = known.get(path);
      return recorded !== undefined && contentChecksum(tree, path, recorded.algorithm) === recorded.checksum;
    };
    let damaged = false;
    tree.walk((path, { kind }) => {
      damaged ||=
        kind === 'file' && !(Object.hasOwn(own, path) ? own[path] === sha256Of(tree, path) : isRecorded(path));
      return !damaged;
    });
    return !damaged;
  } catch (error) {
    // A database that cannot be read, or a file.
    if (isAlprootError(error)) return false;
    throw error;
  }
}

const sha256Of = (tree: WorkTree, path: TreePath): string => digestOfFile(tree, path, 'sha256').toString('hex');

interface Recorded {
  readonly checksum: string;
  readonly algorithm: 'sha1' | 'sha256';
}

/** What the database says of the files of packages, by where they are. */
function checksumsOf(tree: WorkTree, packages: Database['packages']): Map<TreePath, Recorded> {
  const known = new Map<TreePath, Recorded>();
  for (const { broken, directories } of packages) {
    const algorithm = digestMarked(broken);
    for (const { path, files } of directories) {
      const place = files.length === 0 ? path : tree.resolve(path);
      for (const { name, checksum } of files)
        if (checksum !== '') known.set(joinTree(place, name), { checksum, algorithm });
    }
  }
  return known;
}
