/**
 * An install plan carried out on a tree, change by change in the solver's order, with scripts and triggers as apk
 * runs them; the database comes last. When anything fails, what was done is taken back.
 *
 * @see apk-tools 2.14 `apk_solver_commit_changeset`, `apk_db_install_pkg`
 */
import type { Emit } from '../core/events.ts';
import type { Change, InstallPlan, PackageRecord, PlannedPackage } from '../core/package.ts';
import type { TreePath } from '../core/paths.ts';
import { databaseChecksum, sameIdentity } from '../formats/apk/package-checksum.ts';
import { withFields } from '../formats/apk/package-fields.ts';
import type { Thread } from '../system/thread/thread.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';
import { readUserNames, type UserNames } from './user-names.ts';
import { readDatabase, writeDatabase, type Database } from './database.ts';
import { settleDirectories } from './owned-directories.ts';
import { announceOmitted } from './omitted.ts';
import type { OpenedPackageFile, RunScript } from './opened.ts';
import { unpackPackage } from './package-unpack.ts';
import { readProtection } from './protected-paths.ts';
import { removeFiles } from './package-removal.ts';
import type { OwnerPolicy } from './minirootfs-unpack.ts';
import { createScriptRunner, triggeredBy, type ScriptFailure, type ScriptRunner } from './scripts.ts';
import { inDependencyOrder } from './dependency-order.ts';
import {
  databaseFrom,
  livePackage,
  packageNamed,
  stateFrom,
  type InstallState,
  type LivePackage,
} from './tree-state.ts';
import { createUnpackPipeline, type SuppliedPackage, type UnpackPipeline } from './unpack-pipeline.ts';
import { createUndo, type Undo } from './undo.ts';

export interface ApplyOptions {
  readonly tree: WorkTree;
  readonly plan: InstallPlan;
  /** Opens the verified file of a planned package that has one. */
  readonly open: (planned: PlannedPackage) => OpenedPackageFile | Promise<OpenedPackageFile>;
  /** Of `startPackageThread`; the caller stops it afterwards. */
  readonly thread?: Thread | undefined;
  readonly runScript: RunScript | undefined;
  readonly owners: OwnerPolicy;
  readonly emit: Emit;
  /** Removes edited configuration files too. */
  readonly purge?: boolean;
  /** Devices and pipes of packages are refused. */
  readonly strict?: boolean | undefined;
  /** Files of other packages are taken over, with a warning. */
  readonly forceOverwrite?: boolean;
  /** Gives every directory the owner and mode that packages want, also those that were changed by hand. */
  readonly resetDirectories?: boolean;
}

export interface ApplyResult {
  /** Files of protected directories that were edited; the package's own lies beside each as `.apk-new`. */
  readonly newFiles: readonly TreePath[];
  readonly failedScripts: readonly ScriptFailure[];
  /** Packages that this run has installed and that did not come out whole: apk's count of errors. */
  readonly brokenPackages: number;
  readonly database: Database;
}

interface Working {
  readonly options: ApplyOptions;
  readonly state: InstallState;
  readonly scripts: ScriptRunner;
  readonly pipeline: UnpackPipeline;
  readonly undo: Undo;
  readonly isProtected: (directory: TreePath) => boolean;
  readonly userNames: () => UserNames;
  readonly newFiles: TreePath[];
  /** Devices and pipes of packages. */
  readonly notMade: TreePath[];
}

/** @throws ALP_UNPACK_*, ALP_VERIFY_DIGEST, ALP_FORMAT_*, ALP_LIMIT_*; the tree then is what it was before */
export async function applyPlan(options: ApplyOptions): Promise<ApplyResult> {
  const { tree, plan, owners } = options;
  const before = readDatabase(tree);
  const scripts = createScriptRunner(tree, options.runScript, options.emit);
  const undo = createUndo(tree, owners === 'apply');
  const state = stateFrom(before);
  const pipeline = createUnpackPipeline({ changes: plan.changes, open: options.open, thread: options.thread });
  const working: Working = {
    options,
    state,
    scripts,
    pipeline,
    undo,
    isProtected: readProtection(tree),
    userNames: rereadUserNames(tree, scripts),
    newFiles: [],
    notMade: [],
  };
  try {
    await executeAll(working);
    if (options.resetDirectories === true) for (const shared of state.directories.values()) shared.mayChange = true;
    settleDirectories({ tree, state, owners, undo });
    await runTriggers(working);
    const database = databaseFrom(state, before.arch === '' ? plan.arch : before.arch, plan.world);
    writeDatabase(tree, database);
    undo.forget();
    announceOmitted(working.notMade, {
      of: 'packages',
      how: 'recorded in the package database and not made',
      emit: options.emit,
    });
    // A trigger that fails is told of and marks its package, but apk's status does not count it.
    const brokenPackages = state.packages.filter(
      ({ fresh, record }) => fresh && scripts.failures.some(({ label }) => isInstallScript(label, record)),
    ).length;
    return {
      newFiles: working.newFiles,
      brokenPackages,
      failedScripts: scripts.failures.filter(({ label }) => !label.endsWith('.trigger')),
      database,
    };
  } catch (error) {
    undo.rollBack();
    throw error;
  } finally {
    await pipeline.close();
  }
}

/** Scripts of a removal and triggers do not make a change fail. */
const isInstallScript = (label: string, { name, version }: PackageRecord): boolean =>
  ['pre-install', 'post-install', 'pre-upgrade', 'post-upgrade'].some(
    (kind) => label === `${name}-${version}.${kind}`,
  );

/** The tree's users and groups, read again after scripts, which may add some. */
function rereadUserNames(tree: WorkTree, scripts: ScriptRunner): () => UserNames {
  let known: { readonly at: number; readonly userNames: UserNames } | undefined;
  return () => {
    if (known?.at !== scripts.count()) known = { at: scripts.count(), userNames: readUserNames(tree) };
    return known.userNames;
  };
}

