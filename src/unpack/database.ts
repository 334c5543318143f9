/** The package database of a tree: read whole, changed in memory, written when everything else is in place. */
import { limits } from '../core/limits.ts';
import type { Dependency, PackageRecord } from '../core/package.ts';
import type { TreePath } from '../core/paths.ts';
import { parentOf, joinTree, TREE_ROOT } from '../core/paths.ts';
import { formatChecksum } from '../formats/apk/package-checksum.ts';
import { formatInstalled, parseInstalled, type Acl, type InstalledEntry } from '../formats/apk/installed-db.ts';
import { formatScripts, parseScripts, type StoredScript } from '../formats/apk/scripts-archive.ts';
import { formatWorld, parseWorld } from '../formats/apk/world-file.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';

const at = (path: string): TreePath => path as TreePath;
const INSTALLED = at('lib/apk/db/installed');
const SCRIPTS = at('lib/apk/db/scripts.tar');
const TRIGGERS = at('lib/apk/db/triggers');
const WORLD = at('etc/apk/world');
const ARCH = at('etc/apk/arch');
const MAX_BYTES = limits.index;

export interface Trigger {
  /** `Q1…` of the package. */
  readonly checksum: string;
  readonly patterns: readonly string[];
}

export interface Database {
  readonly arch: string;
  readonly world: readonly Dependency[];
  readonly packages: readonly InstalledEntry[];
  readonly scripts: readonly StoredScript[];
  readonly triggers: readonly Trigger[];
}

/** A tree without database has an empty one. @throws ALP_FORMAT_* */
export function readDatabase(tree: WorkTree): Database {
  const read = (path: TreePath): Buffer | undefined => {
    const place = placeOf(tree, path);
    return tree.stat(place)?.kind === 'file' ? tree.readFile(place, MAX_BYTES) : undefined;
  };
  const text = (path: TreePath): string => read(path)?.toString('latin1') ?? '';
  return {
    arch: text(ARCH).trim(),
    world: parseWorld(text(WORLD)),
    packages: parseInstalled(text(INSTALLED)),
    scripts: parseScripts(read(SCRIPTS) ?? Buffer.alloc(0)),
    triggers: text(TRIGGERS)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [checksum = '', ...patterns] = line.split(' ');
        return { checksum, patterns };
      }),
  };
}

/** Each file is replaced whole. `uninstalled` is never left half-written: a failure keeps the old file. */
export function writeDatabase(tree: WorkTree, database: Database): void {
  ensureDirectory(tree, parentOf(INSTALLED));
  ensureDirectory(tree, parentOf(WORLD));
  replaceFile(tree, WORLD, Buffer.from(formatWorld(database.world), 'latin1'));
  if (database.arch !== '' && tree.stat(placeOf(tree, ARCH)) === undefined)
    replaceFile(tree, ARCH, Buffer.from(`${database.arch}\n`, 'latin1'));
  replaceFile(tree, SCRIPTS, formatScripts(database.scripts));
  replaceFile(
    tree,
    TRIGGERS,
    Buffer.from(
      database.triggers.map(({ checksum, patterns }) => `${[checksum, ...patterns].join(' ')}\n`).join(''),
      'latin1',
    ),
  );
  replaceFile(tree, INSTALLED, Buffer.from(formatInstalled(database.packages), 'latin1'));
}

/** Where a file of apk's is: below links of the tree, `lib → usr/lib` above all. */
export const placeOf = (tree: WorkTree, path: TreePath): TreePath => tree.resolve(path, { followLast: false });

export function replaceFile(tree: WorkTree, path: TreePath, bytes: Buffer, mode = 0o644): void {
  const place = placeOf(tree, path);
  const temporary = at(`${place}.new`);
  tree.remove(temporary);
  tree.writeFile(temporary, bytes, mode);
  tree.rename(temporary, place);
}

/** Makes what is missing of a directory and those above it. @returns where it is */
export function ensureDirectory(tree: WorkTree, path: TreePath): TreePath {
  const place = tree.resolve(path);
  if (place === TREE_ROOT || tree.stat(place) !== undefined) return place;
  ensureDirectory(tree, parentOf(place));
  tree.makeDirectory(place, 0o755);
  return place;
}

/** Owner and mode of everything that packages own, as they want it; for exports and images. */
export function readOwners(database: Database): Map<TreePath, Acl> {
  const owners = new Map<TreePath, Acl>();
  for (const { directories } of database.packages) {
    for (const { path, acl, files } of directories) {
      if (path !== TREE_ROOT) owners.set(path, acl);
      for (const file of files) owners.set(joinTree(path, file.name), file.acl);
    }
  }
  return owners;
}

/** The directories whose changes run a package's trigger. */
export const triggersOf = (
  { triggers }: Pick<Database, 'triggers'>,
  { checksum }: PackageRecord,
): readonly string[] =>
  checksum === undefined
    ? []
    : (triggers.find((trigger) => trigger.checksum === formatChecksum(checksum))?.patterns ?? []);

/** Kinds of scripts in the order in which apk keeps them. */
export const SCRIPT_ORDER = [
  'pre-install',
  'post-install',
  'pre-deinstall',
  'post-deinstall',
  'pre-upgrade',
  'post-upgrade',
  'trigger',
] as const;

/** File name of a script in scripts.tar. */
export const scriptName = (record: PackageRecord, kind: string): string =>
  `${record.name}-${record.version}.${record.checksum === undefined ? '' : formatChecksum(record.checksum)}.${kind}`;
