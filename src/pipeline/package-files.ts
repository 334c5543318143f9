/** fetch → verify for the packages of a plan: into the store, several at once, each judged before it counts. */
import { AlprootError, isAlprootError } from '../core/errors.ts';
import type { PackageRecord, PlannedPackage } from '../core/package.ts';
import { redactUrl } from '../core/redact.ts';
import type { Verified } from '../core/verified.ts';
import { packageLocation, type RepositoryLayout } from '../formats/repositories.ts';
import type { LockedPackage } from '../formats/lockfile.ts';
import type { BlobRef } from '../store/blobs.ts';
import type { OpenedPackageFile } from '../unpack/opened.ts';
import { verifyPackage, type OpenedPackage } from '../verify/package-file.ts';
import type { PackagePlace } from './apk-repositories.ts';
import { missingOffline } from './missing.ts';
import { pinnedPackage } from './pins.ts';
import type { Session } from './session.ts';
import { firstMirror, type Sources } from './sources.ts';

const AT_ONCE = 8;

export interface FetchedPackages {
  /** Opens one of them again for unpacking. */
  readonly open: (planned: PlannedPackage) => OpenedPackageFile;
  readonly files: ReadonlyMap<string, Verified<OpenedPackage>>;
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
  const files = new Map<string, Verified<OpenedPackage>>();
  const queue = [...wanted];
  const missing: AlprootError[] = [];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      try {
        files.set(packageId(next.record), await fetchOne(session, next, placeOf));
      } catch (error) {
        if (!isAlprootError(error, 'ALP_FETCH_OFFLINE')) throw error;
        missing.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, queue.length) }, work));
  if (missing.length > 0) throw missingOffline(missing);
  return { files, open: (item) => openFetched(session, item, files) };
}

/** The identity that an index gave, or a lock with the SHA-256 of the whole file, decides; not the mirror that it comes from. */
async function fetchOne(session: Session, planned: PlannedPackage, placeOf: PlaceOf): Promise<Verified<OpenedPackage>> {
  const { record, source } = planned;
  const id = packageId(record);
  const location = source.kind === 'repository' ? source.location : '';
  const place = placeOf(location);
  if (place === undefined) throw new Error(`a package of an unknown repository ${location}`);
  const pinned = pinnedPackage(session, record);
  // Two mirrors may sign the same content with different keys: the files then differ in size.
  const file = `package-${record.checksum?.hex ?? id}-${record.sizeBytes}`;
  const known = pinned ?? (session.store.getRecord(file) as { sha256?: string } | undefined);
  const ref = reuse(session, known?.sha256) ?? (await download(session, { place, record, pinned }));
  const blob = session.store.openBlob(ref.sha256, `${id}.apk`);
  if (blob === undefined) throw new AlprootError('ALP_STORE_DAMAGED', `${id}.apk was damaged in the store`, { hint: 'run the command again' });
  try {
    const judged = verifyPackage(blob, { expected: record, repository: location, keys: place.keys, requireSignature: pinned !== undefined });
    if (known?.sha256 !== ref.sha256) session.store.putRecord(file, { sha256: ref.sha256 });
    const { datahash } = judged.package;
    const locked: LockedPackage = { record: judged.package.record, repository: place.name, sha256: judged.package.sha256, ...(datahash === undefined ? {} : { datahash }), because: planned.because };
    session.recording.add({ requests: [], environments: [{ release: place.release, arch: session.config.arch, repositories: [], world: [], packages: [locked] }] });
    return judged.package;
  } finally {
    blob.close();
  }
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

function openFetched(session: Session, { record }: PlannedPackage, files: ReadonlyMap<string, Verified<OpenedPackage>>): OpenedPackageFile {
  const contents = files.get(packageId(record));
  const source = contents === undefined ? undefined : session.store.openBlob(contents.sha256, `${packageId(record)}.apk`);
  if (contents === undefined || source === undefined) throw new AlprootError('ALP_STORE_DAMAGED', `${packageId(record)}.apk is gone from the store`, { hint: 'run the command again' });
  return { contents, source, close: source.close };
}
