/** `alproot lock` and `alproot fetch`: what a Dockerfile or a list of packages needs, written down, brought here. */
import type { Config } from '../../core/config.ts';
import { AlprootError } from '../../core/errors.ts';
import { packagesOf } from '../../core/package.ts';
import type { HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import type { Lock } from '../../formats/lock/lockfile.ts';
import { requireNoDrift, isSameLock, lockPathIn, readLock, writeLock } from '../../ship/lock-file.ts';
import { diffLocks, formatLockDiff, type LockChange } from '../../ship/lock-diff.ts';
import { lockOfRecording, type Recorded } from '../../ship/recording.ts';
import { openWorkTree } from '../../system/tree/work-tree.ts';
import { recordBuild, lockDirectory, type BuildOptions } from '../dockerfile/build.ts';
import { openPortSandbox, prepareEnvironment } from '../environment/environment.ts';
import { planPackages } from '../environment/install.ts';
import { chooseMirrors } from '../repository/mirrors.ts';
import { fetchPackages } from '../repository/package-files.ts';
import { addDebianPackages } from '../repository/buildable.ts';
import { UPDATE_HINT, withPinned, type LockPolicy } from '../session/lock-policy.ts';
import { withInstall, type InstallContext } from '../repository/install-context.ts';
import { fetchSources } from '../repository/release-indexes.ts';
import { requireDirectory } from '../../system/files/named-file.ts';
import { requireWritablePlace } from '../../system/files/output-path.ts';

/** What is locked. */
export type LockTarget =
  | { readonly kind: 'packages'; readonly packages: readonly string[]; readonly directory: HostPath }
  | { readonly kind: 'Dockerfile'; readonly build: BuildOptions };

export interface LockOptions {
  /** 'all': look at everything anew; names: these only; absent: keep what is locked as far as it serves. */
  readonly update?: 'all' | readonly string[] | undefined;
  /** Write nothing, refuse a difference. */
  readonly check?: boolean;
}

export interface WrittenLock {
  readonly path: HostPath;
  readonly lock: Lock;
  readonly written: boolean;
  readonly changes: readonly LockChange[];
  /** The changes for people; '' when there are none. */
  readonly text: string;
}

const directoryOf = (target: LockTarget): HostPath =>
  target.kind === 'packages' ? target.directory : lockDirectory(target.build);

/**
 * Makes the lock and writes it beside the Dockerfile or `alproot.yaml`. For a Dockerfile its RUNs are executed, as
 * far as the cache does not have them: only they know what `apk` is asked for.
 *
 * @throws ALP_STALE_LOCK with the difference under `check`; ALP_* of every stage
 */
export async function writeLockFor(
  config: Config,
  target: LockTarget,
  { update, check = false }: LockOptions,
): Promise<WrittenLock> {
  requireDirectory(directoryOf(target), 'the directory that the lock is for');
  const path = lockPathIn(directoryOf(target));
  const before = readLock(path);
  if (check && before === undefined)
    throw new AlprootError('ALP_STALE_LOCK', `there is no ${quoteName(path)}`, {
      hint: 'make it with `alproot lock`',
    });
  const lockPolicy: LockPolicy | undefined =
    before === undefined || update === 'all'
      ? undefined
      : { name: path, lock: before, strict: false, update: new Set(update), hint: UPDATE_HINT };
  refuseUnknown(lockPolicy);
  if (!check) requireWritablePlace(path);
  const lock = lockOfRecording(await record(config, target, lockPolicy));
  if (check && before !== undefined) requireNoDrift({ path, lock: before, wanted: lock });
  const changes = before === undefined ? [] : diffLocks(before, lock);
  const written = !check && (before === undefined || !isSameLock(before, lock)) && writeLock(path, lock);
  return { path, lock, written, changes, text: formatLockDiff(changes) };
}

function refuseUnknown(lockPolicy: LockPolicy | undefined): void {
  const names = new Set(
    lockPolicy?.lock.environments.flatMap(({ packages }) => packages.map(({ record: { name } }) => name)),
  );
  const unknown = [...(lockPolicy?.update ?? [])].find((name) => !names.has(name));
  if (unknown !== undefined)
    throw new AlprootError(
      'ALP_USAGE_ARGUMENT',
      `${quoteName(unknown)} is not in ${quoteName(lockPolicy?.name ?? '')}`,
      { hint: '--update without a name looks at all packages anew' },
    );
}

/** The lock that is there, or the one that would be written. */
export async function lockFor(config: Config, target: LockTarget): Promise<Lock> {
  return readLock(lockPathIn(directoryOf(target))) ?? lockOfRecording(await record(config, target, undefined));
}

const record = (config: Config, target: LockTarget, lockPolicy: LockPolicy | undefined): Promise<Recorded> =>
  target.kind === 'Dockerfile'
    ? recordBuild(config, target.build, lockPolicy)
    : withInstall(
        config,
        async (session) => {
          await recordPackages(session, target.packages);
          return session.recording.whole();
        },
        lockPolicy,
      );

/**
 * Everything that an environment of these packages is made of, in the store; nothing is unpacked but the minirootfs.
 */
async function recordPackages(session: InstallContext, packages: readonly string[]): Promise<void> {
  const chosen = await chooseMirrors(session);
  const base = await prepareEnvironment(session, []);
  await withPinned(session, async (extended) => {
    if (session.lockPolicy === undefined || extended)
      await addDebianPackages(session, chosen, { packages, openSandbox: openPortSandbox });
    const tree = openWorkTree(base.tree);
    try {
      const sources = await fetchSources(session, chosen, { extended });
      const { changes } = planPackages(session, { tree, sources, packages });
      await (await fetchPackages(session, packagesOf(changes), sources)).close();
      session.recording.add({ requests: packages, environments: [] });
    } finally {
      tree.close();
    }
  });
}
