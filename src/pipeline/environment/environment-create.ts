/**
 * The story of the whole: fetch → verify → solve → unpack, ending in an immutable tree in the store or in a tree of
 * the caller.
 */
import { keyOf } from '../../core/digest.ts';
import type { PlannedPackage } from '../../core/package.ts';
import { joinHost, TREE_ROOT, type HostPath, type TreePath } from '../../core/paths.ts';
import { makeDirectory } from '../../system/files/host-directories.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import type { Thread } from '../../system/thread/thread.ts';
import { lastUsedMs } from '../../system/tree/tree-size.ts';
import { openWorkTree, type WorkTree } from '../../system/tree/work-tree.ts';
import { readDatabase, type Database } from '../../unpack/database.ts';
import { announceOmitted, refuseSpecial } from '../../unpack/omitted.ts';
import { unpackRootfs, type UnpackRootfsOptions } from '../../unpack/minirootfs-unpack.ts';
import { startPackageThread } from '../../unpack/unpack-pipeline.ts';
import { ownContents } from '../../unpack/tree-contents.ts';
import {
  CONTENTS,
  findEnvironment,
  MANIFEST,
  RECORDED,
  writeBeside,
  type Contents,
  type Environment,
} from './manifest.ts';
import { prefetchPackages } from './prefetch.ts';
import { beginInstall, type InstallContext, type Prefetched } from '../repository/install-context.ts';
import type { OpenPortSandbox } from '../repository/debian-packages.ts';
import { installInto, namedPackages } from './install.ts';
import { missingPackages, together } from '../repository/offline-report.ts';
import { fetchMinirootfs, type Minirootfs } from '../repository/minirootfs.ts';
import type { ChosenMirrors } from '../repository/mirrors.ts';
import { addDebianPackages } from '../repository/buildable.ts';
import { pinnedEnvironment, withPinned } from '../session/lock-policy.ts';
import { tryBackend, type PendingProbe } from '../session/backend-choice.ts';
import { fetchSources, type Sources } from '../repository/release-indexes.ts';

export interface EnvironmentRequest {
  readonly chosen: ChosenMirrors;
  readonly packages: readonly string[];
  readonly openSandbox: OpenPortSandbox;
}

/** Into the store. @throws ALP_* of every stage */
export const makeEnvironment = (session: InstallContext, request: EnvironmentRequest): Promise<Environment> =>
  withInputs(session, request, storeEnvironment);

/** Into `root`, which does not exist yet. @throws ALP_* of every stage */
export const makeTree = (session: InstallContext, request: EnvironmentRequest, root: HostPath): Promise<Contents> =>
  withInputs(session, request, async (own, inputs) => {
    // A lock that turned out not to be enough is extended, and all is tried again.
    removeTree(root);
    const contents = await fillTree(own, { ...inputs, root });
    session.recording.add(own.recording.whole());
    return contents;
  });

interface EnvironmentInputs {
  readonly minirootfs: Minirootfs;
  readonly sources: Sources;
  readonly packages: readonly string[];
  /** Those of them that are known by name. */
  readonly named: readonly PlannedPackage[];
  /** Of `startPackageThread`, where one is worth it for these. */
  readonly thread: Thread | undefined;
}

/**
 * fetch → verify of the minirootfs and the indexes, for `work`, which solves and unpacks in a session with a recording
 * of its own.
 */
