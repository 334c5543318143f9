/** fetch → verify: the indexes of a release, from the first mirror that has them whole. */
import type { MirrorSpec } from '../core/config.ts';
import { AlprootError, isAlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Repository, RepositoryIndex } from '../core/package.ts';
import type { Verified } from '../core/verified.ts';
import { branchOf } from '../formats/releases.ts';
import { indexLocation, type RepositoryLayout } from '../formats/repositories.ts';
import { redactUrl } from '../core/redact.ts';
import type { BlobRef, OpenBlob } from '../store/blobs.ts';
import type { Store } from '../store/store.ts';
import { isSha256Hex } from '../core/digest.ts';
import type { LockedEnvironment, LockedRepository } from '../formats/lockfile.ts';
import { lockedIndex } from '../verify/locked-index.ts';
import { verifyIndex } from '../verify/index-file.ts';
import type { TrustedKeys } from '../verify/key.ts';
import { judgeFreshness } from './freshness.ts';
import { together } from './missing.ts';
import type { ChosenMirrors } from './mirrors.ts';
import { offeredNames } from './offered.ts';
import { pinnedEnvironment } from './pins.ts';
import type { Session } from './session.ts';
import { mirrorKeys } from './trust.ts';

export interface Sources {
  readonly mirror: MirrorSpec;
  readonly keys: TrustedKeys;
  /** All that may be asked for a package whose identity is known. */
  readonly mirrors: readonly MirrorSpec[];
  readonly release: string;
  readonly branch: string;
  readonly repositories: readonly Repository[];
  /** Names that could be had although no repository has them yet. */
  readonly offered: readonly string[];
}

export const SECTIONS = ['main', 'community'];

export interface SourcesOptions {
  /** Under a lock the moving indexes are not looked at, unless it is extended by them. */
  readonly extended?: boolean;
  /** Told of what is there when v2 indexes are missing and v3 is asked for, a round trip with nothing at its end as a rule; and of all. */
  readonly onIndexes?: (sources: Sources) => void;
}

/**
 * The indexes of a release, all from one mirror, so that two states of a repository are never mixed.
 *
 * @throws ALP_FETCH_MIRRORS naming each mirror's trouble; ALP_VERIFY_*, ALP_STALE_*
 */
export async function fetchSources(session: Session, chosen: ChosenMirrors, { extended = false, onIndexes }: SourcesOptions = {}): Promise<Sources> {
  const { mirrors, release } = chosen;
  const branch = branchOf(release);
  const locked = pinnedEnvironment(session, release);
  return firstMirror(mirrors, async (mirror) => {
    const keys = mirrorKeys(mirror, session.config.arch);
    const open = (section: string, layout: RepositoryLayout): ReturnType<typeof openIndex> => openIndex(session, { mirror, keys, path: `${branch}/${section}`, release, locked, extended, layout });
    const offered = await offeredNames(chosen);
    const sourcesOf = (found: readonly (Verified<RepositoryIndex> | undefined)[]): Sources =>
      ({ mirror, mirrors, keys, branch, release, offered, repositories: found.filter((index) => index !== undefined).map((index): Repository => ({ index })) });
    const first = await together(SECTIONS.map((section) => open(section, 'v2')));
    if (first[0] !== undefined) onIndexes?.(sourcesOf(first));
    const found = await together(SECTIONS.map(async (section, at) => first[at] ?? open(section, 'v3')));
    if (found[0] === undefined) {
      throw new AlprootError('ALP_FETCH_NOT_FOUND', `${redactUrl(mirror.base)} has no ${branch}/main for ${session.config.arch}`, { hint: 'choose another --release, --arch or --mirror' });
    }
    onIndexes?.(sourcesOf(found));
    return sourcesOf(found);
  });
}

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
export async function openIndex(session: Session, place: OpenIndex): Promise<Verified<RepositoryIndex> | undefined> {
  const { locked, extended, mirror, path, release, tag } = place;
  const name = place.name ?? path;
  const known = locked?.repositories.find(({ location }) => location === name);
  const record = (repository: LockedRepository): void =>
    session.recording.add({ requests: [], environments: [{ release, arch: session.config.arch, repositories: [{ ...repository, ...(tag === undefined ? {} : { tag }) }], world: [], packages: [] }] });
  if (locked !== undefined && !extended) {
    if (known === undefined) return undefined;
    record(known);
    return lockedIndex({ repository: known, location: `${redactUrl(mirror.base)}/${path}`, pinned: locked.packages });
  }
  const moving = await fetchIndex(session, place);
  if (moving === undefined) return undefined;
  const repository: LockedRepository = { location: name, description: moving.description, sha256: moving.sha256, sizeBytes: moving.sizeBytes };
  record(repository);
  if (locked === undefined) return moving;
  const pinned = locked.packages.filter(({ record: { name: own } }) => session.pins?.update.has(own) !== true);
  return lockedIndex({ repository, location: moving.location, pinned, moving });
}

