/**
 * An install plan carried out on a tree, change by change in the solver's order, with scripts and triggers as apk
 * runs them; the database comes last.
 *
 * @see apk-tools 2.14 `apk_solver_commit_changeset`, `apk_db_install_pkg`
 */
import type { Emit } from '../core/events.ts';
import type { Change, InstallPlan, PlannedPackage } from '../core/package.ts';
import { formatChecksum } from '../formats/package-checksum.ts';
import { DIRECTORY_ACL, type InstalledEntry } from '../formats/installed-db.ts';
import type { StoredScript } from '../formats/scripts-archive.ts';
import { joinTree, type TreePath } from '../core/paths.ts';
import type { WorkTree } from '../system/work-tree.ts';
import { readAccounts } from './accounts.ts';
import { readDatabase, scriptName, writeDatabase, type Database, type Trigger } from './database.ts';
import { indexFiles } from './file-owners.ts';
import type { OpenedPackageFile, RunScript } from './opened.ts';
import { placePackage } from './package-files.ts';
import { readProtection } from './protected-paths.ts';
import { removeFiles } from './removal.ts';
import type { OwnerPolicy } from './rootfs.ts';
import { createScriptRunner, triggeredBy, triggerOf, type ScriptRunner } from './scripts.ts';

export interface ApplyOptions {
  readonly tree: WorkTree;
  readonly plan: InstallPlan;
  /** Opens the verified file of a planned package that has one. */
  readonly open: (planned: PlannedPackage) => OpenedPackageFile;
  readonly runScript: RunScript | undefined;
  readonly owners: OwnerPolicy;
  readonly emit: Emit;
  readonly purge?: boolean;
}

export interface ApplyResult {
  readonly newFiles: readonly TreePath[];
  readonly failedScripts: readonly { readonly label: string; readonly status: number }[];
  readonly database: Database;
}

interface Working {
  readonly options: ApplyOptions;
  readonly scripts: ScriptRunner;
  packages: InstalledEntry[];
  stored: StoredScript[];
  triggers: Trigger[];
  readonly changed: Set<TreePath>;
  /** Packages that are new, whose triggers see every directory. */
  readonly fresh: Set<string>;
  readonly newFiles: TreePath[];
}

/** @throws ALP_UNPACK_*, ALP_VERIFY_DIGEST; the database then still describes what was there before */
export async function applyPlan(options: ApplyOptions): Promise<ApplyResult> {
  const { tree, plan } = options;
  const before = readDatabase(tree);
  const working: Working = {
    options,
    scripts: createScriptRunner(tree, options.runScript, options.emit),
    packages: [...before.packages],
    stored: [...before.scripts],
    triggers: [...before.triggers],
    changed: new Set(),
    fresh: new Set(),
    newFiles: [],
  };
  for (const change of plan.changes) await carryOut(change, working);
  const database = (): Database => ({ arch: before.arch === '' ? plan.arch : before.arch, world: plan.world, packages: working.packages, scripts: working.stored, triggers: working.triggers });
  writeDatabase(tree, database());
  await runTriggers(working);
  if (working.scripts.failures.length > 0) {
    working.packages = working.packages.map((entry) => markBroken(entry, working));
    writeDatabase(tree, database());
  }
  return { newFiles: working.newFiles, failedScripts: working.scripts.failures, database: database() };
}

async function carryOut(change: Change, working: Working): Promise<void> {
  if (change.kind === 'purge') return purge(change.previous.record.name, working);
  if (change.kind === 'skip') return;
  const { next } = change;
  const previous = working.packages.find(({ record }) => record.name === next.record.name);
  if (change.kind === 'pin' && previous !== undefined) {
    const { tag: _former, ...rest } = previous;
    setEntry(working, { ...rest, ...(next.tag === undefined ? {} : { tag: next.tag }) });
    return;
  }
  if (next.source.kind === 'virtual') {
    setEntry(working, { record: next.record, directories: [] });
    return;
  }
  const opened = working.options.open(next);
  try {
    await install(next, { opened, previous, working });
  } finally {
    opened.close();
  }
}

interface Installing {
  readonly opened: OpenedPackageFile;
  readonly previous: InstalledEntry | undefined;
  readonly working: Working;
}

