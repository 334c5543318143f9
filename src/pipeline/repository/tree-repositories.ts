/**
 * The repositories of a tree, as its own files name them. Alpine's are taken from the mirrors that the user chose,
 * whatever host the file names; others are fetched from their own hosts, and only keys of that tree may have signed
 * them.
 */
import { isAlprootError, type AlprootError } from '../../core/errors.ts';
import type { PackageRecord, Repository } from '../../core/package.ts';
import type { TreePath } from '../../core/paths.ts';
import { limits } from '../../core/limits.ts';
import { officialRepository } from '../../formats/release/alpine-mirrors.ts';
import {
  parseRepositories,
  repositoryFiles,
  type RepositoryLayout,
  type RepositoryLine,
} from '../../formats/release/repositories-file.ts';
import { isUrl, mirrorAt } from '../../core/mirror.ts';
import { parseTrustedKey, keyring, type TrustedKeys } from '../../verify/key.ts';
import type { WorkTree } from '../../system/tree/work-tree.ts';
import { readDatabase } from '../../unpack/database.ts';
import type { OpenedPackageFile } from '../../unpack/opened.ts';
import { isLocal, readLocalRepository } from './local-packages.ts';
import { alpineKeys, mirrorKeys } from '../session/trusted-keys.ts';
import { pinnedEnvironment } from '../session/lock-policy.ts';
import { firstMirror, firstThatHas } from './mirror-failover.ts';
import { openIndex } from './repository-index.ts';
import { ALPINE_CDN, type ChosenMirrors } from './mirrors.ts';
import { branchOf, SECTIONS } from '../../formats/release/release-names.ts';
import type { Session } from '../session/session.ts';
import type { InstallContext } from './install-context.ts';
import type { MirrorSpec } from '../../core/mirror.ts';

/** Where the packages of a repository come from, and whose signatures count. */
export interface PackagePlace {
  /** All that may be asked: the identity of a package is known before it is fetched. */
  readonly mirrors: readonly MirrorSpec[];
  /** Below the mirror: `v3.19/main`. */
  readonly path: string;
  /** v2 unless given. */
  readonly layout?: RepositoryLayout;
  readonly keys: TrustedKeys;
  readonly release: string;
  /** Under which a lock knows the repository. */
  readonly name: string;
}

export interface TreeRepositories {
  readonly repositories: readonly Repository[];
  /** By the location that its packages have. */
  readonly places: ReadonlyMap<string, PackagePlace>;
  /** Opens packages of the tree's own directories, by the location that they have. */
  readonly local: ReadonlyMap<string, (record: PackageRecord) => OpenedPackageFile>;
  readonly unavailable: number;
  /** What apk would say of those that could not be read. */
  readonly warnings: readonly string[];
}

const FILE = 'etc/apk/repositories' as TreePath;
const DIRECTORY = 'etc/apk/repositories.d' as TreePath;
const KEYS = 'etc/apk/keys' as TreePath;

export interface ReadLines {
  readonly chosen: ChosenMirrors;
  /** `--repository`, in order. */
  readonly extra: readonly string[];
  /** `--repositories-file`: read instead of the tree's own, from the tree that it lies in. */
  readonly file?: { readonly tree: WorkTree; readonly path: TreePath } | undefined;
  /** A second root of `--root` has what its own files say, and no more. */
  readonly isSecond?: boolean;
}

/** The lines of a tree's files, in apk's order, and those of `--repository`. @throws ALP_FORMAT_TEXT */
export function readRepositoryLines(
  tree: WorkTree,
  session: InstallContext,
  { chosen, extra, file, isSecond = false }: ReadLines,
): RepositoryLine[] {
  const { arch } = session.config;
  const place = tree.resolve(FILE);
  const directory = tree.stat(DIRECTORY)?.kind === 'directory' ? repositoryFiles(tree.list(DIRECTORY)) : [];
  const files =
    file === undefined
      ? [place, ...directory.map((name) => `${DIRECTORY}/${name}` as TreePath)].map((path) => ({ tree, path }))
      : [file];
  const own = files.flatMap((one) =>
    one.tree.stat(one.path)?.kind === 'file'
      ? parseRepositories(one.tree.readFile(one.path, limits.metadata).toString('latin1'), {
          file: one.path,
          arch,
          keywords: true,
        })
      : [],
  );
  const isEmpty = own.length === 0 && (tree.stat(place)?.sizeBytes ?? 0) === 0 && file === undefined && !isSecond;
  const implied = isEmpty && !hasApk(tree) ? alpineLines(chosen.release) : [];
  return [
    ...own,
    ...implied,
    ...extra.flatMap((text) => parseRepositories(text, { file: '--repository', arch, keywords: false })),
  ];
}

/** A minirootfs made from Debian's packages names no repository: there is no apk in it that could use one. */
const hasApk = (tree: WorkTree): boolean =>
  readDatabase(tree).packages.some(({ record }) => record.name === 'apk-tools');

const alpineLines = (release: string): RepositoryLine[] =>
  SECTIONS.map((section) => ({ location: `${ALPINE_CDN}/${branchOf(release)}/${section}`, layout: 'v2' }));

export interface OpenRepositories {
  readonly lines: readonly RepositoryLine[];
  readonly tree: WorkTree;
  /** Names that a lock leaves open come from the moving indexes. */
  readonly extended: boolean;
  readonly allowUntrusted?: boolean;
  /** Told of what the mirrors do not have. */
  readonly onMissing: (location: string) => void;
}

type Found = { readonly repository: Repository } & (
  { readonly place: PackagePlace } | { readonly open: (record: PackageRecord) => OpenedPackageFile }
);

