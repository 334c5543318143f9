/** The rest of alproot as a build sees it: bases, packages, cache, downloads and sandboxes, over one session. */
import { keyOf } from '../../core/digest.ts';
import { AlprootError } from '../../core/errors.ts';
import { joinHost, type HostPath, type TreePath } from '../../core/paths.ts';
import type { RunResult } from '../../core/run-description.ts';
import type {
  ApkRequest,
  BaseTree,
  BuildHost,
  BuildRunDescription,
  CacheMount,
  LayerStore,
  StoredLayer,
} from '../../build/host.ts';
import type { OwnerTable } from '../../build/owners.ts';
import type { Backend } from '../../run/backend.ts';
import { openOwnersLibrary, type OwnersLibrary } from '../../run/owners/library.ts';
import { runWithOwners } from '../../run/owners/run-with-owners.ts';
import { runInTree } from '../../run/run-in-tree.ts';
import type { Recorded } from '../../ship/recording.ts';
import { systemClock } from '../../system/process/system-clock.ts';
import { makeDirectory } from '../../system/files/host-directories.ts';
import { acquireLock } from '../../system/files/file-lock.ts';
import { moveFile } from '../../system/files/hashed-file.ts';
import { isFile } from '../../system/files/host-paths.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { markUsed } from '../../system/tree/tree-size.ts';
import { openWorkTree, type WorkTree } from '../../system/tree/work-tree.ts';
import { readDatabase } from '../../unpack/database.ts';
import type { RunScript } from '../../unpack/opened.ts';
import { recordOwners, serveApk } from '../apk/apk-service.ts';
import { downloadFile } from '../repository/downloads.ts';
import { prepareEnvironment } from '../environment/environment.ts';
import { fetchGitTree } from './git.ts';
import { cachedStageTrees } from './cached-stage-trees.ts';
import { chooseMirrors, type ChosenMirrors } from '../repository/mirrors.ts';
import { networkFiles } from '../session/network.ts';
import { requireExecutableStore } from '../session/runnable.ts';
import { adviseStronger, chooseBackend } from '../session/backend-choice.ts';
import type { Session } from '../session/session.ts';
import { createStepRecords, isCurrent, isPinned, type StepRecords } from './step-records.ts';
import { LAYER_RECORD } from './layer-record.ts';

export interface BuildHostOptions {
  /** A session like this one for another release or architecture. */
  readonly sessionFor: (release: string | undefined, arch: Session['config']['arch']) => Session;
  /** Cached steps count only when what they installed is still what the mirrors have: for making a lock. */
  readonly current?: boolean;
  /** Told when a lock does not cover what a RUN wants to install; the RUN fails. */
  readonly onStale: (error: AlprootError) => void;
}

