/**
 * Packages that a plan is likely to have, fetched and verified while the minirootfs, which decides it, is still on its
 * way: from a network all of them, from a directory the large ones, which another thread copies. What turns out to be
 * needed is there already; nothing else comes of it: no error, no entry in a lock.
 */
import { setMaxListeners } from 'node:events';
import { packagesOf, type PackageRecord, type PlannedPackage } from '../../core/package.ts';
import { LARGE_BYTES, type Fetcher } from '../../fetch/fetcher.ts';
import type { CopyFile } from '../../fetch/fetch-request.ts';
import { parseDependency } from '../../formats/apk/dependency.ts';
import { createCatalog } from '../../solve/catalog.ts';
import { planChanges } from '../../solve/install-plan.ts';
import { resolve } from '../../solve/resolution.ts';
import type { Thread } from '../../system/thread/thread.ts';
import { createConcurrencyLimit } from '../session/concurrency-limit.ts';
import {
  AT_ONCE,
  COPIED_AT_ONCE,
  copyPackageBy,
  fetchVerified,
  KEPT_OPEN,
  releasePlaces,
} from '../repository/package-files.ts';
import type { Session } from '../session/session.ts';
import type { Prefetched, VerifiedFile } from '../repository/install-context.ts';
import type { Sources } from '../repository/release-indexes.ts';

/** What Alpine's minirootfs files have had so far: left alone until the plan asks for another version. */
const BASE = new Set([
  'alpine-baselayout',
  'alpine-baselayout-data',
  'alpine-keys',
  'alpine-release',
  'apk-tools',
  'busybox',
  'busybox-binsh',
  'ca-certificates-bundle',
  'libapk2',
  'libc-utils',
  'libcrypto1.1',
  'libcrypto3',
  'libretls',
  'libssl1.1',
  'libssl3',
  'libtls-standalone',
  'musl',
  'musl-utils',
  'scanelf',
  'ssl_client',
  'zlib',
]);

export interface PrefetchRequest {
  readonly sources: Sources;
  readonly packages: readonly string[];
  /** Those of them that are known by name. */
  readonly named: readonly PlannedPackage[];
  /** Has not inflated anything yet. */
  readonly thread: Thread | undefined;
}

/**
 * Begins with what `packages` bring to an empty tree. undefined where there is nothing to begin with, or no such plan
 * can be made.
 */
export function prefetchPackages(
  session: Session,
  { sources, packages, named, thread }: PrefetchRequest,
): Prefetched | undefined {
  const { config } = session;
  if (config.bundle !== undefined || packages.length === 0) return undefined;
  if (sources.mirror.kind === 'url')
    return config.offline
      ? undefined
      : begin(session, sources, { planned: predictPackages(session, sources, packages) });
  if (thread === undefined) return undefined;
  return begin(session, sources, {
    planned: named.filter(({ record }) => record.sizeBytes >= LARGE_BYTES),
    copy: copyPackageBy(thread),
  });
}

interface Beginning {
  readonly planned: readonly PlannedPackage[];
  readonly copy?: CopyFile;
}

function begin(session: Session, sources: Sources, { planned, copy }: Beginning): Prefetched | undefined {
  if (planned.length === 0) return undefined;
  const { config } = session;
  const stop = new AbortController();
  const signal = config.signal === undefined ? stop.signal : AbortSignal.any([config.signal, stop.signal]);
  setMaxListeners(0, signal);
  const own: Session = { ...session, fetcher: endedBy(session.fetcher, signal) };
  const options = { placeOf: releasePlaces(sources), isPrivate: true, copy };
  const limit = createConcurrencyLimit(copy === undefined ? AT_ONCE : COPIED_AT_ONCE);
  const downloadFile = (item: PlannedPackage): Promise<VerifiedFile | undefined> =>
    // Whoever needs it tries again, and tells what is wrong.
    limit(async () => (stop.signal.aborted ? undefined : fetchVerified(own, item, options))).catch(() => undefined);
  const files = new Map(planned.slice(0, KEPT_OPEN).map((item) => [identityOf(item.record), downloadFile(item)]));
  return {
    take: async (record) => {
      const file = files.get(identityOf(record));
      files.delete(identityOf(record));
      return file;
    },
    close: () => {
      stop.abort(new Error('it is not needed'));
      for (const file of files.values()) void file.then((opened) => opened?.close());
    },
  };
}

const identityOf = ({ name, version, checksum, sizeBytes }: PackageRecord): string =>
  `${name}-${version} ${checksum?.hex ?? ''} ${sizeBytes}`;

function predictPackages(
  { config: { arch } }: Session,
  { repositories }: Sources,
  packages: readonly string[],
): PlannedPackage[] {
  const world = packages.map((text) => parseDependency(text, { tag: true }));
  const resolution = resolve({ arch, world, catalog: createCatalog(repositories), installed: [] });
  if (resolution.errors > 0) return [];
  return packagesOf(planChanges(resolution)).filter(
    ({ record, source }) => source.kind === 'repository' && !BASE.has(record.name),
  );
}

const endedBy = ({ fetch, fetchOptional }: Fetcher, signal: AbortSignal): Fetcher => ({
  fetch: (request) => fetch({ ...request, signal }),
  fetchOptional: (request) => fetchOptional({ ...request, signal }),
});
