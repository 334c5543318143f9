/** The indexes of a release, each section from the first mirror that has it. */
import type { MirrorSpec } from '../../core/mirror.ts';
import { AlprootError } from '../../core/errors.ts';
import type { Repository, RepositoryIndex } from '../../core/package.ts';
import { redactUrl } from '../../core/redact.ts';
import type { Verified } from '../../core/verified.ts';
import type { LockedEnvironment } from '../../formats/lock/lockfile.ts';
import { branchOf, SECTIONS } from '../../formats/release/release-names.ts';
import type { RepositoryLayout } from '../../formats/release/repositories-file.ts';
import type { TrustedKeys } from '../../verify/key.ts';
import { pinnedEnvironment } from '../session/lock-policy.ts';
import { mirrorKeys } from '../session/trusted-keys.ts';
import { buildableNames } from './buildable.ts';
import type { InstallContext } from './install-context.ts';
import { firstMirror, firstThatHas } from './mirror-failover.ts';
import type { ChosenMirrors } from './mirrors.ts';
import { together } from './offline-report.ts';
import { openIndex } from './repository-index.ts';

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

export interface SourcesOptions {
  /** Under a lock the moving indexes are not looked at, unless it is extended by them. */
  readonly extended?: boolean;
  /**
   * Told of what is there when v2 indexes are missing and v3 is asked for, a round trip with nothing at its end as a
   * rule; and of all.
   */
  readonly onIndexes?: (sources: Sources) => void;
}

interface FoundSection extends SectionPlace {
  readonly index: Verified<RepositoryIndex>;
}

/** What is looked for. */
interface ReleaseQuery {
  readonly chosen: ChosenMirrors;
  readonly branch: string;
  readonly locked: LockedEnvironment | undefined;
  readonly extended: boolean;
  readonly buildable: readonly string[];
  readonly onIndexes: (sources: Sources) => void;
}

/**
 * A section that the first mirror lacks, or that holds nothing there, comes from the next that has it, whole, so that
 * two states of a repository are never mixed.
 *
 * @throws ALP_FETCH_MIRRORS naming each mirror's failure; ALP_VERIFY_*, ALP_STALE_*
 */
export async function fetchSources(
  session: InstallContext,
  chosen: ChosenMirrors,
  { extended = false, onIndexes = () => undefined }: SourcesOptions = {},
): Promise<Sources> {
  const { mirrors, release } = chosen;
  const query: ReleaseQuery = {
    chosen,
    branch: branchOf(release),
    locked: pinnedEnvironment(session, release),
    extended,
    buildable: await buildableNames(chosen),
    onIndexes,
  };
  const [mirror, found] = await firstMirror(session, mirrors, async (candidate, own) => {
    const sections = await sectionsOf(own, candidate, query);
    return [candidate, sections] as const;
  });
  const filled = await Promise.all(
    SECTIONS.map((section, at) => fillSection(session, query, { section, mirror, found: found[at] })),
  );
  const sources = sourcesOf(session, mirror, { query, found: filled });
  onIndexes(sources);
  return sources;
}

/** All that one mirror has: v2 indexes, and v3 where those are missing. @throws ALP_FETCH_NOT_FOUND without `main` */
async function sectionsOf(
  session: InstallContext,
  mirror: MirrorSpec,
  query: ReleaseQuery,
): Promise<readonly (FoundSection | undefined)[]> {
  const open = (section: string, layout: RepositoryLayout): Promise<FoundSection | undefined> =>
    openSection(session, mirror, { query, section, layout });
  const first = await together(SECTIONS.map((section) => open(section, 'v2')));
  if (first[0] !== undefined) query.onIndexes(sourcesOf(session, mirror, { query, found: first }));
  const all = await together(SECTIONS.map(async (section, at) => first[at] ?? open(section, 'v3')));
  if (all[0] !== undefined) return all;
  throw new AlprootError(
    'ALP_FETCH_NOT_FOUND',
    `${redactUrl(mirror.base)} has no ${query.branch}/main for ${session.config.arch}`,
    { hint: 'choose another --release, --arch or --mirror' },
  );
}

interface SectionQuery {
  readonly query: ReleaseQuery;
  readonly section: string;
  /** Either, unless given. */
  readonly layout?: RepositoryLayout;
}

async function openSection(
  session: InstallContext,
  mirror: MirrorSpec,
  { query: { chosen, branch, locked, extended }, section, layout }: SectionQuery,
): Promise<FoundSection | undefined> {
  const place = { mirror, keys: mirrorKeys(mirror, session.config.arch), path: `${branch}/${section}` };
  const { release } = chosen;
  const index = await openIndex(session, {
    ...place,
    release,
    locked,
    extended,
    ...(layout === undefined ? {} : { layout }),
  });
  return index === undefined ? undefined : { ...place, index };
}

interface OpenedSection {
  readonly section: string;
  /** That it was looked for in. */
  readonly mirror: MirrorSpec;
  readonly found: FoundSection | undefined;
}

/** A section of another mirror, where this one has none or an empty one. */
async function fillSection(
  session: InstallContext,
  query: ReleaseQuery,
  { section, mirror, found }: OpenedSection,
): Promise<FoundSection | undefined> {
  if (isFilled(found)) return found;
  const others = query.chosen.mirrors.filter((other) => other !== mirror);
  const other = await firstThatHas(
    session,
    { mirrors: others, what: `${query.branch}/${section}` },
    async (candidate, own) => {
      const opened = await openSection(own, candidate, { query, section });
      return isFilled(opened) ? opened : undefined;
    },
  );
  return other ?? found;
}

const isFilled = (section: FoundSection | undefined): boolean =>
  section !== undefined && section.index.packages.length > 0;

function sourcesOf(
  session: InstallContext,
  mirror: MirrorSpec,
  { query, found }: { readonly query: ReleaseQuery; readonly found: readonly (FoundSection | undefined)[] },
): Sources {
  const { chosen, branch, buildable } = query;
  const sections = found.filter((section) => section !== undefined);
  return {
    mirror,
    mirrors: chosen.mirrors,
    keys: mirrorKeys(mirror, session.config.arch),
    places: new Map(sections.map(({ index, ...place }) => [index.location, place] as const)),
    branch,
    release: chosen.release,
    buildable,
    repositories: sections.map(({ index }): Repository => ({ index })),
  };
}
