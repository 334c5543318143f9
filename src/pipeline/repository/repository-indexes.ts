/** fetch → verify: the indexes of a release, each from the first mirror that has it. */
import type { MirrorSpec } from '../../core/config.ts';
import { AlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Repository, RepositoryIndex } from '../../core/package.ts';
import type { Verified } from '../../core/verified.ts';
import { branchOf } from '../../formats/release/release-names.ts';
import { indexLocation, type RepositoryLayout } from '../../formats/release/repositories-file.ts';
import { redactUrl } from '../../core/redact.ts';
import { BLOB_RECORD, type BlobRef, type OpenBlob } from '../../store/blobs.ts';
import type { Store } from '../../store/store.ts';
import type { LockedEnvironment, LockedRepository } from '../../formats/lock/lockfile.ts';
import { lockedIndex } from '../../verify/locked-index.ts';
import { verifyIndex } from '../../verify/index-file.ts';
import type { TrustedKeys } from '../../verify/key.ts';
import { verifyFreshness } from './freshness.ts';
import { together } from './offline-report.ts';
import { firstMirror, firstThatHas } from './mirror-failover.ts';
import type { ChosenMirrors } from './mirrors.ts';
import { buildableNames } from './buildable.ts';
import { pinnedEnvironment } from '../session/lock-policy.ts';
import type { Session } from '../session/session.ts';
import type { InstallContext } from './install-context.ts';
import { mirrorKeys } from '../session/trusted-keys.ts';

/** Where a section comes from. */
export interface SectionPlace {
  readonly mirror: MirrorSpec;
  readonly keys: TrustedKeys;
  /** Below the mirror: `v3.19/main`. */
  readonly path: string;
}

export interface Sources {
  /** The one that has `main`. */
  readonly mirror: MirrorSpec;
  readonly keys: TrustedKeys;
  /** By the location that the packages of a section have. */
  readonly places: ReadonlyMap<string, SectionPlace>;
  /** All that may be asked for a package whose identity is known. */
  readonly mirrors: readonly MirrorSpec[];
  readonly release: string;
  readonly branch: string;
  readonly repositories: readonly Repository[];
  /** Names that could be had although no repository has them yet. */
  readonly buildable: readonly string[];
}

export const SECTIONS = ['main', 'community'];

export interface SourcesOptions {
  /** Under a lock the moving indexes are not looked at, unless it is extended by them. */
  readonly extended?: boolean;
  /**
   * Told of what is there when v2 indexes are missing and v3 is asked for, a round trip with nothing at its end as a
   * rule; and of all.
   */
  readonly onIndexes?: (sources: Sources) => void;
}

/**
 * The indexes of a release, from one mirror as far as that has them; a section that it lacks, or that holds nothing,
 * from the next that has it. A section comes whole from one mirror, so that two states of a repository are never
 * mixed.
 *
 * @throws ALP_FETCH_MIRRORS naming each mirror's failure; ALP_VERIFY_*, ALP_STALE_*
 */
export async function fetchSources(
  session: InstallContext,
  chosen: ChosenMirrors,
  { extended = false, onIndexes }: SourcesOptions = {},
): Promise<Sources> {
  const { mirrors, release } = chosen;
  const branch = branchOf(release);
  const locked = pinnedEnvironment(session, release);
  const buildable = await buildableNames(chosen);
  const open = async (
    own: InstallContext,
    mirror: MirrorSpec,
    { section, layout }: { readonly section: string; readonly layout?: RepositoryLayout },
  ): Promise<FoundSection | undefined> => {
    const place = { mirror, keys: mirrorKeys(mirror, session.config.arch), path: `${branch}/${section}` };
    const index = await openIndex(own, {
      ...place,
      release,
      locked,
      extended,
      ...(layout === undefined ? {} : { layout }),
    });
    return index === undefined ? undefined : { ...place, index };
  };
  const sourcesOf = (mirror: MirrorSpec, found: readonly (FoundSection | undefined)[]): Sources => {
    const sections = found.filter((section) => section !== undefined);
    const places = new Map(sections.map(({ index, ...place }) => [index.location, place] as const));
    return {
      mirror,
      mirrors,
      keys: mirrorKeys(mirror, session.config.arch),
      places,
      branch,
      release,
      buildable,
      repositories: sections.map(({ index }): Repository => ({ index })),
    };
  };
  const { mirror, found } = await firstMirror(session, mirrors, async (candidate, own) => {
    const first = await together(SECTIONS.map((section) => open(own, candidate, { section, layout: 'v2' })));
    if (first[0] !== undefined) onIndexes?.(sourcesOf(candidate, first));
    const all = await together(
      SECTIONS.map(async (section, at) => first[at] ?? open(own, candidate, { section, layout: 'v3' })),
    );
    if (all[0] === undefined) {
      throw new AlprootError(
        'ALP_FETCH_NOT_FOUND',
        `${redactUrl(candidate.base)} has no ${branch}/main for ${session.config.arch}`,
        { hint: 'choose another --release, --arch or --mirror' },
      );
    }
    return { mirror: candidate, found: all };
  });
  const others = mirrors.filter((other) => other !== mirror);
  const filled = await Promise.all(
    SECTIONS.map(async (section, at) => {
      if (isFilled(found[at])) return found[at];
      return (
        (await firstThatHas(session, { mirrors: others, what: `${branch}/${section}` }, async (other, own) =>
          filledOnly(await open(own, other, { section })),
        )) ?? found[at]
      );
    }),
  );
  const sources = sourcesOf(mirror, filled);
  onIndexes?.(sources);
  return sources;
}

interface FoundSection extends SectionPlace {
  readonly index: Verified<RepositoryIndex>;
}

const isFilled = (section: FoundSection | undefined): boolean =>
  section !== undefined && section.index.packages.length > 0;

const filledOnly = (section: FoundSection | undefined): FoundSection | undefined =>
  isFilled(section) ? section : undefined;

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
    session.recording.add({
      requests: [],
      environments: [
        {
          release,
          arch: session.config.arch,
          repositories: [{ ...repository, ...(tag === undefined ? {} : { tag }) }],
          world: [],
          packages: [],
        },
      ],
    });
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
    const { index, signers, form } = verifyIndex(readWhole(blob), {
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
    return blob === undefined ? undefined : readWhole(blob);
  } finally {
    blob?.close();
  }
}

function writeCachedIndex(store: Store, ref: BlobRef, make: (() => Buffer | undefined) | undefined): void {
  const form = store.readOnly ? undefined : make?.();
  if (form !== undefined)
    store.putRecord(formName(ref), { sha256: store.putBlob(form).sha256 }, { codec: BLOB_RECORD });
}

export function readWhole(blob: OpenBlob): Buffer {
  const bytes = Buffer.alloc(blob.sizeBytes);
  for (let at = 0; at < bytes.length;) {
    const count = blob.read(bytes.subarray(at), at);
    if (count === 0) throw new AlprootError('ALP_STORE_DAMAGED', `${blob.name} became shorter while it was read`);
    at += count;
  }
  return bytes;
}