function withInputs<T>(
  session: InstallContext,
  { chosen, packages, openSandbox }: EnvironmentRequest,
  work: (own: InstallContext, inputs: EnvironmentInputs) => Promise<T>,
): Promise<T> {
  return withPinned(session, async (extended) => {
    if (session.lockPolicy === undefined || extended)
      await addDebianPackages(session, chosen, { packages, openSandbox });
    const own = beginInstall(session);
    let named: readonly PlannedPackage[] = [];
    let thread: Thread | undefined;
    let prefetched: Prefetched | undefined;
    const onIndexes = (seen: Sources): void => {
      try {
        named = namedPackages(seen, packages);
        // Where one of them is large by itself it starts before there is a plan.
        thread ??= startPackageThread(named);
        prefetched ??= prefetchPackages(own, { sources: seen, packages, named, thread });
      } catch {
        // What went wrong with it, the plan meets again.
      }
    };
    const rootfs = fetchMinirootfs(own, chosen);
    try {
      const [minirootfs, sources] = await together([rootfs, fetchSources(own, chosen, { extended, onIndexes })], () =>
        missingPackages(session, pinnedEnvironment(session, chosen.release)),
      );
      own.recording.add({ requests: packages, environments: [] });
      return await work({ ...own, prefetched }, { minirootfs, sources, packages, named, thread });
    } finally {
      prefetched?.close();
      thread?.stop();
      void rootfs.then(
        ({ source }) => source.close(),
        () => undefined,
      );
    }
  });
}

async function storeEnvironment(session: InstallContext, inputs: EnvironmentInputs): Promise<Environment> {
  const { store } = session;
  const { minirootfs, sources, packages } = inputs;
  const key = keyOf(
    'environment-2',
    sources.release,
    minirootfs.file.sha512,
    ...(packages.length > 0 ? sources.repositories.map(({ index }) => index.sha256) : []),
    '',
    ...[...packages].sort(),
    session.isRoot ? 'root' : 'user',
    ...(session.config.strict === true ? ['strict'] : []),
  );
  const found = await findEnvironment(session, key);
  if (found !== undefined) return found;
  const directory = store.makeTemporary('environment');
  const begun = lastUsedMs(directory);
  try {
    let skippedScripts = false;
    const root = joinHost(directory, 'tree');
    const onFilled = (tree: WorkTree, database: Database): void =>
      writeBeside(root, CONTENTS, ownContents(tree, database, begun), { durable: false });
    const contents = await fillTree(session, { ...inputs, root, onSkipped: () => (skippedScripts = true), onFilled });
    const recorded = session.recording.whole();
    writeBeside(root, RECORDED, recorded);
    writeBeside(root, MANIFEST, { ...contents, ...(skippedScripts ? { skippedScripts } : {}) });
    return { ...contents, tree: store.publishSnapshot(key, directory), key, recorded };
  } finally {
    removeTree(directory);
  }
}

interface FillRequest extends EnvironmentInputs {
  /** Does not exist yet. */
  readonly root: HostPath;
  readonly onSkipped?: () => void;
  readonly onFilled?: (tree: WorkTree, database: Database) => void;
}

/** Unpacks the minirootfs into `root` and installs `packages`. */
async function fillTree(
  session: InstallContext,
  { root, minirootfs, sources, packages, named, thread, onSkipped, onFilled }: FillRequest,
): Promise<Contents> {
  makeDirectory(root);
  const tree = openWorkTree(root);
  let pendingProbe: PendingProbe | undefined;
  try {
    const omitted: TreePath[] = [];
    const onOmitted: UnpackRootfsOptions['onOmitted'] = (path, kind) => {
      if (session.config.strict === true) throw refuseSpecial(kind, path, 'the minirootfs');
      omitted.push(path);
    };
    unpackRootfs(minirootfs.source, tree, { owners: session.isRoot ? 'apply' : 'record', onOmitted });
    announceOmitted(omitted, { of: 'the minirootfs', how: 'not made', emit: session.config.emit });
    tree.setMode(TREE_ROOT, 0o755);
    pendingProbe = named.some(hasProgram) ? tryBackend(session, root) : undefined;
    const database =
      packages.length > 0
        ? await installInto({ ...session, pendingProbe }, { tree, sources, packages, thread, onSkipped })
        : readDatabase(tree);
    onFilled?.(tree, database);
    return {
      release: minirootfs.version,
      packages: database.packages.map(({ record }) => `${record.name}-${record.version}`).sort(),
    };
  } finally {
    await pendingProbe;
    tree.close();
  }
}

/** busybox, in every Alpine, has a trigger for the directories of programs, which then need not wait for a backend. */
const hasProgram = ({ record: { provides } }: PlannedPackage): boolean =>
  provides.some(({ name }) => name.startsWith('cmd:'));
