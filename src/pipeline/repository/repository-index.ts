/** fetch → verify of one index: what a lock pins of it, or what the mirror has now, never older than seen before. */
import type { MirrorSpec } from '../../core/mirror.ts';
import { AlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { RepositoryIndex } from '../../core/package.ts';
import { redactUrl } from '../../core/redact.ts';
import type { Verified } from '../../core/verified.ts';
import type { LockedEnvironment, LockedRepository } from '../../formats/lock/lockfile.ts';
import { indexLocation, type RepositoryLayout } from '../../formats/release/repositories-file.ts';
import { BLOB_RECORD, type BlobRef, type OpenBlob } from '../../store/blobs.ts';
import type { Store } from '../../store/store.ts';
import { verifyIndex } from '../../verify/index-file.ts';
import type { TrustedKeys } from '../../verify/key.ts';
import { lockedIndex } from '../../verify/locked-index.ts';
import type { Session } from '../session/session.ts';
import { verifyFreshness } from './freshness.ts';
import type { InstallContext } from './install-context.ts';

export interface IndexPlace {
  readonly mirror: MirrorSpec;
  readonly keys: TrustedKeys;
  /** Below the mirror: `v3.19/main`. */
  readonly path: string;
  /** v2 unless given; a chosen mirror that has no v2 index is asked for one of v3. */
  readonly layout?: RepositoryLayout;
}

export interface OpenIndex extends IndexPlace {
  /** As it was asked for; a lock and its recording go by it. */
  readonly release: string;
  /** What a lock pins of that release. */
  readonly locked: LockedEnvironment | undefined;
  /** Names that the lock leaves open come from the moving index. */
  readonly extended: boolean;
  /** Under which a lock has it, when that is not its path: the URL of a foreign repository. */
  readonly name?: string;
  readonly tag?: string | undefined;
}

/** A repository as the lock and the mirror have it; undefined when neither does. */
export async function openIndex(
  session: InstallContext,
  place: OpenIndex,
): Promise<Verified<RepositoryIndex> | undefined> {
  const { locked, extended, mirror, path, release, tag } = place;
  const name = place.name ?? path;
  const known = locked?.repositories.find(({ location }) => location === name);
  const record = (repository: LockedRepository): void =>
    recordRepository(session, release, { ...repository, ...(tag === undefined ? {} : { tag }) });
  if (locked !== undefined && !extended) {
    if (known === undefined) return undefined;
    record(known);
    return lockedIndex({ repository: known, location: `${redactUrl(mirror.base)}/${path}`, pinned: locked.packages });
  }
  const moving = await fetchIndex(session, place);
  if (moving === undefined) return undefined;
  const repository: LockedRepository = {
    location: name,
    description: moving.description,
    sha256: moving.sha256,
    sizeBytes: moving.sizeBytes,
  };
  record(repository);
  if (locked === undefined) return moving;
  const pinned = locked.packages.filter(({ record: { name: own } }) => session.lockPolicy?.update.has(own) !== true);
  return lockedIndex({ repository, location: moving.location, pinned, moving });
}

function recordRepository(
  { recording, config: { arch } }: InstallContext,
  release: string,
  repository: LockedRepository,
): void {
  recording.add({
    requests: [],
    environments: [{ release, arch, repositories: [repository], world: [], packages: [] }],
  });
}

/** One verified index; undefined when the mirror does not have that repository. */
export async function fetchIndex(
  session: Session,
  { mirror, keys, path, layout, name = path }: IndexPlace & { readonly name?: string | undefined },
): Promise<Verified<RepositoryIndex> | undefined> {
  const location = `${redactUrl(mirror.base)}/${path}`;
  let verified: Verified<RepositoryIndex> | undefined;
  const verify = (found: BlobRef): void => {
    verified = verifyFetchedIndex(session, found, { location, keys, repository: name });
  };
  const find = (kind: RepositoryLayout): Promise<BlobRef | undefined> =>
    session.fetcher.fetchOptional({
      base: mirror.base,
      path: indexLocation({ location: path, layout: kind }, session.config.arch),
      maxBytes: limits.indexCompressed,
      label: `index of ${path}`,
      remember: 'offline',
      verify,
    });
  const ref = await (layout === undefined ? find('v2').then((found) => found ?? find('v3')) : find(layout));
  return ref === undefined
    ? undefined
    : (verified ?? verifyFetchedIndex(session, ref, { location, keys, repository: name }));
}

interface IndexClaim {
  readonly location: string;
  readonly keys: TrustedKeys;
  readonly repository: string;
}

function verifyFetchedIndex(
  session: Session,
  ref: BlobRef,
  { location, keys, repository }: IndexClaim,
): Verified<RepositoryIndex> {
  const blob = session.store.openBlob(ref.sha256, location);
  if (blob === undefined)
    throw new AlprootError('ALP_STORE_DAMAGED', `the index of ${location} was damaged in the store`, {
      hint: 'run the command again',
    });
  try {
    const { index, signers, form } = verifyIndex(readBlob(blob), {
      location,
      keys,
      form: readCachedIndex(session.store, ref),
    });
    verifyFreshness(session, { index, repository, signers });
    if (index.packages.length >= KEPT_FROM) writeCachedIndex(session.store, ref, form);
    return index;
  } finally {
    blob.close();
  }
}

/** Packages of an index whose parsed form is worth a file. */
const KEPT_FROM = 1000;

const formName = ({ sha256 }: BlobRef): string => `index-form-${sha256}`;

/** A blob like any other: hashed when it is read, dropped when it is damaged, removed when it is not used. */
function readCachedIndex(store: Store, ref: BlobRef): Buffer | undefined {
  const known = store.getRecord(formName(ref), BLOB_RECORD);
  const blob = known === undefined ? undefined : store.openBlob(known.sha256, 'a parsed index');
  try {
    return blob === undefined ? undefined : readBlob(blob);
  } finally {
    blob?.close();
  }
}

function writeCachedIndex(store: Store, ref: BlobRef, make: (() => Buffer | undefined) | undefined): void {
  const form = store.readOnly ? undefined : make?.();
  if (form !== undefined)
    store.putRecord(formName(ref), { sha256: store.putBlob(form).sha256 }, { codec: BLOB_RECORD });
}

export function readBlob(blob: OpenBlob): Buffer {
  const bytes = Buffer.alloc(blob.sizeBytes);
  for (let at = 0; at < bytes.length;) {
    const count = blob.read(bytes.subarray(at), at);
    if (count === 0) throw new AlprootError('ALP_STORE_DAMAGED', `${blob.name} became shorter while it was read`);
    at += count;
  }
  return bytes;
}