/**
 * Fetches and verifies them all. A section of Alpine's that the chosen mirror does not have is left out; any other
 * that cannot be had is a warning and counts as unavailable, as it does for apk.
 */
export async function openTreeRepositories(
  session: InstallContext,
  chosen: ChosenMirrors,
  { lines, ...options }: OpenRepositories,
): Promise<TreeRepositories> {
  const places = new Map<string, PackagePlace>();
  const local = new Map<string, (record: PackageRecord) => OpenedPackageFile>();
  const warnings: string[] = [];
  let unavailable = 0;
  const opened = await Promise.all(
    lines.map(async (line): Promise<Repository | undefined> => {
      const open = (): Promise<Found | undefined> => openRepository(session, chosen, { ...options, line });
      const found = await queryOnce(session, line, open).catch((error: unknown) => passOver(line, error));
      if (found === undefined || 'code' in found) {
        if (officialRepository(line.location) === undefined) unavailable++;
        if (found !== undefined) warnings.push(`fetching ${line.location}: ${found.message}`);
        return undefined;
      }
      const { location } = found.repository.index;
      if ('open' in found) local.set(location, found.open);
      else places.set(location, found.place);
      return found.repository;
    }),
  );
  return {
    repositories: opened.filter((repository) => repository !== undefined),
    places,
    local,
    unavailable,
    warnings,
  };
}

/** A foreign host that did not answer would cost each apk call of a build all its attempts anew. */
async function queryOnce<T>(
  { unreachableHosts }: Session,
  { location }: RepositoryLine,
  ask: () => Promise<T>,
): Promise<T> {
  if (!isUrl(location) || !URL.canParse(location) || officialRepository(location) !== undefined) return ask();
  const { origin } = new URL(location);
  const known = unreachableHosts.get(origin);
  if (known !== undefined) throw known;
  try {
    return await ask();
  } catch (error) {
    if (isAlprootError(error) && (error.code === 'ALP_FETCH_NETWORK' || error.code === 'ALP_FETCH_SLOW'))
      unreachableHosts.set(origin, error);
    throw error;
  }
}

/** Of somebody else's host that does not answer; without Alpine's own there is nothing to go on with. */
function passOver({ location }: RepositoryLine, error: unknown): AlprootError {
  if (
    !isAlprootError(error) ||
    !error.code.startsWith('ALP_FETCH_') ||
    error.code === 'ALP_FETCH_OFFLINE' ||
    officialRepository(location) !== undefined
  )
    throw error;
  return error;
}

interface OpenRequest extends Omit<OpenRepositories, 'lines'> {
  readonly line: RepositoryLine;
}

async function openRepository(
  session: InstallContext,
  chosen: ChosenMirrors,
  { line, tree, extended, allowUntrusted = false, onMissing }: OpenRequest,
): Promise<Found | undefined> {
  const { arch } = session.config;
  const { layout, location, tag } = line;
  const own = keyring(alpineKeys(arch).values(), treeKeys(tree));
  if (isLocal(line)) return readLocalRepository(tree, line, { keys: own, allowUntrusted, arch });
  const official = officialRepository(location);
  const mirrors = official === undefined ? [foreignMirror(location)] : chosen.mirrors;
  const path = official === undefined ? (location.split('/').at(-1) ?? '') : `${official.branch}/${official.section}`;
  const name = official === undefined ? location : path;
  const { release } = chosen;
  const locked = pinnedEnvironment(session, release);
  const find = async (mirror: MirrorSpec, from: InstallContext): Promise<FoundIndex | undefined> => {
    const keys = official === undefined ? own : mirrorKeys(mirror, arch);
    const index = await openIndex(from, { mirror, keys, path, layout, name, tag, release, locked, extended });
    if (index === undefined) return undefined;
    return {
      repository: { index, ...(tag === undefined ? {} : { tag }) },
      place: { mirrors: [mirror, ...mirrors.filter((other) => other !== mirror)], path, layout, keys, release, name },
    };
  };
  const first = await firstMirror(session, mirrors, find);
  // What a mirror lacks, or has no package of, does not hide what the next one has.
  const isFilled = (found: FoundIndex | undefined): boolean => (found?.repository.index.packages.length ?? 0) > 0;
  const found = isFilled(first)
    ? first
    : ((await firstThatHas(session, { mirrors: othersOf(mirrors, first), what: path }, (mirror, from) =>
        find(mirror, from).then((other) => (isFilled(other) ? other : undefined)),
      )) ?? first);
  if (found === undefined && (locked === undefined || extended)) onMissing(location);
  return found;
}

type FoundIndex = Extract<Found, { readonly place: PackagePlace }>;

/** All when none has it: each answers from what it said before. */
const othersOf = (mirrors: readonly MirrorSpec[], found: FoundIndex | undefined): readonly MirrorSpec[] =>
  mirrors.length === 1 ? [] : mirrors.filter((mirror) => mirror !== found?.place.mirrors[0]);

/** The mirror that a repository of its own stands for. */
export const foreignMirror = (location: string): MirrorSpec => mirrorAt(location.slice(0, location.lastIndexOf('/')));

/** Keys that lie in a tree count for the foreign repositories of that tree, and for nothing else. */
export function treeKeys(tree: WorkTree): ReturnType<typeof parseTrustedKey>[] {
  if (tree.stat(KEYS)?.kind !== 'directory') return [];
  return tree
    .list(KEYS)
    .filter((name) => name.endsWith('.pub'))
    .flatMap((name) => {
      try {
        return [parseTrustedKey(tree.readFile(`${KEYS}/${name}` as TreePath, limits.metadata).toString('utf8'), name)];
      } catch {
        return [];
      }
    });
}
