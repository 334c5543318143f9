/**
 * An immutable tree in the store for every request. What was made once is found again without looking at any mirror,
 * and without loading what makes one.
 */
import { keyOf, sha256Hex, type Sha256Hex } from '../../core/digest.ts';
import { joinHost, parentOfHost, type HostPath } from '../../core/paths.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { cloneTree } from '../../system/tree/tree-clone.ts';
import { readFileCapped, type WriteOptions } from '../../system/files/files.ts';
import { readSealed, writeSealed } from '../../system/files/sealed-file.ts';
import { isRecorded, type Recorded } from '../../ship/recording.ts';
import type { OwnContents } from '../../unpack/tree-contents.ts';
import { isUrl } from '../../fetch/fetcher.ts';
import { formatLock } from '../../formats/lock/lockfile.ts';
import { branchOf } from '../../formats/release/release-names.ts';
import { chooseMirrors, type ChosenMirrors } from '../repository/mirrors.ts';
import { chooseBackend } from '../session/backend-choice.ts';
import type { Session } from '../session/session.ts';
import { isJsonObject, isSha256Text, isShape } from '../../core/json-shape.ts';
import { recordCodec } from '../../store/record-codec.ts';

/** What is in a tree. */
export interface Contents {
  readonly release: string;
  /** `name-version` of all packages, sorted. */
  readonly packages: readonly string[];
}

export interface Environment extends Contents {
  readonly tree: HostPath;
  readonly key: Sha256Hex;
  /** For locks. */
  readonly recorded: Recorded;
}

/** Beside the tree: what is in it, and what it was made of. */
export const MANIFEST = 'environment.json';
export const RECORDED = 'recorded.json';
/** The digests of the files that no package brought. */
export const CONTENTS = 'contents.json';
/** The environment of a request. */
export const REQUEST_RECORD = recordCodec(1, isShape<{ readonly key: Sha256Hex }>({ key: isSha256Text }));
/** That a request was once made in place, and not kept. */
const PLACED_RECORD = recordCodec(1, isJsonObject);
const MANIFEST_BYTES = 16 * 1024 * 1024;

/** The environment with these packages, made when it is not there yet. @throws ALP_* of every stage */
export async function prepareEnvironment(session: Session, packages: readonly string[]): Promise<Environment> {
  const { store } = session;
  const chosen = await chooseMirrors(session);
  const request = requestName(session, chosen, packages);
  const ready = await recordedEnvironment(session, request);
  if (ready !== undefined) return used(session, ready);
  const made = await store.withLock(request, async () => {
    const other = await recordedEnvironment(session, request);
    if (other !== undefined) return other;
    if (store.readOnly) store.refuse('snapshots');
    const { makeEnvironment } = await import('./environment-create.ts');
    return makeEnvironment(session, { chosen, packages });
  });
  store.putRecord(request, { key: made.key }, { codec: REQUEST_RECORD });
  return used(session, made);
}

/**
 * A tree of one's own with these packages. The first is made in place, which costs one tree instead of two; when it is
 * asked for again, the store keeps the environment and this one and all others are copies.
 *
 * @param root does not exist yet
 * @throws ALP_* of every stage
 */
export async function placeEnvironment(
  session: Session,
  packages: readonly string[],
  root: HostPath,
): Promise<Contents> {
  const chosen = await chooseMirrors(session);
  const request = requestName(session, chosen, packages);
  const isKept =
    session.store.getRecord(request, REQUEST_RECORD) !== undefined ||
    session.store.getRecord(`placed-${request}`, PLACED_RECORD) !== undefined;
  if (isKept) {
    const kept = await prepareEnvironment(session, packages);
    await cloneTree(kept.tree, root, { owners: session.isRoot });
    return kept;
  }
  const { makeTree } = await import('./environment-create.ts');
  const made = await makeTree(session, { chosen, packages }, root);
  session.store.putRecord(`placed-${request}`, {}, { codec: PLACED_RECORD });
  return made;
}

async function recordedEnvironment(session: Session, request: string): Promise<Environment | undefined> {
  const known = session.store.getRecord(request, REQUEST_RECORD);
  return known === undefined || session.config.refresh ? undefined : findEnvironment(session, known.key);
}

/** What went into it counts as used by this run. */
function used(session: Session, environment: Environment): Environment {
  session.recording.add(environment.recorded);
  return environment;
}

/** A file beside the tree of a snapshot. */
export const writeBeside = (tree: HostPath, name: string, value: unknown, options?: WriteOptions): void =>
  writeSealed(joinHost(parentOfHost(tree), name), value, options);

/** undefined when it is missing or damaged. */
const readBeside = (tree: HostPath, name: string): unknown =>
  readSealed(joinHost(parentOfHost(tree), name), MANIFEST_BYTES);

/**
 * Everything that the user asked for; of a directory mirror the very indexes, since looking at them costs nothing.
 * The bare minirootfs depends on no index.
 */
function requestName(
  { config, lockPolicy }: Session,
  { mirrors, release }: ChosenMirrors,
  packages: readonly string[],
): string {
  // A lock says all there is to say, unless it may be extended.
  if (lockPolicy?.strict === true)
    return `environment-${keyOf('request-locked-1', config.arch, release, formatLock(lockPolicy.lock), ...[...packages].sort())}`;
  const indexes = mirrors
    .filter(({ base }) => packages.length > 0 && !isUrl(base))
    .flatMap(({ base }) =>
      ['main', 'community'].flatMap((section) =>
        ['APKINDEX.tar.gz', 'Packages.adb'].map((name) => {
          const bytes = readFileCapped(
            joinHost(base as HostPath, branchOf(release), section, config.arch, name),
            512 * 1024 * 1024,
          );
          return bytes === undefined ? '' : sha256Hex(bytes);
        }),
      ),
    );
  return `environment-${keyOf('request-2', lockPolicy === undefined ? '' : formatLock(lockPolicy.lock), config.arch, release, ...mirrors.flatMap(({ base, keys, publicKeys = [] }) => [base, ...keys, ...publicKeys.map(({ pem }) => pem)]), '', ...indexes, '', ...[...packages].sort())}`;
}

/** After another start of the machine: a power failure may have taken from files what was not on the disk yet. */
async function isUntouched(root: HostPath): Promise<boolean> {
  const own = readBeside(root, CONTENTS) as OwnContents | undefined;
  if (own === undefined) return false;
  const [{ hasItsContents }, { openWorkTree }] = await Promise.all([
    import('../../unpack/tree-contents.ts'),
    import('../../system/tree/work-tree.ts'),
  ]);
  const tree = openWorkTree(root);
  try {
    return hasItsContents(tree, own);
  } finally {
    tree.close();
  }
}

/** One that is damaged, or whose package scripts could not be run when they can be now, is none any more. */
export async function findEnvironment(session: Session, key: Sha256Hex): Promise<Environment | undefined> {
  const tree = await session.store.findSnapshot(key, isUntouched);
  if (tree === undefined) return undefined;
  const manifest = readBeside(tree, MANIFEST) as (Contents & { skippedScripts?: true }) | undefined;
  const recorded = readBeside(tree, RECORDED);
  if (
    manifest === undefined ||
    !isRecorded(recorded) ||
    (manifest.skippedScripts === true && (await chooseBackend(session, tree)).showsTree)
  ) {
    removeTree(parentOfHost(tree));
    return undefined;
  }
  return { tree, key, release: manifest.release, packages: manifest.packages, recorded };
}
