/** fetch → verify for the packages of a plan: into the store, several at once, each judged before it counts. */
import { AlprootError, isAlprootError } from '../core/errors.ts';
import type { PackageRecord, PlannedPackage } from '../core/package.ts';
import { redactUrl } from '../core/redact.ts';
import type { Verified } from '../core/verified.ts';
import { packageLocation, type RepositoryLayout } from '../formats/repositories.ts';
import type { LockedPackage } from '../formats/lockfile.ts';
import type { BlobRef } from '../store/blobs.ts';
import type { OpenedPackageFile } from '../unpack/opened.ts';
import { verifyPackage, type OpenedPackage, type PackageOptions } from '../verify/package-file.ts';
import type { PackagePlace } from './apk-repositories.ts';
import { missingOffline } from './missing.ts';
import { pinnedPackage } from './pins.ts';
import type { Session } from './session.ts';
import { firstMirror, type Sources } from './sources.ts';

const AT_ONCE = 16;

export interface FetchedPackages {
  /** Opens one of them again for unpacking. */
  readonly open: (planned: PlannedPackage) => OpenedPackageFile;
  /** Lets go of those that were not opened. */
  readonly close: () => void;
}

/** Descriptors kept from verifying to unpacking; further files are hashed again when they are opened. */
const KEPT_OPEN = 256;

interface Opened {
  readonly contents: Map<string, Verified<OpenedPackage>>;
  readonly kept: Map<string, VerifiedFile>;
}

export const packageId = ({ name, version }: PackageRecord): string => `${name}-${version}`;

/** Where packages of a repository are, by the location that they carry. */
export type PlaceOf = (location: string) => PackagePlace | undefined;

/** Packages of a release's own repositories. @throws as fetchPlaced */
export function fetchPackages(session: Session, planned: readonly PlannedPackage[], { mirror, mirrors, keys, release }: Sources): Promise<FetchedPackages> {
  const prefix = redactUrl(mirror.base);
  const all = [mirror, ...mirrors.filter((other) => other !== mirror)];
  return fetchPlaced(session, planned, (location) => {
    const path = location.startsWith(`${prefix}/`) ? location.slice(prefix.length + 1) : location;
    return { mirrors: all, keys, path, name: path, release };
  });
}

/** @throws ALP_FETCH_*, ALP_STALE_MIRROR when the index lists what the mirror lacks, ALP_VERIFY_* */
export async function fetchPlaced(session: Session, planned: readonly PlannedPackage[], placeOf: PlaceOf): Promise<FetchedPackages> {
  const wanted = planned.filter(({ source }) => source.kind === 'repository');
  const files: Opened = { contents: new Map(), kept: new Map() };
  const queue = [...wanted];
  const missing: AlprootError[] = [];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      try {
        keep(files, packageId(next.record), await fetchOne(session, next, placeOf));
      } catch (error) {
        if (!isAlprootError(error, 'ALP_FETCH_OFFLINE')) {
          queue.length = 0;
          throw error;
        }
        missing.push(error);
      }
    }
  };
  const close = (): void => {
    for (const file of files.kept.values()) file.close();
    files.kept.clear();
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(AT_ONCE, queue.length) }, work));
  const failed = ended.find((end) => end.status === 'rejected');
  if (failed !== undefined || missing.length > 0) {
    close();
    throw failed === undefined ? missingOffline(missing) : failed.reason;
  }
  return { open: (item) => openFetched(session, item, files), close };
}

function keep({ contents, kept }: Opened, id: string, file: VerifiedFile): void {
  contents.set(id, file.contents);
  if (kept.size < KEPT_OPEN) kept.set(id, file);
  else file.close();
}

/** The identity that an index gave, or a lock with the SHA-256 of the whole file, decides; not the mirror that it comes from. */
async function fetchOne(session: Session, planned: PlannedPackage, placeOf: PlaceOf): Promise<VerifiedFile> {
  const { record, source } = planned;
  const id = packageId(record);
  const location = source.kind === 'repository' ? source.location : '';
  const place = placeOf(location);
  if (place === undefined) throw new Error(`a package of an unknown repository ${location}`);
  const pinned = pinnedPackage(session, record);
  // Two mirrors may sign the same content with different keys: the files then differ in size.
  const file = `package-${record.checksum?.hex ?? id}-${record.sizeBytes}`;
  const known = pinned ?? (session.store.getRecord(file) as { sha256?: string } | undefined);
  for (let again = false; ; again = true) {
    const kept = again ? undefined : reuse(session, known?.sha256);
    const ref = kept ?? (await download(session, { place, record, pinned }));
    const options: PackageOptions = { expected: record, repository: location, keys: place.keys, requireSignature: pinned !== undefined, sha256: kept === undefined ? ref.sha256 : undefined };
    const opened = verifyBlob(session, ref.sha256, { name: `${id}.apk`, options });
    if (opened === undefined) {
      if (again) throw new AlprootError('ALP_STORE_DAMAGED', `${id}.apk was damaged in the store`, { hint: 'the disk may be failing: `alproot cache verify` tells' });
      session.config.emit({ kind: 'note', message: `${id}.apk was damaged in the store and is fetched again` });
      continue;
    }
    if (known?.sha256 !== ref.sha256) session.store.putRecord(file, { sha256: ref.sha256 });
    recordPackage(session, planned, { place, contents: opened.contents });
    return opened;
  }
}

