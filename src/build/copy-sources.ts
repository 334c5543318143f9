/** What a COPY or ADD takes: found, downloaded and read before it runs, for the cache key. */
import { keyOf } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { joinHost, type HostPath, type TreePath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { makeDirectory } from '../system/files/host-directories.ts';
import { digestOfFile } from '../system/tree/tree-digest.ts';
import { openWorkTree, type WorkTree } from '../system/tree/work-tree.ts';
import type { CopyStep, PlannedSource } from './build-plan.ts';
import type { CopyRoot } from './context.ts';
import { type CopySelection, refuseMissing, selectSources } from './copy-selection.ts';
import { parseGitSource } from './git-source.ts';
import type { BuildHost, DownloadedFile } from './host.ts';
import type { OwnedTree } from './layer.ts';

/** Where the files come from: the context, or an open stage with its owners. */
export interface CopyOrigin {
  readonly root: CopyRoot;
  readonly owned: OwnedTree;
  /** COPY --from: owners are kept. */
  readonly isStage: boolean;
}

export type Gathered =
  | { readonly kind: 'files'; readonly selections: readonly CopySelection[]; readonly origin: CopyOrigin }
  | { readonly kind: 'download'; readonly name: string; readonly download: DownloadedFile }
  | { readonly kind: 'inline'; readonly name: string; readonly text: string };

/** What a step will copy. */
export interface Gathering {
  readonly parts: readonly Gathered[];
  /** Over names, kinds, modes and contents. */
  readonly digest: string;
  /** For COPY --from, whose stage's key is digest enough: finds the parts when the copy has to be made. */
  readonly open?: () => Promise<Gathering>;
}

export interface GatherContext {
  readonly host: BuildHost;
  readonly origin: CopyOrigin;
  readonly scratch: HostPath;
}

/**
 * Finds, downloads and reads what a step copies.
 *
 * @throws ALP_BUILD_CONTEXT, ALP_BUILD_UNSUPPORTED, ALP_FETCH_*, ALP_VERIFY_DIGEST
 */
export async function gatherSources(step: CopyStep, { host, origin, scratch }: GatherContext): Promise<Gathering> {
  const parts: Gathered[] = [];
  for (const [index, source] of step.sources.entries())
    parts.push(await gatherSource(step, source, { host, origin, scratch: joinHost(scratch, `git-${index}`) }));
  const [first] = step.sources;
  if (first?.kind === 'path' && parts.every((part) => part.kind === 'files' && part.selections.length === 0))
    refuseMissing(origin.root, first.path);
  return { parts, digest: gatheringDigest(parts) };
}

/** @param context.scratch for what has to be fetched; does not exist yet */
async function gatherSource(
  step: CopyStep,
  source: PlannedSource,
  { host, origin, scratch }: GatherContext,
): Promise<Gathered> {
  switch (source.kind) {
    case 'inline':
      return source;
    case 'url': {
      const name = urlName(source.url, step);
      return { kind: 'download', name, download: await host.download(source.url, step.flags.checksum) };
    }
    case 'git':
      return gatherGit(source.url, step, { host, directory: scratch });
    case 'path':
      return { kind: 'files', origin, selections: selectSources(origin.root, source.path, step.flags) };
  }
}

function urlName(url: string, step: CopyStep): string {
  const name = decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? '');
  if (name === '' && step.destination.endsWith('/')) {
    throw new AlprootError('ALP_BUILD_INSTRUCTION', `ADD: no file name can be told from ${quoteName(url)}`, {
      hint: 'name the file in the destination',
    });
  }
  return name.replaceAll('/', '_');
}

async function gatherGit(
  url: string,
  step: CopyStep,
  { host, directory }: { host: BuildHost; directory: HostPath },
): Promise<Gathered> {
  if (host.fetchGit === undefined) {
    throw new AlprootError(
      'ALP_BUILD_UNSUPPORTED',
      `ADD of the git repository ${quoteName(url)} needs git on this machine`,
      { hint: 'install git, or RUN git clone in the build' },
    );
  }
  const source = parseGitSource(url);
  const keepGitDir = source.keepGitDir ?? step.flags.keepGitDir;
  makeDirectory(directory, 0o700);
  const { address, ref, submodules } = source;
  await host.fetchGit({
    url: address,
    ref,
    commit: source.commit ?? step.flags.checksum,
    submodules,
    keepGitDir,
    into: directory,
  });
  const tree = openWorkTree(directory);
  const root: CopyRoot = {
    tree,
    label: `the repository ${url}`,
    visibilityOf: (path) => (keepGitDir || !/(?:^|\/)\.git(?:\/|$)/.test(path) ? 'visible' : 'ignored'),
  };
  return {
    kind: 'files',
    origin: { root, owned: { tree, owners: new Map(), real: false }, isStage: false },
    selections: selectSources(root, source.directory, step.flags),
  };
}

function gatheringDigest(parts: readonly Gathered[]): string {
  return keyOf(
    ...parts.flatMap((part) => {
      if (part.kind === 'inline') return ['inline', part.name, part.text];
      if (part.kind === 'download') return ['download', part.name, part.download.sha256];
      return part.selections.flatMap(({ items }) =>
        items.flatMap((item) => [
          item.to,
          item.stat.kind,
          String(item.stat.mode),
          contentDigest(part.origin.root.tree, item.from, item.stat.kind),
        ]),
      );
    }),
  );
}

/** Of what a file or a link holds; '' for anything else. */
export function contentDigest(tree: WorkTree, path: TreePath, kind: string | undefined): string {
  if (kind === 'symlink') return tree.readLink(path);
  return kind === 'file' ? digestOfFile(tree, path, 'sha256').toString('hex') : '';
}
