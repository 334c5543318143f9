/**
 * The state of one install, beside what the invocation works with: what was used, what is on its way, and the backend
 * that is being probed meanwhile.
 */
import type { Config } from '../../core/config.ts';
import type { PackageRecord } from '../../core/package.ts';
import type { Verified } from '../../core/verified.ts';
import { createRecording, type Recording } from '../../ship/recording.ts';
import type { OpenedPackageFile } from '../../unpack/opened.ts';
import type { OpenedPackage } from '../../verify/opened-package.ts';
import type { PendingProbe } from '../session/backend-choice.ts';
import { projectLockPolicy, type LockPolicy } from '../session/lock-policy.ts';
import { withSession, type Session } from '../session/session.ts';

/** A package in the store, verified, and open for unpacking. */
export interface VerifiedFile extends OpenedPackageFile {
  readonly contents: Verified<OpenedPackage>;
}

/** Packages that are fetched before a plan wants them. */
export interface Prefetched {
  /** undefined when it is not under way, or could not be had. The file is the caller's from then on. */
  readonly take: (record: PackageRecord) => Promise<VerifiedFile | undefined>;
  /** Ends what is under way, and closes what nobody took. */
  readonly close: () => void;
}

export interface InstallContext extends Session {
  /** What was used, for a lock. */
  readonly recording: Recording;
  readonly prefetched?: Prefetched | undefined;
  readonly pendingProbe?: PendingProbe | undefined;
}

export const beginInstall = (session: Session): InstallContext => ({ ...session, recording: createRecording() });

/** Opens a session for one install, under a lock when there is one. @throws as withSession */
export const withInstall = <T>(
  config: Config,
  work: (install: InstallContext) => Promise<T>,
  lockPolicy?: LockPolicy,
): Promise<T> => withSession(config, (session) => work(beginInstall(session)), lockPolicy);

/** An install under the lock beside `alproot.yaml`, for verbs that make an environment of packages. */
export const withProject = <T>(config: Config, work: (install: InstallContext) => Promise<T>): Promise<T> =>
  withInstall(config, work, projectLockPolicy(config));