async function install(next: PlannedPackage, { opened, previous, working }: Installing): Promise<void> {
  const { tree, owners } = working.options;
  const { record } = next;
  const shell: InstalledEntry = { record, directories: [], ...(next.tag === undefined ? {} : { tag: next.tag }) };
  const scripts = [...opened.contents.scripts].map(([kind, content]): StoredScript => ({ name: scriptName(shell, kind), mtime: record.buildTime, content }));
  const verb = previous === undefined ? 'install' : 'upgrade';
  const args = previous === undefined ? [record.version] : [record.version, previous.record.version];
  await working.scripts.run(shell, `pre-${verb}`, args, scripts);
  const placed = placePackage(opened, { tree, owners, accounts: readAccounts(tree), files: indexFiles(working.packages), protection: readProtection(tree) });
  const directories = withLeadingDirectories(placed.directories);
  const entry: InstalledEntry = { ...shell, directories };
  disown(working, entry);
  if (previous !== undefined) forget(previous, working);
  setEntry(working, entry);
  if (previous !== undefined) removeLeftFiles(previous, working);
  working.stored.push(...scripts);
  if (opened.contents.triggers.length > 0 && record.checksum !== undefined) {
    working.triggers.push({ checksum: formatChecksum(record.checksum), patterns: opened.contents.triggers });
    working.fresh.add(record.name);
  }
  for (const { path } of directories) working.changed.add(path);
  working.newFiles.push(...placed.newFiles);
  await working.scripts.run(entry, `post-${verb}`, args, scripts);
}

async function purge(name: string, working: Working): Promise<void> {
  const entry = working.packages.find(({ record }) => record.name === name);
  if (entry === undefined) return;
  await working.scripts.run(entry, 'pre-deinstall', [entry.record.version], working.stored);
  working.packages = working.packages.filter((other) => other !== entry);
  removeLeftFiles(entry, working);
  for (const { path } of entry.directories) working.changed.add(path);
  await working.scripts.run(entry, 'post-deinstall', [entry.record.version], working.stored);
  forget(entry, working);
}

/** Removes what `entry` had and nobody of the present packages has. */
function removeLeftFiles(entry: InstalledEntry, working: Working): void {
  const { tree, purge: all = false } = working.options;
  const files = indexFiles(working.packages);
  const directories = new Set(working.packages.flatMap((other) => other.directories.map(({ path }) => path)));
  removeFiles(entry, { tree, isOwned: (path) => files.has(path) || directories.has(path), protection: readProtection(tree), purge: all });
}

/** Files that the new package took over leave their former owner's list. */
function disown(working: Working, taker: InstalledEntry): void {
  const taken = new Set(taker.directories.flatMap(({ path, files }) => files.map(({ name }) => joinTree(path, name))));
  working.packages = working.packages.map((entry) => {
    if (entry.record.name === taker.record.name || !entry.directories.some(({ path, files }) => files.some(({ name }) => taken.has(joinTree(path, name))))) return entry;
    return { ...entry, directories: entry.directories.map((directory) => ({ ...directory, files: directory.files.filter(({ name }) => !taken.has(joinTree(directory.path, name))) })) };
  });
}

function setEntry(working: Working, entry: InstalledEntry): void {
  working.packages = [...working.packages.filter(({ record }) => record.name !== entry.record.name), entry];
}

/** Drops the scripts and triggers of a package that goes. */
function forget(entry: InstalledEntry, working: Working): void {
  const prefix = scriptName(entry, '');
  working.stored = working.stored.filter(({ name }) => !name.startsWith(prefix));
  const own = triggerOf(entry, working.triggers);
  working.triggers = working.triggers.filter((trigger) => trigger !== own);
}

/** apk lists every directory on the way to a file, in order. */
function withLeadingDirectories(directories: InstalledEntry['directories']): InstalledEntry['directories'] {
  const all = new Map(directories.map((directory) => [directory.path, directory]));
  for (const { path } of directories) {
    for (let cut = path.lastIndexOf('/'); cut > 0; cut = path.lastIndexOf('/', cut - 1)) {
      const outer = path.slice(0, cut) as TreePath;
      if (!all.has(outer)) all.set(outer, { path: outer, acl: DIRECTORY_ACL, files: [] });
    }
  }
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function runTriggers(working: Working): Promise<void> {
  const everything = new Set([...working.packages.flatMap(({ directories }) => directories.map(({ path }) => path))]);
  for (const entry of working.packages) {
    const trigger = triggerOf(entry, working.triggers);
    if (trigger === undefined) continue;
    const paths = triggeredBy(trigger, working.fresh.has(entry.record.name) ? everything : working.changed);
    if (paths.length > 0) await working.scripts.run(entry, 'trigger', paths, working.stored);
  }
}

function markBroken(entry: InstalledEntry, { scripts }: Working): InstalledEntry {
  const label = `${entry.record.name}-${entry.record.version}.`;
  return scripts.failures.some((failure) => failure.label.startsWith(label)) ? { ...entry, broken: 's' } : entry;
}
