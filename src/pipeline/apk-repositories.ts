/**
 * The repositories of a tree, as its own files name them. Alpine's are taken from the mirrors that the user chose,
 * whatever host the file names; others are asked themselves, and only keys of that tree vouch for them.
 */
import type { Repository } from '../core/package.ts';
import type { TreePath } from '../core/paths.ts';
import { limits } from '../core/limits.ts';
import { parseRepositories, repositoryFiles, type RepositoryLayout, type RepositoryLine } from '../formats/repositories.ts';
import { parseTrustedKey, keyring, type TrustedKeys } from '../verify/key.ts';
import type { WorkTree } from '../system/work-tree.ts';
import { alpineKeys, mirrorKeys } from './trust.ts';
import { pinnedEnvironment } from './pins.ts';
import { firstMirror, openIndex } from './sources.ts';
import { ALPINE_CDN, type ChosenMirrors } from './mirrors.ts';
import { branchOf } from '../formats/releases.ts';
import type { Session } from './session.ts';
import type { MirrorSpec } from '../core/config.ts';

/** Where the packages of a repository come from, and who may vouch for them. */
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
  /** By the location that its packages carry. */
  readonly places: ReadonlyMap<string, PackagePlace>;
  readonly unavailable: number;
}

const FILE = 'etc/apk/repositories' as TreePath;
const DIRECTORY = 'etc/apk/repositories.d' as TreePath;
const KEYS = 'etc/apk/keys' as TreePath;
const OFFICIAL = /^https?:\/\/[^/]*alpinelinux\.org\/(?:alpine\/)?(v\d+\.\d+|edge|latest-stable)\/([a-z]+)$/;

/** The lines of a tree's files, in apk's order, and those of `--repository`. @throws ALP_FORMAT_TEXT */
export function readRepositoryLines(tree: WorkTree, session: Session, { chosen, extra }: { readonly chosen: ChosenMirrors; readonly extra: readonly string[] }): RepositoryLine[] {
  const { arch } = session.config;
  const files = [FILE, ...(tree.stat(DIRECTORY)?.kind === 'directory' ? repositoryFiles(tree.list(DIRECTORY)).map((name) => `${DIRECTORY}/${name}` as TreePath) : [])];
  const own = files.flatMap((path) => (tree.stat(path)?.kind === 'file' ? parseRepositories(tree.readFile(path, limits.metadata).toString('latin1'), { file: path, arch, keywords: true }) : []));
  // A minirootfs made from Debian's packages names no repository: there is no apk in it that could ask one.
  const implied = own.length > 0 || (tree.stat(FILE)?.sizeBytes ?? 0) > 0 ? [] : ['main', 'community'].map((section): RepositoryLine => ({ location: `${ALPINE_CDN}/${branchOf(chosen.release)}/${section}`, layout: 'v2' }));
  return [...own, ...implied, ...extra.flatMap((text) => parseRepositories(text, { file: '--repository', arch, keywords: false }))];
}

export interface OpenRepositories {
  readonly lines: readonly RepositoryLine[];
  readonly tree: WorkTree;
  /** Names that a lock leaves open come from the moving indexes. */
  readonly extended: boolean;
}

/** Fetches and verifies them all; one that cannot be had is a warning, as it is for apk. */
export async function openTreeRepositories(session: Session, chosen: ChosenMirrors, { lines, tree, extended }: OpenRepositories): Promise<TreeRepositories> {
  const places = new Map<string, PackagePlace>();
  let unavailable = 0;
  const opened = await Promise.all(
    lines.map(async (line): Promise<Repository | undefined> => {
      const found = await openRepository(session, chosen, { line, tree, extended });
      if (found === undefined) {
        unavailable++;
        return undefined;
      }
      places.set(found.repository.index.location, found.place);
      return found.repository;
    }),
  );
  return { repositories: opened.filter((repository) => repository !== undefined), places, unavailable };
}

interface OpenRequest extends Omit<OpenRepositories, 'lines'> {
  readonly line: RepositoryLine;
}

async function openRepository(session: Session, chosen: ChosenMirrors, { line, tree, extended }: OpenRequest): Promise<{ repository: Repository; place: PackagePlace } | undefined> {
  const { arch } = session.config;
  const { layout } = line;
  const official = OFFICIAL.exec(line.location);
  const [, branch = '', section = ''] = official ?? [];
  const mirrors = official === null ? [foreignMirror(line.location)] : chosen.mirrors;
  const path = official === null ? (line.location.split('/').at(-1) ?? '') : `${branch}/${section}`;
  const name = official === null ? line.location : path;
  const { release } = chosen;
  const locked = pinnedEnvironment(session, release);
  return firstMirror(mirrors, async (mirror) => {
    const keys = official === null ? keyring(alpineKeys(arch).values(), treeKeys(tree)) : mirrorKeys(mirror, arch);
    const index = await openIndex(session, { mirror, keys, path, layout, name, tag: line.tag, release, locked, extended });
    if (index === undefined) {
      if (locked === undefined || extended) session.config.emit({ kind: 'warning', message: `there is no repository ${line.location} for ${arch}` });
      return undefined;
    }
    return { repository: { index, ...(line.tag === undefined ? {} : { tag: line.tag }) }, place: { mirrors: [mirror, ...mirrors.filter((other) => other !== mirror)], path, layout, keys, release, name } };
  });
}

/** The mirror that a repository of its own stands for. */
export const foreignMirror = (location: string): MirrorSpec => ({ base: location.slice(0, location.lastIndexOf('/')), keys: [] });

/** Keys that lie in a tree count for the foreign repositories of that tree, and for nothing else. */
export function treeKeys(tree: WorkTree): ReturnType<typeof parseTrustedKey>[] {
  if (tree.stat(KEYS)?.kind !== 'directory') return [];
  return tree.list(KEYS).filter((name) => name.endsWith('.pub')).flatMap((name) => {
    try {
      return [parseTrustedKey(tree.readFile(`${KEYS}/${name}` as TreePath, limits.metadata).toString('utf8'), name)];
    } catch {
      return [];
    }
  });
}
