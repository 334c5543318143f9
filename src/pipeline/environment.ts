/**
 * The story of the whole: fetch → verify → solve → unpack, ending in an immutable tree in the store. What was made
 * once for the same request is found again without looking at any mirror.
 */
import { keyOf, sha256Hex, type Sha256Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { joinHost, parentOfHost, TREE_ROOT, type HostPath } from '../core/paths.ts';
import { makeDirectory } from '../system/directories.ts';
import { removeTree } from '../system/removal.ts';
import { readFileCapped, writeFileAtomic } from '../system/files.ts';
import { openWorkTree, type WorkTree } from '../system/work-tree.ts';
import { createRecording, type Recorded } from '../ship/recording.ts';
import { isUrl } from '../fetch/fetcher.ts';
import { formatLock } from '../formats/lockfile.ts';
import { branchOf } from '../formats/releases.ts';
import { readDatabase } from '../unpack/database.ts';
import { unpackRootfs } from '../unpack/rootfs.ts';
import { addDebianPackages } from './debian-packages.ts';
import { installInto } from './install.ts';
import { missingPackages, together } from './missing.ts';
import { chooseMirrors, type ChosenMirrors } from './mirrors.ts';
import { chooseBackend } from './sandbox.ts';
import type { Session } from './session.ts';
import { pinnedEnvironment, withPinned } from './pins.ts';
import { fetchMinirootfs, fetchSources, type Minirootfs, type Sources } from './sources.ts';

export interface Environment {
  readonly tree: HostPath;
  readonly key: Sha256Hex;
  readonly release: string;
  /** `name-version` of all packages, sorted. */
  readonly packages: readonly string[];
}

/** Beside the tree: what it was made of. */
const RECORDED = 'recorded.json';
const MANIFEST_BYTES = 16 * 1024 * 1024;

/** The environment with these packages, made when it is not there yet. @throws ALP_* of every stage */
export async function prepareEnvironment(session: Session, packages: readonly string[]): Promise<Environment> {
  const { store, config } = session;
  const chosen = await chooseMirrors(session);
  const request = `environment-${requestKey(session, chosen, packages)}`;
  const known = store.getRecord(request) as { key?: Sha256Hex } | undefined;
  const ready = known?.key === undefined || config.refresh ? undefined : await findEnvironment(session, known.key);
  if (ready !== undefined) return used(session, ready);
  const made = await store.withLock(request, async () => {
    const again = store.getRecord(request) as { key?: Sha256Hex } | undefined;
    const other = again?.key === undefined || config.refresh ? undefined : await findEnvironment(session, again.key);
    return other ?? makeEnvironment(session, chosen, packages);
  });
  store.putRecord(request, { key: made.key });
  return used(session, made);
}

/** What went into it counts as used by this run; it is read when a lock is written. */
function used(session: Session, environment: Environment): Environment {
  session.recording.add(() => {
    const bytes = readFileCapped(joinHost(parentOfHost(environment.tree), RECORDED), MANIFEST_BYTES);
    return bytes === undefined ? { requests: [], environments: [] } : (JSON.parse(bytes.toString()) as Recorded);
  });
  return environment;
}

/**
 * Everything that the user asked for; of a directory mirror the very indexes, since looking at them costs nothing.
 * The bare minirootfs depends on no index.
 */
function requestKey({ config, pins }: Session, { mirrors, release }: ChosenMirrors, packages: readonly string[]): Sha256Hex {
  // A lock says all there is to say, unless it may be extended.
  if (pins?.strict === true) return keyOf('request-locked-1', config.arch, release, formatLock(pins.lock), ...[...packages].sort());
  const indexes = mirrors.filter(({ base }) => packages.length > 0 && !isUrl(base)).flatMap(({ base }) =>
    ['main', 'community'].flatMap((section) => ['APKINDEX.tar.gz', 'Packages.adb'].map((name) => {
      const bytes = readFileCapped(joinHost(base as HostPath, branchOf(release), section, config.arch, name), 512 * 1024 * 1024);
      return bytes === undefined ? '' : sha256Hex(bytes);
    })),
  );
  return keyOf('request-2', pins === undefined ? '' : formatLock(pins.lock), config.arch, release, ...mirrors.flatMap(({ base, keys }) => [base, ...keys]), '', ...indexes, '', ...[...packages].sort());
}

/** An environment whose package scripts could not be run is none any more once they can be. */
async function findEnvironment(session: Session, key: Sha256Hex): Promise<Environment | undefined> {
  const tree = session.store.findSnapshot(key);
  const manifest = tree === undefined ? undefined : readFileCapped(joinHost(parentOfHost(tree), 'environment.json'), MANIFEST_BYTES);
  if (tree === undefined || manifest === undefined) return undefined;
  const { release, packages, skippedScripts } = JSON.parse(manifest.toString()) as Pick<Environment, 'release' | 'packages'> & { skippedScripts?: true };
  if (skippedScripts === true && (await chooseBackend(session, tree)).showsTree) {
    removeTree(parentOfHost(tree));
    return undefined;
  }
  return { tree, key, release, packages };
}

async function makeEnvironment(session: Session, chosen: ChosenMirrors, packages: readonly string[]): Promise<Environment> {
  return withPinned(session, async (extended) => {
    if (session.pins === undefined || extended) await addDebianPackages(session, chosen, packages);
    const own: Session = { ...session, recording: createRecording() };
    const [minirootfs, sources] = await together([fetchMinirootfs(own, chosen), fetchSources(own, chosen, extended)], () => missingPackages(session, pinnedEnvironment(session, chosen.release)));
    own.recording.add({ requests: packages, environments: [] });
    return fillEnvironment(own, { minirootfs, sources, packages });
  });
}

async function fillEnvironment(session: Session, { minirootfs, sources, packages }: Omit<FillRequest, 'root'>): Promise<Environment> {
  const { store } = session;
  const key = keyOf('environment-2', sources.release, minirootfs.file.sha512, ...(packages.length > 0 ? sources.repositories.map(({ index }) => index.sha256) : []), '', ...[...packages].sort(), session.isRoot ? 'root' : 'user');
  const found = await findEnvironment(session, key);
  if (found !== undefined) return found;
  const directory = store.makeTemporary('environment');
  try {
    const root = joinHost(directory, 'tree');
    makeDirectory(root);
    let skippedScripts = false;
    const installed = await fillTree(session, { root, minirootfs, sources, packages, onSkipped: () => (skippedScripts = true) });
    writeFileAtomic(joinHost(directory, RECORDED), `${JSON.stringify(session.recording.whole())}\n`);
    writeFileAtomic(joinHost(directory, 'environment.json'), `${JSON.stringify({ release: minirootfs.version, packages: installed, ...(skippedScripts ? { skippedScripts } : {}) })}\n`);
    return { tree: store.publishSnapshot(key, directory), key, release: minirootfs.version, packages: installed };
  } finally {
    removeTree(directory);
  }
}

export interface FillRequest {
  readonly root: HostPath;
  readonly minirootfs: Minirootfs;
  readonly sources: Sources;
  readonly packages: readonly string[];
  readonly onSkipped?: () => void;
}

/** Unpacks the minirootfs into `root` and installs `packages`. @returns `name-version` of all packages, sorted */
async function fillTree(session: Session, { root, minirootfs, sources, packages, onSkipped }: FillRequest): Promise<string[]> {
  const tree = openWorkTree(root);
  try {
    unpackMinirootfs(session, minirootfs, tree);
    if (packages.length > 0) await installInto(session, { tree, sources, packages, onSkipped });
    return readDatabase(tree).packages.map(({ record }) => `${record.name}-${record.version}`).sort();
  } finally {
    tree.close();
  }
}

function unpackMinirootfs(session: Session, { file }: Minirootfs, tree: WorkTree): void {
  const blob = session.store.openBlob(file.sha256, file.name);
  if (blob === undefined) throw new AlprootError('ALP_STORE_DAMAGED', `${file.name} is gone from the store`, { hint: 'run the command again' });
  try {
    unpackRootfs(blob, tree, session.isRoot ? 'apply' : 'record');
    tree.setMode(TREE_ROOT, 0o755);
  } finally {
    blob.close();
  }
}