/** One verified index; undefined when the mirror does not have that repository. */
export async function fetchIndex(session: Session, { mirror, keys, path, layout, name = path }: IndexPlace & { readonly name?: string | undefined }): Promise<Verified<RepositoryIndex> | undefined> {
  const location = `${redactUrl(mirror.base)}/${path}`;
  let judged: Verified<RepositoryIndex> | undefined;
  const judge = (found: BlobRef): void => {
    judged = judgeIndex(session, found, { location, keys, repository: name });
  };
  const find = (kind: RepositoryLayout): Promise<BlobRef | undefined> =>
    session.fetcher.fetchOptional({ base: mirror.base, path: indexLocation({ location: path, layout: kind }, session.config.arch), maxBytes: limits.indexCompressed, label: `index of ${path}`, remember: 'offline', judge });
  const ref = await (layout === undefined ? find('v2').then((found) => found ?? find('v3')) : find(layout));
  return ref === undefined ? undefined : (judged ?? judgeIndex(session, ref, { location, keys, repository: name }));
}

interface IndexClaim {
  readonly location: string;
  readonly keys: TrustedKeys;
  readonly repository: string;
}

function judgeIndex(session: Session, ref: BlobRef, { location, keys, repository }: IndexClaim): Verified<RepositoryIndex> {
  const blob = session.store.openBlob(ref.sha256, location);
  if (blob === undefined) throw new AlprootError('ALP_STORE_DAMAGED', `the index of ${location} was damaged in the store`, { hint: 'run the command again' });
  try {
    const { index, vouchers, form } = verifyIndex(readWhole(blob), { location, keys, form: keptForm(session.store, ref) });
    judgeFreshness(session, { index, repository, vouchers });
    if (index.packages.length >= KEPT_FROM) keepForm(session.store, ref, form);
    return index;
  } finally {
    blob.close();
  }
}

/** Packages of an index whose parsed form is worth a file. */
const KEPT_FROM = 1000;

const formName = ({ sha256 }: BlobRef): string => `index-form-${sha256}`;

/** A blob like any other: hashed when it is read, dropped when it is damaged, removed when it is not used. */
function keptForm(store: Store, ref: BlobRef): Buffer | undefined {
  const { sha256 } = (store.getRecord(formName(ref)) ?? {}) as { sha256?: string };
  const blob = sha256 !== undefined && isSha256Hex(sha256) ? store.openBlob(sha256, 'a parsed index') : undefined;
  try {
    return blob === undefined ? undefined : readWhole(blob);
  } finally {
    blob?.close();
  }
}

function keepForm(store: Store, ref: BlobRef, make: (() => Buffer | undefined) | undefined): void {
  const form = store.readOnly ? undefined : make?.();
  if (form !== undefined) store.putRecord(formName(ref), { sha256: store.putBlob(form).sha256 });
}

export function readWhole(blob: OpenBlob): Buffer {
  const bytes = Buffer.alloc(blob.sizeBytes);
  for (let at = 0; at < bytes.length; ) {
    const count = blob.read(bytes.subarray(at), at);
    if (count === 0) throw new AlprootError('ALP_STORE_DAMAGED', `${blob.name} became shorter while it was read`);
    at += count;
  }
  return bytes;
}

/** Troubles of a mirror that another one may not have. What was tampered with is never passed over in silence: it ends the search. */
const mayPass = ({ code }: AlprootError): boolean => code.startsWith('ALP_FETCH_') || (code.startsWith('ALP_STALE_') && code !== 'ALP_STALE_LOCK');

/** The first mirror that works. @throws its trouble when there is one mirror; ALP_STALE_* when some lag behind, ALP_FETCH_MIRRORS otherwise */
export async function firstMirror<T>(mirrors: readonly MirrorSpec[], work: (mirror: MirrorSpec) => Promise<T>): Promise<T> {
  const troubles: AlprootError[] = [];
  for (const mirror of mirrors) {
    try {
      return await work(mirror);
    } catch (error) {
      if (!isAlprootError(error) || !mayPass(error)) throw error;
      troubles.push(error);
    }
  }
  const [only] = troubles;
  if (only !== undefined && troubles.length === 1) throw only;
  if (only !== undefined && troubles.every(({ code }) => code === 'ALP_FETCH_OFFLINE')) throw only;
  const stale = troubles.find(({ code }) => code.startsWith('ALP_STALE_'));
  throw new AlprootError(stale?.code ?? 'ALP_FETCH_MIRRORS', `no mirror could be used:\n${troubles.map(({ message }) => `  ${message}`).join('\n')}`, { cause: stale ?? only, hint: (stale ?? only)?.hint });
}
