/**
 * An immutable tree in the store for every request. What was made once is found again without looking at any mirror,
 * and without loading what makes one.
 */
import { keyOf, sha256Hex, type Sha256Hex } from '../../core/digest.ts';
import type { Arch } from '../../core/package.ts';
import { joinHost, type HostPath } from '../../core/paths.ts';
import { cloneTree } from '../../system/tree/tree-clone.ts';
import { readFileCapped } from '../../system/files/files.ts';
import { formatLock } from '../../formats/lock/lockfile.ts';
import { branchOf, SECTIONS } from '../../formats/release/release-names.ts';
import { chooseMirrors, type ChosenMirrors } from '../repository/mirrors.ts';
import { runCommandIn } from '../session/backend-choice.ts';
import { beginInstall, type InstallContext } from '../repository/install-context.ts';
import type { OpenPortSandbox } from '../repository/debian-packages.ts';
import { findEnvironment, type Contents, type Environment } from './manifest.ts';
import type { Session } from '../session/session.ts';
import { isJsonObject, isSha256Text, isShape } from '../../core/json-shape.ts';
import { recordCodec } from '../../store/record-codec.ts';

/** The environment of a request. */
export const REQUEST_RECORD = recordCodec(1, isShape<{ readonly key: Sha256Hex }>({ key: isSha256Text }));
/** That a request was once made in place, and not kept. */
const PLACED_RECORD = recordCodec(1, isJsonObject);

/** The environment with these packages, made when it is not there yet. @throws ALP_* of every stage */
export async function prepareEnvironment(session: InstallContext, packages: readonly string[]): Promise<Environment> {
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
    return makeEnvironment(session, { chosen, packages, openSandbox: openPortSandbox });
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
  session: InstallContext,
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
  const made = await makeTree(session, { chosen, packages, openSandbox: openPortSandbox }, root);
  session.store.putRecord(`placed-${request}`, {}, { codec: PLACED_RECORD });
  return made;
}

async function recordedEnvironment(session: Session, request: string): Promise<Environment | undefined> {
  const known = session.store.getRecord(request, REQUEST_RECORD);
  return known === undefined || session.config.refresh ? undefined : findEnvironment(session, known.key);
}

/** What went into it counts as used by this run. */
function used(session: InstallContext, environment: Environment): Environment {
  session.recording.add(environment.recorded);
  return environment;
}

const nameFor = (...parts: readonly string[]): string => `environment-${keyOf(...parts)}`;

/**
 * Everything that the user asked for; of a directory mirror the very indexes, since looking at them costs nothing.
 * The bare minirootfs depends on no index.
 */
function requestName(
  { config, lockPolicy }: Session,
  { mirrors, release }: ChosenMirrors,
  packages: readonly string[],
): string {
  const strict = config.strict === true ? ['strict'] : [];
  // A lock says all there is to say, unless it may be extended.
  if (lockPolicy?.strict === true)
    return nameFor(
      'request-locked-1',
      ...strict,
      config.arch,
      release,
      formatLock(lockPolicy.lock),
      ...[...packages].sort(),
    );
  const directories = packages.length === 0 ? [] : mirrors.filter((mirror) => mirror.kind === 'directory');
  const indexes = directories.flatMap(({ base }) => indexDigests(joinHost(base, branchOf(release)), config.arch));
  return nameFor(
    'request-2',
    ...strict,
    lockPolicy === undefined ? '' : formatLock(lockPolicy.lock),
    config.arch,
    release,
    ...mirrors.flatMap(({ base, keys, publicKeys = [] }) => [base, ...keys, ...publicKeys.map(({ pem }) => pem)]),
    '',
    ...indexes,
    '',
    ...[...packages].sort(),
  );
}

/** Of both sections and both formats; empty for those that are not there. */
const indexDigests = (branch: HostPath, arch: Arch): string[] =>
  SECTIONS.flatMap((section) =>
    ['APKINDEX.tar.gz', 'Packages.adb'].map((name) => {
      const bytes = readFileCapped(joinHost(branch, section, arch, name), 512 * 1024 * 1024);
      return bytes === undefined ? '' : sha256Hex(bytes);
    }),
  );

/** Where a port is built: an environment of its tools, made from the mirror that it goes into. */
export const openPortSandbox: OpenPortSandbox = async (session, tools) => ({
  tree: (await prepareEnvironment(beginInstall(session), tools)).tree,
  run: (description) => runCommandIn(session, description),
});
