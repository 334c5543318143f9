/** The rest of alproot as a build sees it: bases, packages, cache, downloads and sandboxes, over one session. */
import { keyOf } from '../../core/digest.ts';
import type { AlprootError } from '../../core/errors.ts';
import { joinHost, type HostPath, type TreePath } from '../../core/paths.ts';
import type { ApkAnswer, ApkRequest, BaseTree, BuildHost, CacheMount } from '../../build/host.ts';
import type { OwnerTable } from '../../build/owners.ts';
import { systemClock } from '../../system/process/system-clock.ts';
import { makeDirectory } from '../../system/files/host-directories.ts';
import { acquireLock } from '../../system/files/file-lock.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { openWorkTree } from '../../system/tree/work-tree.ts';
import { readDatabase } from '../../unpack/database.ts';
import { recordOwners } from '../apk/apk-install.ts';
import { serveApk } from '../apk/apk-service.ts';
import { prepareEnvironment } from '../environment/environment.ts';
import { downloadFile } from '../repository/downloads.ts';
import type { InstallContext } from '../repository/install-context.ts';
import { chooseMirrors, type ChosenMirrors } from '../repository/mirrors.ts';
import { cachedStageTrees } from '../session/cached-stage-trees.ts';
import { networkFiles } from '../session/network.ts';
import { requireExecutableStore } from '../session/runnable.ts';
import type { Session } from '../session/session.ts';
import { createBuildSandbox, type BuildSandbox } from './build-sandbox.ts';
import { fetchGitTree } from './git.ts';
import { createLayerStore } from './layer-store.ts';
import { createStepRecords, isCurrent, type StepRecords } from './step-records.ts';

export interface BuildHostOptions {
  /** A session like this one for another release or architecture. */
  readonly sessionFor: (release: string | undefined, arch: Session['config']['arch']) => InstallContext;
  /** Cached steps count only when what they installed is still what the mirrors have: for making a lock. */
  readonly current?: boolean;
  /** Told when a lock does not cover what a RUN wants to install; the RUN fails. */
  readonly onStale: (error: AlprootError) => void;
}

/** One build: the bases that it has opened, and what was said once. */
interface BuildState {
  readonly session: InstallContext;
  readonly options: BuildHostOptions;
  readonly sandbox: BuildSandbox;
  readonly installed: StepRecords;
  readonly bases: { readonly version: string; readonly chosen: ChosenMirrors }[];
  /** Repositories that the mirrors do not have. */
  readonly missing: Set<string>;
}

export function createBuildHost(session: InstallContext, options: BuildHostOptions): BuildHost {
  const { config, store } = session;
  const sandbox = createBuildSandbox(session);
  const installed = createStepRecords(session);
  const state: BuildState = { session, options, sandbox, installed, bases: [], missing: new Set() };
  const mayBeUsed: Parameters<typeof createLayerStore>[1]['isCurrent'] =
    options.current === true ? (recorded) => isCurrent(session, recorded) : () => Promise.resolve(true);
  return {
    resolveBase: (base) => resolveBase(state, base),
    layers: createLayerStore(session, { installed, isCurrent: mayBeUsed }),
    trees: cachedStageTrees(store),
    apk: (request) => answerApk(state, request),
    run: sandbox.run,
    injection: networkFiles(session),
    download: (url, checksum) => downloadFile(session, url, checksum),
    openCache: (id, sharing) => openCache(session, id, sharing),
    makeWorkspace: () => store.makeTemporary('build'),
    removeWorkspace: removeTree,
    fetchGit: fetchGitTree(session),
    get realOwners() {
      return sandbox.hasRealOwners();
    },
    emit: config.emit,
    signal: config.signal,
  };
}

async function resolveBase(
  { session, options, sandbox, bases }: BuildState,
  { release, arch }: Parameters<BuildHost['resolveBase']>[0],
): Promise<BaseTree> {
  requireExecutableStore(session);
  const own = options.sessionFor(releaseOf(release), arch);
  const environment = await prepareEnvironment(own, []);
  bases.push({ version: environment.release, chosen: await chooseMirrors(own) });
  session.recording.add({ requests: [`FROM alpine:${release}`], environments: [] });
  await sandbox.probe(environment.tree);
  return {
    key: environment.key,
    tree: environment.tree,
    owners: sandbox.hasRealOwners() ? new Map() : ownersOf(environment.tree),
    label: `alpine ${environment.release} (${arch})`,
  };
}

/** From the mirrors of the base that the tree is of. */
function answerApk(state: BuildState, request: ApkRequest): Promise<ApkAnswer> {
  const { session, options, sandbox, installed, bases } = state;
  return installed.during(request, async (own) => {
    const version = alpineReleaseOf(request.tree);
    const base = bases.find((opened) => opened.version === version) ?? bases[0];
    return serveApk(own, request, {
      mirrors: base?.chosen ?? (await chooseMirrors(session)),
      scriptsFor: sandbox.scriptsFor,
      onStale: options.onStale,
      onMissing: (location) => warnOfMissing(state, location),
      owners: sandbox.hasRealOwners() ? 'apply' : 'record',
    });
  });
}

function warnOfMissing({ session: { config }, missing }: BuildState, location: string): void {
  if (!missing.has(location))
    config.emit({ kind: 'warning', message: `there is no repository ${location} for ${config.arch}` });
  missing.add(location);
}

/** `latest` and a bare major number mean the newest that there is. */
const releaseOf = (release: string): string | undefined =>
  release === 'latest' || /^\d+$/.test(release) ? undefined : release;

function ownersOf(path: HostPath): OwnerTable {
  const owners: OwnerTable = new Map();
  const tree = openWorkTree(path);
  try {
    recordOwners(owners, readDatabase(tree));
  } finally {
    tree.close();
  }
  return owners;
}

/** `3.19.4`, as the tree says itself. */
function alpineReleaseOf(path: HostPath): string {
  const tree = openWorkTree(path);
  try {
    const file = 'etc/alpine-release' as TreePath;
    return tree.stat(file)?.kind === 'file' ? tree.readFile(file, 4096).toString('latin1').trim() : '';
  } finally {
    tree.close();
  }
}

/** `locked` and `private` mounts have one user at a time. */
async function openCache(
  { store, config }: Session,
  id: string,
  sharing: 'shared' | 'private' | 'locked',
): Promise<CacheMount> {
  const key = keyOf('cache', id);
  const path = store.path('caches', key);
  makeDirectory(path, 0o755);
  if (sharing === 'shared') return { path, release: () => undefined };
  const lock = await acquireLock(joinHost(store.path('locks'), `cache-${key}`), {
    clock: systemClock,
    signal: config.signal,
  });
  return { path, release: lock.release };
}
