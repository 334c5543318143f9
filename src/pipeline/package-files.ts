/** fetch → verify for the packages of a plan: into the store, several at once, each judged before it counts. */
import { AlprootError } from '../core/errors.ts';
import type { PackageRecord, PlannedPackage } from '../core/package.ts';
import { redactUrl } from '../core/redact.ts';
import type { Verified } from '../core/verified.ts';
import type { OpenedPackageFile } from '../unpack/opened.ts';
import { verifyPackage, type OpenedPackage } from '../verify/package-file.ts';
import type { PackagePlace } from './apk-repositories.ts';
import type { Session } from './session.ts';
import type { Sources } from './sources.ts';

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
export function fetchPackages(session: Session, planned: readonly PlannedPackage[], { mirror, keys }: Sources): Promise<FetchedPackages> {
  const prefix = redactUrl(mirror.base);
  return fetchPlaced(session, planned, (location) => ({ mirror, keys, path: location.startsWith(`${prefix}/`) ? location.slice(prefix.length + 1) : location }));
}

/** @throws ALP_FETCH_*, ALP_STALE_MIRROR when the index lists what the mirror lacks, ALP_VERIFY_* */
export async function fetchPlaced(session: Session, planned: readonly PlannedPackage[], placeOf: PlaceOf): Promise<FetchedPackages> {
  const wanted = planned.filter(({ source }) => source.kind === 'repository');
  const files = new Map<string, Verified<OpenedPackage>>();
  const queue = [...wanted];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) files.set(packageId(next.record), await fetchOne(session, next, placeOf));
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, queue.length) }, work));
  return { files, open: (item) => openFetched(session, item, files) };
}

async function fetchOne(session: Session, { record, source }: PlannedPackage, placeOf: PlaceOf): Promise<Verified<OpenedPackage>> {
  const id = packageId(record);
  const location = source.kind === 'repository' ? source.location : '';
  const place = placeOf(location);
  if (place === undefined) throw new Error(`a package of an unknown repository ${location}`);
  const path = `${place.path}/${session.config.arch}/${id}.apk`;
  // Two mirrors may sign the same content with different keys: the files then differ in size.
  const file = `package-${record.checksum?.hex ?? id}-${record.sizeBytes}`;
  const known = session.store.getRecord(file) as { sha256?: string } | undefined;
  const ref = await reuse(session, known?.sha256) ?? (await download(session, { base: place.mirror.base, path, record }));
  const blob = session.store.openBlob(ref.sha256, `${id}.apk`);
  if (blob === undefined) throw new AlprootError('ALP_STORE_DAMAGED', `${id}.apk was damaged in the store`, { hint: 'run the command again' });
  try {
    const judged = verifyPackage(blob, { expected: record, repository: location, keys: place.keys });
    if (known?.sha256 !== ref.sha256) session.store.putRecord(file, { sha256: ref.sha256 });
    return judged.package;
  } finally {
    blob.close();
  }
}

function reuse(session: Session, sha256: string | undefined): { sha256: OpenedPackage['sha256'] } | undefined {
  return sha256 !== undefined && session.store.hasBlob(sha256 as OpenedPackage['sha256']) ? { sha256: sha256 as OpenedPackage['sha256'] } : undefined;
}

interface Download {
  readonly base: string;
  readonly path: string;
  readonly record: PackageRecord;
}

async function download(session: Session, { base, path, record }: Download): Promise<{ sha256: OpenedPackage['sha256'] }> {
  const ref = await session.fetcher.fetchOptional({ base, path, maxBytes: record.sizeBytes, sizeBytes: record.sizeBytes, label: packageId(record) });
  if (ref !== undefined) return ref;
  throw new AlprootError('ALP_STALE_MIRROR', `${redactUrl(base)} lists ${packageId(record)} but does not have it: the mirror is being updated, or its index is old`, { hint: 'try again with --refresh, or use another --mirror' });
}

function openFetched(session: Session, { record }: PlannedPackage, files: ReadonlyMap<string, Verified<OpenedPackage>>): OpenedPackageFile {
  const contents = files.get(packageId(record));
  const source = contents === undefined ? undefined : session.store.openBlob(contents.sha256, `${packageId(record)}.apk`);
  if (contents === undefined || source === undefined) throw new AlprootError('ALP_STORE_DAMAGED', `${packageId(record)}.apk is gone from the store`, { hint: 'run the command again' });
  return { contents, source, close: source.close };
}
