/** fetch → verify for the packages of a plan: into the store, several at once, each verified before it counts. */
import { AlprootError, isAlprootError } from '../../core/errors.ts';
import type { PackageRecord, PlannedPackage } from '../../core/package.ts';
import { redactUrl } from '../../core/redact.ts';
import type { Verified } from '../../core/verified.ts';
import { packageLocation, type RepositoryLayout } from '../../formats/release/repositories-file.ts';
import type { LockedPackage } from '../../formats/lock/lockfile.ts';
import type { CopyFile } from '../../fetch/fetch-request.ts';
import { BLOB_RECORD, type BlobRef } from '../../store/blobs.ts';
import type { Copied, CopyJob } from '../../system/files/hashed-file.ts';
import type { Thread } from '../../system/thread/thread.ts';
import type { OpenedPackageFile } from '../../unpack/opened.ts';
import type { OpenedPackage, PackageOptions } from '../../verify/opened-package.ts';
import { dataStartOf, verifyPackage } from '../../verify/package-file.ts';
import type { PackagePlace } from './tree-repositories.ts';
import { createConcurrencyLimit } from '../session/concurrency-limit.ts';
import { together } from './offline-report.ts';
import { pinnedPackage } from '../session/lock-policy.ts';
import type { Session } from '../session/session.ts';
import type { InstallContext, VerifiedFile } from './install-context.ts';
import { firstMirror } from './mirror-failover.ts';
import type { Sources } from './release-indexes.ts';

/** Where packages of a repository are, by the location that their index gives. */
export type PlaceOf = (location: string) => PackagePlace | undefined;

export interface FetchOptions {
  readonly placeOf: PlaceOf;
  /**
   * For a tree that nobody sees before it is whole: packages are handed out as they come, and the hash of a data
   * member is compared right before it is inflated. Otherwise nothing is handed out before everything was verified.
   */
  readonly isPrivate: boolean;
  /** Copies a package of a directory in place of this thread. */
  readonly copy?: CopyFile | undefined;
}

export interface FetchedPackages {
  /** Opens one of them for unpacking, when it is there. @throws as fetchPlaced */
  readonly open: (planned: PlannedPackage) => Promise<OpenedPackageFile>;
  /** Lets go of those that were not opened. */
  readonly close: () => Promise<void>;
}

/** Packages under way at once from a network; from a directory one after another. */
export const AT_ONCE = 32;
/** Those that another thread copies, one of them at a time: it shall have the next ones at hand. */
export const COPIED_AT_ONCE = 8;
/** Descriptors kept from verifying to unpacking; further files are hashed again when they are opened. */
export const KEPT_OPEN = 256;

export const packageId = ({ name, version }: PackageRecord): string => `${name}-${version}`;

/** Has a thread that inflates nothing yet copy packages, and hash them with their data members. */
export const copyPackageBy =
  (thread: Thread): CopyFile =>
  async (from, to) =>
    (await thread.ask({ from: from.descriptor, to, tailStart: dataStartOf(from) } satisfies CopyJob)) as Copied;

/** Packages of a release's own repositories. @throws as fetchPlaced */
export const fetchPackages = (
  session: InstallContext,
  planned: readonly PlannedPackage[],
  { isPrivate = false, ...sources }: Sources & { readonly isPrivate?: boolean },
): Promise<FetchedPackages> => fetchPlaced(session, planned, { placeOf: releasePlaces(sources), isPrivate });

/** Where the packages of a release's own repositories are. */
export const releasePlaces =
  ({ mirrors, places, release }: Sources): PlaceOf =>
  (location) => {
    const place = places.get(location);
    if (place === undefined) return undefined;
    const { mirror, keys, path } = place;
    return { mirrors: [mirror, ...mirrors.filter((other) => other !== mirror)], keys, path, name: path, release };
  };