export function createBuildHost(
  session: Session,
  { sessionFor, onStale, current = false }: BuildHostOptions,
): BuildHost {
  const { config, store } = session;
  let library: Promise<OwnersLibrary> | undefined;
  const bases: { readonly version: string; readonly chosen: ChosenMirrors }[] = [];
  const installed = createStepRecords(session);
  const missing = new Set<string>();
  const onMissing = (location: string): void => {
    if (!missing.has(location))
      config.emit({ kind: 'warning', message: `there is no repository ${location} for ${config.arch}` });
    missing.add(location);
  };
  // Real owners need root, and a backend under which it stays root.
  let real = session.isRoot;
  const learnBackend = async (tree: HostPath): Promise<Backend> => {
    const backend = await chooseBackend(session, tree);
    if (!backend.showsTree)
      throw new AlprootError('ALP_RUN_BACKEND', `${backend.name} cannot show a tree as /, which a Dockerfile needs`, {
        hint: await adviseStronger(session, tree),
      });
    real = session.isRoot && backend.realOwners;
    return backend;
  };

  const run = async (description: BuildRunDescription): Promise<RunResult> => {
    const backend = await learnBackend(description.tree);
    if (real) return runInTree(backend, description, session.runHost);
    library ??= openOwnersLibrary({
      cache: store.path('native'),
      searchPath: config.env['PATH'] ?? '',
      arch: config.arch,
    });
    const opened = await library;
    if (opened.kind === 'library')
      return runWithOwners(backend, description, {
        host: session.runHost,
        library: opened.bytes,
        owners: description.owners,
        now: systemClock.now(),
      });
    config.emit({
      kind: 'warning',
      message: `owners cannot be kept in this build: ${opened.reason}`,
      hint: 'build as root, or install a C compiler',
    });
    return runInTree(backend, description, session.runHost);
  };

  const scriptsFor =
    (request: ApkRequest, tree: WorkTree): RunScript =>
    ({ path, args, env, onOutput }) =>
      run({
        tree: tree.root,
        writable: true,
        mounts: [],
        owners: request.owners,
        argv: [path, ...args],
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...env },
        cwd: '/',
        user: { uid: 0, gid: 0 },
        network: 'none',
        stdio: { kind: 'pipe', onOutput },
        ...(config.signal === undefined ? {} : { signal: config.signal }),
      });

  return {
    resolveBase: async ({ release, arch }): Promise<BaseTree> => {
      requireExecutableStore(session);
      const own = sessionFor(releaseOf(release), arch);
      const environment = await prepareEnvironment(own, []);
      bases.push({ version: environment.release, chosen: await chooseMirrors(own) });
      session.recording.add({ requests: [`FROM alpine:${release}`], environments: [] });
      await learnBackend(environment.tree);
      return {
        key: environment.key,
        tree: environment.tree,
        owners: real ? new Map() : ownersOf(environment.tree),
        label: `alpine ${environment.release} (${arch})`,
      };
    },
    layers: layerStore(session, {
      installed,
      isCurrent: current ? (recorded) => isCurrent(session, recorded) : () => Promise.resolve(true),
    }),
    trees: cachedStageTrees(store),
    apk: (request) =>
      installed.during(request, async (own) => {
        const version = alpineReleaseOf(request.tree);
        const mirrors =
          bases.find((base) => base.version === version)?.chosen ?? bases[0]?.chosen ?? (await chooseMirrors(session));
        return serveApk(own, request, { mirrors, scriptsFor, onStale, onMissing, owners: real ? 'apply' : 'record' });
      }),
    run,
    injection: networkFiles(session),
    download: (url, checksum) => downloadFile(session, url, checksum),
    openCache: (id, sharing) => openCache(session, id, sharing),
    makeWorkspace: () => store.makeTemporary('build'),
    removeWorkspace: removeTree,
    fetchGit: fetchGitTree(session),
    get realOwners() {
      return real;
    },
    emit: config.emit,
    signal: config.signal,
  };
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

interface LayerRules {
  readonly installed: StepRecords;
  readonly isCurrent: (recorded: Recorded) => Promise<boolean>;
}

/** A layer is kept together with what `apk` installed in it, so that a lock can judge it and be made from it. */
function layerStore(session: Session, { installed, isCurrent: mayBeUsed }: LayerRules): LayerStore {
  const { store } = session;
  // A store that can only be read takes none: they last as long as the build's own files.
  const passing = new Map<string, StoredLayer>();
  const fileOf = (key: string): HostPath => store.path('layers', keyOf('layer', key));
  return {
    get: async (key) => {
      const own = passing.get(key);
      if (own !== undefined) return own;
      const known = store.getRecord(`layer-${keyOf('layer', key)}`, LAYER_RECORD);
      const file = fileOf(key);
      if (known === undefined || !isFile(file)) return undefined;
      if (known.recorded !== undefined) {
        if (!isPinned(session, known.recorded) || !(await mayBeUsed(known.recorded))) return undefined;
        session.recording.add(known.recorded);
      }
      markUsed(file);
      return { file, sha256: known.sha256, sizeBytes: known.sizeBytes };
    },
    put: (key, file, { sha256, sizeBytes, tree }) => {
      if (store.readOnly) {
        const layer = { file, sha256, sizeBytes };
        passing.set(key, layer);
        return Promise.resolve(layer);
      }
      const target = fileOf(key);
      moveFile(file, target);
      const recorded = tree === undefined ? undefined : installed.take(tree);
      store.putRecord(
        `layer-${keyOf('layer', key)}`,
        { sha256, sizeBytes, ...(recorded === undefined ? {} : { recorded }) },
        { codec: LAYER_RECORD },
      );
      return Promise.resolve({ file: target, sha256, sizeBytes });
    },
  };
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
