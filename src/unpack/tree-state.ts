/**
 * The installed packages while they change: who owns which file, how many packages share a directory, what its
 * owner and mode shall be. Lists keep apk's order, since it shows in the database and in the order of triggers.
 *
 * @see apk-tools 2.14 `apk_db_dir_get`, `apk_db_diri_new`
 */
import type { Dependency, PackageRecord } from '../core/package.ts';
import { joinTree, parentOf, TREE_ROOT, type TreePath } from '../core/paths.ts';
import { DIRECTORY_ACL, type Acl, type InstalledEntry } from '../formats/apk/installed-db.ts';
import { formatChecksum } from '../formats/apk/package-checksum.ts';
import { SCRIPT_ORDER, scriptName, type Database } from './database.ts';

export interface LiveFile {
  readonly name: string;
  acl: Acl;
  checksum: string;
}

export interface LiveDirectory {
  readonly path: TreePath;
  acl: Acl;
  readonly files: Map<string, LiveFile>;
}

export interface LivePackage {
  readonly record: PackageRecord;
  tag: string | undefined;
  readonly broken: Set<string>;
  readonly directories: Map<TreePath, LiveDirectory>;
  readonly scripts: Map<string, Buffer>;
  triggers: readonly string[];
  /** Installed by this run: its trigger sees every directory. */
  fresh: boolean;
}

/** What all packages together make of a directory. */
export interface SharedDirectory {
  readonly path: TreePath;
  references: number;
  /** Packages that have it, in the order in which they came. */
  readonly members: LiveDirectory[];
  /** Looked at in this run. */
  prepared: boolean;
  /** It is as packages wanted it, so that it may be changed to what they want now. */
  mayChange: boolean;
  modified: boolean;
}

export interface OwnedFile {
  readonly owner: LivePackage;
  readonly directory: LiveDirectory;
  readonly file: LiveFile;
}

export interface InstallState {
  /** In apk's order: as read, then as installed. */
  packages: LivePackage[];
  /** Those with triggers, in the order in which apk writes them. */
  triggered: LivePackage[];
  readonly directories: Map<TreePath, SharedDirectory>;
  readonly files: Map<TreePath, OwnedFile>;
}

export const livePackage = (record: PackageRecord, tag: string | undefined): LivePackage => ({
  record,
  tag,
  broken: new Set(),
  directories: new Map(),
  scripts: new Map(),
  triggers: [],
  fresh: false,
});

export const packageNamed = (state: InstallState, name: string): LivePackage | undefined =>
  state.packages.find(({ record }) => record.name === name);

export function stateFrom(database: Database): InstallState {
  const state: InstallState = { packages: [], triggered: [], directories: new Map(), files: new Map() };
  const scripts = new Map(database.scripts.map(({ name, content }) => [name, content]));
  const byChecksum = new Map<string, LivePackage>();
  for (const entry of database.packages) {
    const owner = adopt(state, entry);
    for (const kind of SCRIPT_ORDER) {
      const content = scripts.get(scriptName(entry.record, kind));
      if (content !== undefined) owner.scripts.set(kind, content);
    }
    if (entry.record.checksum !== undefined) byChecksum.set(formatChecksum(entry.record.checksum), owner);
  }
  for (const { checksum, patterns } of database.triggers) {
    const owner = byChecksum.get(checksum);
    if (owner === undefined) continue;
    owner.triggers = patterns;
    state.triggered.push(owner);
  }
  return state;
}

function adopt(state: InstallState, { record, tag, broken = '', directories }: InstalledEntry): LivePackage {
  const owner = livePackage(record, tag);
  for (const flag of broken) owner.broken.add(flag);
  state.packages.push(owner);
  for (const { path, acl, files } of directories) {
    const directory = ownDirectory(state, owner, path);
    directory.acl = acl;
    for (const file of files) {
      if (state.files.has(joinTree(path, file.name))) continue;
      claimFile(state, { owner, directory, file: { ...file } });
    }
  }
  return owner;
}

/** The package's own entry for a directory, made when it is missing. */
export function ownDirectory(state: InstallState, owner: LivePackage, path: TreePath): LiveDirectory {
  const known = owner.directories.get(path);
  if (known !== undefined) return known;
  const made: LiveDirectory = { path, acl: DIRECTORY_ACL, files: new Map() };
  owner.directories.set(path, made);
  reference(state, path);
  sharedDirectory(state, path).members.push(made);
  return made;
}

export function sharedDirectory(state: InstallState, path: TreePath): SharedDirectory {
  const known = state.directories.get(path);
  if (known !== undefined) return known;
  const made: SharedDirectory = {
    path,
    references: 0,
    members: [],
    prepared: false,
    mayChange: false,
    modified: false,
  };
  state.directories.set(path, made);
  return made;
}

function reference(state: InstallState, path: TreePath): void {
  if (sharedDirectory(state, path).references++ === 0 && path !== TREE_ROOT) reference(state, parentOf(path));
}

/** @param onGone called for each directory that no package has any more, the inner ones first */
export function releaseDirectory(state: InstallState, path: TreePath, onGone: (path: TreePath) => void): void {
  const shared = sharedDirectory(state, path);
  if (--shared.references > 0 || path === TREE_ROOT) return;
  shared.modified = true;
  onGone(path);
  shared.prepared = shared.mayChange = false;
  releaseDirectory(state, parentOf(path), onGone);
}

/** What packages agree on: the least owner wins, and of equal owners the bits that their modes share. */
export function agreedAcl(members: readonly LiveDirectory[]): Acl | undefined {
  let agreed: Acl | undefined;
  for (const {
    acl: { uid, gid, mode },
  } of members) {
    if (agreed === undefined || uid < agreed.uid || (uid === agreed.uid && gid < agreed.gid))
      agreed = { uid, gid, mode };
    else if (uid === agreed.uid && gid === agreed.gid) agreed = { uid, gid, mode: agreed.mode & mode };
  }
  return agreed;
}

/** The file is this package's now; whoever had it loses it. */
export function claimFile(state: InstallState, claim: OwnedFile): void {
  const path = joinTree(claim.directory.path, claim.file.name);
  const before = state.files.get(path);
  if (before !== undefined && before.owner !== claim.owner) before.directory.files.delete(before.file.name);
  claim.directory.files.set(claim.file.name, claim.file);
  state.files.set(path, claim);
}

export function databaseFrom(state: InstallState, arch: string, world: readonly Dependency[]): Database {
  const packages = state.packages.map(({ record, tag, broken, directories }): InstalledEntry => ({
    record,
    directories: [...directories.values()].map(({ path, acl, files }) => ({ path, acl, files: [...files.values()] })),
    ...(tag === undefined ? {} : { tag }),
    ...(broken.size === 0 ? {} : { broken: ['f', 's', 'x', 'S'].filter((flag) => broken.has(flag)).join('') }),
  }));
  const scripts = state.packages.flatMap(({ record, scripts: own }) =>
    SCRIPT_ORDER.flatMap((kind) => {
      const content = own.get(kind);
      return content === undefined ? [] : [{ name: scriptName(record, kind), mtime: record.buildTime, content }];
    }),
  );
  const triggers = state.triggered.map(({ record, triggers: patterns }) => ({
    checksum: record.checksum === undefined ? '' : formatChecksum(record.checksum),
    patterns,
  }));
  return { arch, world, packages, scripts, triggers };
}