/** @throws ALP_FETCH_*, ALP_STALE_MIRROR when the index lists what the mirror lacks, ALP_VERIFY_* */
export async function fetchPlaced(
  session: InstallContext,
  planned: readonly PlannedPackage[],
  options: FetchOptions,
): Promise<FetchedPackages> {
  const wanted = planned.filter(({ source }) => source.kind === 'repository');
  const isFar = wanted.some((item) => placeFor(item, options).place.mirrors.some(({ kind }) => kind === 'url'));
  const limit = createConcurrencyLimit(concurrencyFor(isFar, options));
  const arrived = new Map<string, Verified<OpenedPackage>>();
  const kept = new Map<string, VerifiedFile>();
  let failure: { readonly error: unknown } | undefined;

  async function downloadFile(item: PlannedPackage): Promise<void> {
    if (failure !== undefined) throw failure.error;
    const id = packageId(item.record);
    try {
      const file = await fetchOne(session, item, options);
      arrived.set(id, file.contents);
      if (kept.size < KEPT_OPEN) kept.set(id, file);
      else file.close();
    } catch (error) {
      // What is missing offline is told all at once.
      if (!isAlprootError(error, 'ALP_FETCH_OFFLINE')) failure ??= { error };
      throw error;
    }
  }

  const arrivals = new Map(wanted.map((item) => [item, limit(() => downloadFile(item))]));
  const all = together([...arrivals.values()]);
  all.catch(() => undefined);
  const fetched: FetchedPackages = {
    open: async (item) => {
      await arrivals.get(item)?.catch(() => all);
      const id = packageId(item.record);
      const file = kept.get(id) ?? reopen(session, id, arrived.get(id));
      kept.delete(id);
      return file;
    },
    close: async () => {
      failure ??= { error: new Error('nobody wants the packages any more') };
      await Promise.allSettled(arrivals.values());
      for (const file of kept.values()) file.close();
      kept.clear();
    },
  };
  if (!options.isPrivate)
    await all.catch(async (error: unknown) => {
      await fetched.close();
      throw error;
    });
  return fetched;
}

async function fetchOne(
  session: InstallContext,
  planned: PlannedPackage,
  options: FetchOptions,
): Promise<VerifiedFile> {
  const opened = (await session.prefetched?.take(planned.record)) ?? (await fetchVerified(session, planned, options));
  recordPackage(session, planned, { place: placeFor(planned, options).place, contents: opened.contents });
  return opened;
}

/** How many at once. */
function concurrencyFor(isFar: boolean, { copy }: Pick<FetchOptions, 'copy'>): number {
  if (isFar) return AT_ONCE;
  return copy === undefined ? 1 : COPIED_AT_ONCE;
}

function placeFor(
  { source }: PlannedPackage,
  { placeOf }: Pick<FetchOptions, 'placeOf'>,
): { readonly location: string; readonly place: PackagePlace } {
  const location = source.kind === 'repository' ? source.location : '';
  const place = placeOf(location);
  if (place === undefined) throw new Error(`a package of an unknown repository ${location}`);
  return { location, place };
}

/**
 * One package, in the store and verified. The identity that an index gave, or a lock with the SHA-256 of the whole
 * file, decides; not the mirror that it comes from. What is wrong on one mirror is taken from the next, and told.
 *
 * @throws ALP_FETCH_*, ALP_STALE_MIRROR, ALP_VERIFY_*
 */
export async function fetchVerified(
  session: Session,
  planned: PlannedPackage,
  options: FetchOptions,
): Promise<VerifiedFile> {
  const { record } = planned;
  const id = packageId(record);
  const { location, place } = placeFor(planned, options);
  const pinned = pinnedPackage(session, record);
  // Two mirrors may sign the same content with different keys: the files then differ in size.
  const file = `package-${record.checksum?.hex ?? id}-${record.sizeBytes}`;
  const known = pinned ?? session.store.getRecord(file, BLOB_RECORD);
  const verify = (ref: Pick<BlobRef, 'sha256'>, hashed: BlobRef | undefined): VerifiedFile | undefined => {
    const claim: PackageOptions = {
      expected: record,
      repository: location,
      keys: place.keys,
      requireSignature: pinned !== undefined,
      hashed,
      // What installs nothing is never read; and where another mirror can stand in, it must show now that it has to.
      deferData: options.isPrivate && record.installedSizeBytes !== 0 && place.mirrors.length === 1,
    };
    const opened = verifyBlob(session, ref.sha256, { name: `${id}.apk`, claim });
    if (opened === undefined) return undefined;
    const onVerified = (): void => {
      if (known?.sha256 !== ref.sha256) session.store.putRecord(file, { sha256: ref.sha256 }, { codec: BLOB_RECORD });
    };
    if (opened.contents.data?.kind === 'pending') return { ...opened, onVerified };
    onVerified();
    return opened;
  };
  const kept = reuse(session, known?.sha256);
  if (kept !== undefined) {
    const opened = verify(kept, undefined);
    if (opened !== undefined) return opened;
    session.config.emit({ kind: 'note', message: `${id}.apk was damaged in the store and is fetched again` });
  }
  return firstMirror(session, place.mirrors, async ({ base }, own) => {
    const ref = await downloadPackage(own, { base, place, record, pinned, copy: options.copy });
    const opened = verify(ref, ref);
    if (opened === undefined)
      throw new AlprootError('ALP_STORE_DAMAGED', `${id}.apk was damaged in the store`, {
        hint: 'the disk may be failing: `alproot cache verify` tells',
      });
    return opened;
  });
}

