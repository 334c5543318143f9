/** What one invocation works with: the store, the network, the host's tools. Made lazily, closed at the end. */
import { release as kernelRelease } from 'node:os';
import { archOfNode } from '../../core/arch.ts';
import type { Config } from '../../core/config.ts';
import { AlprootError } from '../../core/errors.ts';
import { hostPath, joinHost, type HostPath } from '../../core/paths.ts';
import { createFetcher, type Fetcher } from '../../fetch/fetcher.ts';
import { rememberFetches } from '../../fetch/remembered-fetcher.ts';
import { findHostTools, type RunHost } from '../../run/host-tools.ts';
import { failureOfStore } from '../../store/store-failure.ts';
import { openStore, type Store } from '../../store/store.ts';
import { packageRoot } from '../../system/files/assets.ts';
import { systemClock } from '../../system/process/system-clock.ts';
import type { HttpClient } from '../../system/http/http.ts';
import { hostFailure } from '../../core/file-error.ts';
import { readFileCapped } from '../../system/files/files.ts';
import { exists, homeOf, isWritable } from '../../system/files/host-paths.ts';
import { findForeignWriter } from '../../system/files/ownership.ts';
import { requireProc } from '../../system/process/proc.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import type { CaCertificates } from './ca-certificates.ts';
import { openCertificates, openHttp } from './network.ts';
import type { LockPolicy } from './lock-policy.ts';

export interface Session {
  readonly config: Config;
  readonly store: Store;
  readonly fetcher: Fetcher;
  /** The CA certificates that count, read when they are first asked for. */
  readonly certificates: () => CaCertificates;
  /** For what is on no mirror; refuses everything when offline. */
  readonly http: HttpClient;
  readonly runHost: RunHost;
  readonly isRoot: boolean;
  /** The lock that this invocation keeps to. */
  readonly lockPolicy: LockPolicy | undefined;
  /**
   * Origins of foreign repositories that gave no answer, with the error that it ended in: they are not asked again.
   */
  readonly unreachableHosts: Map<string, AlprootError>;
  /** What has been said once and is not said again. */
  readonly announcements: Set<string>;
  /** Bases of mirrors that failed: they are tried last. */
  readonly failedMirrors: Set<string>;
  readonly close: () => Promise<void>;
}

/** The store that `config` means. @throws ALP_USAGE_CONFIG when nothing says where it is */
export function cachePathOf(config: Config): HostPath {
  if (config.cache !== undefined) return config.cache;
  const checkout = joinHost(packageRoot(), 'rootfs-cache');
  // That of another user's checkout would be refused.
  if (exists(joinHost(checkout, 'README.md')) && isWritable(checkout) && findForeignWriter(checkout) === undefined)
    return checkout;
  // One that is not absolute counts for nothing, says the specification.
  const named = config.env['XDG_CACHE_HOME'];
  if (named?.startsWith('/') === true) return joinHost(hostPath(named), 'alproot');
  const home = homeOf(config.env);
  if (home === undefined)
    throw new AlprootError('ALP_USAGE_CONFIG', 'there is no place for the store: this user has no home directory', {
      hint: 'set HOME, or name a directory with --cache or ALPROOT_CACHE',
    });
  return joinHost(home, '.cache', 'alproot');
}

/** @throws ALP_STORE_*, ALP_FILE_READ on a host without /proc */
export async function openSession(asked: Config, lockPolicy?: LockPolicy): Promise<Session> {
  requireProc();
  const store = openStore(cachePathOf(asked), { clock: systemClock, signal: asked.signal });
  // Whoever cleans the store up sees that somebody is at work.
  const presence = store.readOnly ? undefined : store.makeTemporary('session');
  const bundleSource =
    asked.bundle === undefined
      ? undefined
      : (await import('./bundle-source.ts')).openBundleSource(asked, { store, bundle: asked.bundle, lockPolicy });
  const config = bundleSource?.config ?? asked;
  const certificates = openCertificates(config);
  const http = openHttp(config, certificates);
  const isRoot = hasRealRoot();
  const hostArch = archOfNode(process.arch);
  const network = createFetcher({
    store,
    http,
    clock: systemClock,
    emit: config.emit,
    signal: config.signal,
    minRateBytes: config.minRateBytes,
  });
  return {
    config,
    store,
    certificates,
    http,
    isRoot,
    lockPolicy: bundleSource?.lockPolicy ?? lockPolicy,
    unreachableHosts: new Map(),
    announcements: new Set(),
    failedMirrors: new Set(),
    fetcher:
      bundleSource?.fetcher ??
      rememberFetches(network, { store, emit: config.emit, offline: config.offline, refresh: config.refresh }),
    runHost: findHostTools({
      searchPath: config.env['PATH'] ?? '',
      isRoot,
      kernel: kernelRelease(),
      scratch: () => store.makeTemporary('run'),
      cache: store.path('native'),
      ...(hostArch === undefined ? {} : { arch: hostArch }),
    }),
    close: async () => {
      bundleSource?.close();
      if (presence !== undefined) removeTree(presence);
      await http.close();
    },
  };
}

/** Root that can give files away: not the only user of a namespace. */
export function hasRealRoot(): boolean {
  if (process.getuid?.() !== 0) return false;
  const map = readFileCapped(hostPath('/proc/self/uid_map'), 4096)?.toString() ?? '';
  return map.trim() === '' || map.split('\n').some((line) => Number(line.trim().split(/\s+/)[2] ?? '0') >= 65_535);
}

/**
 * Opens a session for `work`, under a lock when there is one, and closes it whatever happens.
 *
 * @throws ALP_STORE_WRITE, ALP_FILE_* when the host fails
 */
export async function withSession<T>(
  config: Config,
  work: (session: Session) => Promise<T>,
  lockPolicy?: LockPolicy,
): Promise<T> {
  try {
    const session = await openSession(config, lockPolicy);
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  } catch (error) {
    throw failureOfStore(hostFailure(error), cachePathOf(config));
  }
}