/**
 * Judges a blob and keeps it open for unpacking, so that its bytes are hashed once. undefined when the store's file was
 * not what its name says, and was dropped.
 */
function verifyBlob(session: Session, sha256: OpenedPackage['sha256'], { name, options }: { readonly name: string; readonly options: PackageOptions }): VerifiedFile | undefined {
  const blob = session.store.openUnchecked(sha256, name);
  if (blob === undefined) return undefined;
  try {
    const contents = verifyPackage(blob, options).package;
    if (contents.sha256 === sha256) return { contents, source: blob, close: blob.close };
    blob.close();
  } catch (error) {
    blob.close();
    const intact = session.store.openBlob(sha256, name);
    if (intact === undefined) return undefined;
    intact.close();
    throw error;
  }
  session.store.openBlob(sha256, name)?.close();
  return undefined;
}

interface VerifiedFile extends OpenedPackageFile {
  readonly contents: Verified<OpenedPackage>;
}

function recordPackage(session: Session, { because }: PlannedPackage, { place, contents }: { readonly place: PackagePlace; readonly contents: OpenedPackage }): void {
  const { record, sha256, datahash } = contents;
  const locked: LockedPackage = { record, repository: place.name, sha256, ...(datahash === undefined ? {} : { datahash }), because };
  session.recording.add({ requests: [], environments: [{ release: place.release, arch: session.config.arch, repositories: [], world: [], packages: [locked] }] });
}

function reuse(session: Session, sha256: string | undefined): { sha256: OpenedPackage['sha256'] } | undefined {
  return sha256 !== undefined && session.store.hasBlob(sha256 as OpenedPackage['sha256']) ? { sha256: sha256 as OpenedPackage['sha256'] } : undefined;
}

interface Download {
  readonly place: PackagePlace;
  readonly record: PackageRecord;
  readonly pinned: LockedPackage | undefined;
}

async function download(session: Session, { place: { mirrors, path, layout = 'v2' }, record, pinned }: Download): Promise<BlobRef> {
  const id = packageId(record);
  const { arch } = session.config;
  // A mirror may keep packages without architecture by either layout.
  const layouts: readonly RepositoryLayout[] = layout === 'ndx' ? [layout] : ['v2', 'v3'];
  const places = new Set(layouts.map((kind) => packageLocation({ location: path, layout: kind }, record, arch)));
  const find = async (base: string): Promise<BlobRef | undefined> => {
    for (const place of places) {
      const ref = await session.fetcher.fetchOptional({ base, path: place, maxBytes: record.sizeBytes, sizeBytes: record.sizeBytes, sha256: pinned?.sha256, label: id });
      if (ref !== undefined) return ref;
    }
    return undefined;
  };
  return firstMirror(mirrors, async ({ base }) => {
    const ref = await find(base);
    if (ref !== undefined) return ref;
    throw pinned === undefined
      ? new AlprootError('ALP_STALE_MIRROR', `${redactUrl(base)} lists ${id} but does not have it: the mirror is being updated, or its index is old`, { hint: 'try again with --refresh, or use another --mirror' })
      : new AlprootError('ALP_STALE_MIRROR', `${redactUrl(base)} does not have ${id} any more, which the lock pins`, { hint: `run \`alproot lock --update ${record.name}\`, or name a --mirror that keeps old packages` });
  });
}

/** Takes a file that was kept open, or opens it again. */
function openFetched({ store }: Session, { record }: PlannedPackage, { contents, kept }: Opened): OpenedPackageFile {
  const id = packageId(record);
  const file = kept.get(id);
  kept.delete(id);
  if (file !== undefined) return file;
  const known = contents.get(id);
  const source = known === undefined ? undefined : store.openBlob(known.sha256, `${id}.apk`);
  if (known === undefined || source === undefined) throw new AlprootError('ALP_STORE_DAMAGED', `${id}.apk is gone from the store`, { hint: 'run the command again' });
  return { contents: known, source, close: source.close };
}