async function executeAll(working: Working): Promise<void> {
  const {
    plan: { changes },
    emit,
  } = working.options;
  const label = `${changes.length} package${changes.length === 1 ? '' : 's'}`;
  if (changes.length > 0) emit({ kind: 'start', id: 'install', label, total: changes.length });
  for (const [done, change] of changes.entries()) {
    await applyChange(change, working, () =>
      emit({
        kind: 'progress',
        id: 'install',
        done,
        total: changes.length,
        unit: 'items',
        label: describeChange(change),
      }),
    );
    emit({ kind: 'progress', id: 'install', done: done + 1, total: changes.length, unit: 'items' });
  }
  if (changes.length > 0) emit({ kind: 'done', id: 'install', label });
}

const describeChange = (change: Change): string => {
  const { name, version } = (change.kind === 'purge' ? change.previous : change.next).record;
  return `${change.kind === 'purge' ? 'removing' : 'installing'} ${name} ${version}`;
};

/** @param onBegin called when the package is there, and work on the tree begins */
async function applyChange(change: Change, working: Working, onBegin: () => void): Promise<void> {
  const { state } = working;
  if (change.kind === 'skip') return;
  if (change.kind === 'purge') return purge(change.previous.record.name, working);
  const { next } = change;
  const previous = packageNamed(state, next.record.name);
  if (change.kind === 'pin' && previous !== undefined) previous.tag = next.tag;
  else if (next.source.kind === 'virtual') await install(next, undefined, { previous, working });
  else {
    const opened = await working.pipeline.take(next);
    onBegin();
    try {
      await install(next, opened, { previous, working });
    } finally {
      opened.close();
    }
  }
}

interface Installing {
  readonly previous: LivePackage | undefined;
  readonly working: Working;
}

async function install(
  next: PlannedPackage,
  opened: SuppliedPackage | undefined,
  { previous, working }: Installing,
): Promise<void> {
  const {
    state,
    scripts,
    options: { tree, owners, emit, strict, forceOverwrite = false },
    undo,
  } = working;
  const overwrite = forceOverwrite
    ? (warning: string): void =>
        emit({ kind: 'output', id: next.record.name, stream: 'stderr', text: `WARNING: ${warning}\n` })
    : undefined;
  const checksum = next.record.checksum === undefined ? undefined : databaseChecksum(next.record.checksum);
  const record =
    opened === undefined
      ? next.record
      : withFields(next.record, {
          checksum,
          replaces: opened.contents.record.replaces,
          replacesPriority: opened.contents.record.replacesPriority,
        });
  const again = previous !== undefined && sameIdentity(previous.record.checksum, record.checksum);
  const owner = again ? previous : livePackage(record, next.tag);
  owner.tag = next.tag;
  owner.fresh = true;
  owner.broken.clear();
  if (opened !== undefined && opened.contents.data === undefined) owner.broken.add('S');
  if (!again) state.packages.push(owner);
  const verb = previous === undefined ? 'install' : 'upgrade';
  const args = previous === undefined ? [record.version] : [record.version, previous.record.version];
  // apk does not look into a package that says it installs nothing.
  if (opened !== undefined && record.installedSizeBytes !== 0) {
    for (const [kind, content] of opened.contents.scripts) owner.scripts.set(kind, content);
    setTriggers(state, owner, opened.contents.triggers);
    await scripts.run(owner, `pre-${verb}`, args);
    const { newFiles, notMade } = unpackPackage(opened, {
      tree,
      owners,
      undo,
      state,
      owner,
      userNames: working.userNames(),
      isProtected: working.isProtected,
      strict,
      overwrite,
    });
    for (const path of newFiles) working.newFiles.push(path);
    for (const path of notMade) working.notMade.push(path);
  }
  if (previous !== undefined && !again) {
    removeFiles(previous, { ...working, tree, owners, purge: working.options.purge === true });
    forget(state, previous);
  }
  await scripts.run(owner, `post-${verb}`, args);
}

function setTriggers(state: InstallState, owner: LivePackage, triggers: readonly string[]): void {
  state.triggered = state.triggered.filter((other) => other !== owner);
  owner.triggers = triggers;
  if (triggers.length > 0) state.triggered.push(owner);
}

async function purge(name: string, working: Working): Promise<void> {
  const {
    state,
    scripts,
    options: { tree, owners, purge: all = false },
  } = working;
  const owner = packageNamed(state, name);
  if (owner === undefined) return;
  await scripts.run(owner, 'pre-deinstall', [owner.record.version]);
  removeFiles(owner, { ...working, tree, owners, purge: all });
  await scripts.run(owner, 'post-deinstall', [owner.record.version]);
  forget(state, owner);
}

function forget(state: InstallState, owner: LivePackage): void {
  state.packages = state.packages.filter((other) => other !== owner);
  state.triggered = state.triggered.filter((other) => other !== owner);
}

/** In the order in which packages depend on each other. */
async function runTriggers({ state, scripts, options: { plan, emit } }: Working): Promise<void> {
  const installPaths = new Map(state.triggered.map((owner) => [owner, triggeredBy(owner, state)]));
  for (const owner of inDependencyOrder(state.packages, plan.world)) {
    const paths = installPaths.get(owner) ?? [];
    if (paths.length === 0) continue;
    const before = scripts.failures.length;
    await scripts.run(owner, 'trigger', paths);
    for (const { label, status } of scripts.failures.slice(before))
      emit({
        kind: 'output',
        id: label,
        stream: 'stderr',
        text: `ERROR: ${label}: script exited with error ${status}\n`,
      });
  }
}