/**
 * Verified, and kept open for unpacking. undefined when the store's file was not what its name says, and was dropped.
 */
function verifyBlob(
  { store }: Session,
  sha256: OpenedPackage['sha256'],
  { name, claim }: { readonly name: string; readonly claim: PackageOptions },
): VerifiedFile | undefined {
  const found = store.openVerified(sha256, { name, verify: (blob) => verifyPackage(blob, claim).package });
  return found === undefined ? undefined : { ...found, close: found.source.close };
}

function recordPackage(
  session: InstallContext,
  { because }: PlannedPackage,
  { place, contents }: { readonly place: PackagePlace; readonly contents: OpenedPackage },
): void {
  const { record, sha256, datahash } = contents;
  const locked: LockedPackage = {
    record,
    repository: place.name,
    sha256,
    ...(datahash === undefined ? {} : { datahash }),
    because,
  };
  session.recording.add({
    requests: [],
    environments: [
      { release: place.release, arch: session.config.arch, repositories: [], world: [], packages: [locked] },
    ],
  });
}

function reuse(session: Session, sha256: string | undefined): Pick<BlobRef, 'sha256'> | undefined {
  return sha256 !== undefined && session.store.hasBlob(sha256 as OpenedPackage['sha256'])
    ? { sha256: sha256 as OpenedPackage['sha256'] }
    : undefined;
}

interface Download {
  readonly base: string;
  readonly place: PackagePlace;
  readonly record: PackageRecord;
  readonly pinned: LockedPackage | undefined;
  readonly copy: CopyFile | undefined;
}

async function downloadPackage(
  session: Session,
  { base, place: { path, layout = 'v2' }, record, pinned, copy }: Download,
): Promise<BlobRef> {
  const id = packageId(record);
  const { arch } = session.config;
  // A mirror may keep packages without architecture by either layout.
  const layouts: readonly RepositoryLayout[] = layout === 'ndx' ? [layout] : ['v2', 'v3'];
  const places = new Set(layouts.map((kind) => packageLocation({ location: path, layout: kind }, record, arch)));
  for (const one of places) {
    const ref = await session.fetcher.fetchOptional({
      base,
      path: one,
      maxBytes: record.sizeBytes,
      sizeBytes: record.sizeBytes,
      sha256: pinned?.sha256,
      label: id,
      copy,
    });
    if (ref !== undefined) return ref;
  }
  throw pinned === undefined
    ? new AlprootError(
        'ALP_STALE_MIRROR',
        `${redactUrl(base)} lists ${id} but does not have it: the mirror is being updated, or its index is old`,
        { hint: 'try again with --refresh, or use another --mirror' },
      )
    : new AlprootError('ALP_STALE_MIRROR', `${redactUrl(base)} does not have ${id} any more, which the lock pins`, {
        hint: `run \`alproot lock --update ${record.name}\`, or name a --mirror that keeps old packages`,
      });
}

/** A file that was not kept open. */
function reopen({ store }: Session, id: string, contents: Verified<OpenedPackage> | undefined): OpenedPackageFile {
  const source = contents === undefined ? undefined : store.openBlob(contents.sha256, `${id}.apk`);
  if (contents === undefined || source === undefined)
    throw new AlprootError('ALP_STORE_DAMAGED', `${id}.apk is gone from the store`, { hint: 'run the command again' });
  return { contents, source, close: source.close };
}
