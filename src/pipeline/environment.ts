/**
 * The story of the whole: fetch → verify → solve → unpack, ending in an immutable tree in the store. What was made
 * once for the same request is found again without looking at any mirror.
 */
import { keyOf, sha256Hex, type Sha256Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { joinHost, parentOfHost, TREE_ROOT, type HostPath } from '../core/paths.ts';
import { makeDirectory } from '../system/directories.ts';
import { removeTree } from '../system/removal.ts';
import { cloneTree } from '../system/tree-clone.ts';
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

/** What is in a tree. */
export interface Contents {
  readonly release: string;
  /** `name-version` of all packages, sorted. */
  readonly packages: readonly string[];
}

export interface Environment extends Contents {
  readonly tree: HostPath;
  readonly key: Sha256Hex;
}

/** Beside the tree: what it was made of. */
const RECORDED = 'recorded.json';
const MANIFEST_BYTES = 16 * 1024 * 1024;

/** The environment with these packages, made when it is not there yet. @throws ALP_* of every stage */
export async function prepareEnvironment(session: Session, packages: readonly string[]): Promise<Environment> {
  const { store } = session;
  const chosen = await chooseMirrors(session);
  const request = requestName(session, chosen, packages);
  const ready = await recordedEnvironment(session, request);
  if (ready !== undefined) return used(session, ready);
  const made = await store.withLock(request, async () => (await recordedEnvironment(session, request)) ?? withIngredients(session, { chosen, packages }, storeEnvironment));
  store.putRecord(request, { key: made.key });
  return used(session, made);
}

/**
 * A tree of one's own with these packages: a copy of the store's when it has the environment, else made in place, which
 * costs one tree instead of two.
 *
 * @param root does not exist yet
 * @throws ALP_* of every stage
 */
export async function placeEnvironment(session: Session, packages: readonly string[], root: HostPath): Promise<Contents> {
  const chosen = await chooseMirrors(session);
  const ready = await recordedEnvironment(session, requestName(session, chosen, packages));
  if (ready !== undefined) {
    cloneTree(used(session, ready).tree, root, { owners: session.isRoot });
    return ready;
  }
  return withIngredients(session, { chosen, packages }, async (own, ingredients) => {
    const contents = await fillTree(own, { ...ingredients, root });
    session.recording.add(own.recording.whole());
    return contents;
  });
}

async function recordedEnvironment(session: Session, request: string): Promise<Environment | undefined> {
  const { key } = (session.store.getRecord(request) ?? {}) as { key?: Sha256Hex };
  return key === undefined || session.config.refresh ? undefined : findEnvironment(session, key);
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
function requestName({ config, pins }: Session, { mirrors, release }: ChosenMirrors, packages: readonly string[]): string {
  // A lock says all there is to say, unless it may be extended.
  if (pins?.strict === true) return `environment-${keyOf('request-locked-1', config.arch, release, formatLock(pins.lock), ...[...packages].sort())}`;
  const indexes = mirrors.filter(({ base }) => packages.length > 0 && !isUrl(base)).flatMap(({ base }) =>
    ['main', 'community'].flatMap((section) => ['APKINDEX.tar.gz', 'Packages.adb'].map((name) => {
      const bytes = readFileCapped(joinHost(base as HostPath, branchOf(release), section, config.arch, name), 512 * 1024 * 1024);
      return bytes === undefined ? '' : sha256Hex(bytes);
    })),
  );
  return `environment-${keyOf('request-2', pins === undefined ? '' : formatLock(pins.lock), config.arch, release, ...mirrors.flatMap(({ base, keys }) => [base, ...keys]), '', ...indexes, '', ...[...packages].sort())}`;
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

interface Ingredients {
  readonly minirootfs: Minirootfs;
  readonly sources: Sources;
  readonly packages: readonly string[];
}

/** fetch → verify of the minirootfs and the indexes, for `work`, which solves and unpacks in a session with a recording of its own. */
function withIngredients<T>(session: Session, { chosen, packages }: { readonly chosen: ChosenMirrors; readonly packages: readonly string[] }, work: (own: Session, ingredients: Ingredients) => Promise<T>): Promise<T> {
  return withPinned(session, async (extended) => {
    if (session.pins === undefined || extended) await addDebianPackages(session, chosen, packages);
    const own: Session = { ...session, recording: createRecording() };
    const [minirootfs, sources] = await together([fetchMinirootfs(own, chosen), fetchSources(own, chosen, extended)], () => missingPackages(session, pinnedEnvironment(session, chosen.release)));
    own.recording.add({ requests: packages, environments: [] });
    return work(own, { minirootfs, sources, packages });
  });
}

async function storeEnvironment(session: Session, ingredients: Ingredients): Promise<Environment> {
  const { store } = session;
  const { minirootfs, sources, packages } = ingredients;
  const key = keyOf('environment-2', sources.release, minirootfs.file.sha512, ...(packages.length > 0 ? sources.repositories.map(({ index }) => index.sha256) : []), '', ...[...packages].sort(), session.isRoot ? 'root' : 'user');
  const found = await findEnvironment(session, key);
  if (found !== undefined) return found;
  const directory = store.makeTemporary('environment');
  try {
    let skippedScripts = false;
    const contents = await fillTree(session, { ...ingredients, root: joinHost(directory, 'tree'), onSkipped: () => (skippedScripts = true) });
    writeFileAtomic(joinHost(directory, RECORDED), `${JSON.stringify(session.recording.whole())}\n`);
    writeFileAtomic(joinHost(directory, 'environment.json'), `${JSON.stringify({ ...contents, ...(skippedScripts ? { skippedScripts } : {}) })}\n`);
    return { ...contents, tree: store.publishSnapshot(key, directory), key };
  } finally {
    removeTree(directory);
  }
}

interface FillRequest extends Ingredients {
  /** Does not exist yet. */
  readonly root: HostPath;
  readonly onSkipped?: () => void;
}

/** Unpacks the minirootfs into `root` and installs `packages`. */
async function fillTree(session: Session, { root, minirootfs, sources, packages, onSkipped }: FillRequest): Promise<Contents> {
  makeDirectory(root);
  const tree = openWorkTree(root);
  try {
    unpackMinirootfs(session, minirootfs, tree);
    if (packages.length > 0) await installInto(session, { tree, sources, packages, onSkipped });
    return { release: minirootfs.version, packages: readDatabase(tree).packages.map(({ record }) => `${record.name}-${record.version}`).sort() };
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
