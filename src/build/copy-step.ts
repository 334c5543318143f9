/** One COPY or ADD: what it takes (known before it runs, for the cache key) and how it is put into the tree. */
import { AlprootError } from '../core/errors.ts';
import { keyOf } from '../core/digest.ts';
import { limits } from '../core/limits.ts';
import {
  hostPath,
  joinHost,
  joinTree,
  nameOf,
  parentOf,
  treePathFromUser,
  type HostPath,
  type TreePath,
} from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { makeDirectory } from '../system/files/host-directories.ts';
import { digestOfFile } from '../system/tree/tree-digest.ts';
import { openWorkTree } from '../system/tree/work-tree.ts';
import { findOwner } from './passwd-entry.ts';
import { archiveKind, openArchive, unpackArchive } from './archive.ts';
import type { CopyRoot } from './context.ts';
import { makeParents, parseModeChange, putItem, setOwner } from './copy-apply.ts';
import { type CopySelection, refuseMissing, selectSources } from './copy-selection.ts';
import { parseGitSource } from './git-source.ts';
import type { BuildHost, DownloadedFile } from './host.ts';
import type { OwnedTree } from './layer.ts';
import type { CopyStep } from './build-plan.ts';

/** Where the files come from: the context, or an open stage with its owners. */
export interface CopyOrigin {
  readonly root: CopyRoot;
  readonly owned: OwnedTree;
  /** COPY --from: owners are kept. */
  readonly isStage: boolean;
}

type Gathered =
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
  for (const [index, source] of step.sources.entries()) {
    if (source.kind === 'inline') parts.push(source);
    else if (source.kind === 'url')
      parts.push({
        kind: 'download',
        name: urlName(source.url, step),
        download: await host.download(source.url, step.flags.checksum),
      });
    else if (source.kind === 'git')
      parts.push(await gatherGit(source.url, step, { host, directory: joinHost(scratch, `git-${index}`) }));
    else parts.push({ kind: 'files', origin, selections: selectSources(origin.root, source.path, step.flags) });
  }
  const [first] = step.sources;
  if (first?.kind === 'path' && parts.every((part) => part.kind === 'files' && part.selections.length === 0))
    refuseMissing(origin.root, first.path);
  return { parts, digest: digestOf(parts) };
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
    isVisible: (path) => keepGitDir || !/(?:^|\/)\.git(?:\/|$)/.test(path),
  };
  return {
    kind: 'files',
    origin: { root, owned: { tree, owners: new Map(), real: false }, isStage: false },
    selections: selectSources(root, source.directory, step.flags),
  };
}

function digestOf(parts: readonly Gathered[]): string {
  return keyOf(
    ...parts.flatMap((part) => {
      if (part.kind === 'inline') return ['inline', part.name, part.text];
      if (part.kind === 'download') return ['download', part.name, part.download.sha256];
      return part.selections.flatMap(({ items }) =>
        items.flatMap((item) => [
          item.to,
          item.stat.kind,
          String(item.stat.mode),
          contentOf(part.origin, item.from, item.stat.kind),
        ]),
      );
    }),
  );
}

function contentOf({ root: { tree } }: CopyOrigin, path: TreePath, kind: string): string {
  if (kind === 'symlink') return tree.readLink(path);
  return kind === 'file' ? digestOfFile(tree, path, 'sha256').toString('hex') : '';
}

export interface PutContext {
  readonly target: OwnedTree;
  /** For xz and bzip2, which the stage's own tools unpack. */
  readonly decompress: (kind: 'xz' | 'bzip2', bytes: Buffer) => Promise<Buffer>;
}

/** @throws ALP_BUILD_INSTRUCTION for an owner the stage does not know, a bad mode, or a file where a directory is */
export async function copyStep(
  step: CopyStep,
  gathering: Gathering,
  { target, decompress }: PutContext,
): Promise<void> {
  const keyword = step.kind.toUpperCase();
  const owner =
    step.flags.chown === undefined ? undefined : findOwner(target.tree, step.flags.chown, `${keyword} --chown`);
  const chmod = step.flags.chmod === undefined ? undefined : parseModeChange(step.flags.chmod);
  const { parts } = (await gathering.open?.()) ?? gathering;
  const place = destinationOf(target, step, parts);
  for (const part of parts) {
    if (part.kind !== 'files')
      putBytes(part, { target, place, owner, mode: chmod?.(part.kind === 'inline' ? 0o644 : 0o600, false) });
    else {
      const options = { owner, chmod, keepOwners: part.origin.isStage };
      for (const selection of part.selections) {
        if (
          step.kind === 'add' &&
          step.flags.unpack !== false &&
          (await tryUnpack(selection, part.origin, { target, place, owner, decompress }))
        )
          continue;
        putSelection(selection, part.origin, { target, place, options });
      }
    }
  }
}

interface Destination {
  readonly path: TreePath;
  /** Sources go into it under their names. */
  readonly isDirectory: boolean;
}

function destinationOf(target: OwnedTree, step: CopyStep, parts: readonly Gathered[]): Destination {
  const path = target.tree.resolve(treePathFromUser(step.destination));
  const isDirectory = step.destination.endsWith('/') || target.tree.stat(path)?.kind === 'directory';
  const taken = parts.flatMap((part) => (part.kind === 'files' ? part.selections.map(({ kind }) => kind) : ['file']));
  // What a wildcard matches may go into a directory that is there; no file takes the name of another.
  if (taken.length > 1 && !isDirectory && taken.includes('file'))
    throw new AlprootError(
      'ALP_BUILD_INSTRUCTION',
      `${step.kind.toUpperCase()} of several sources needs a directory as destination`,
      { hint: 'end the destination with /' },
    );
  return { path, isDirectory };
}

type PutOptions = Parameters<typeof putItem>[2]['options'];

function putSelection(
  { items, kind }: CopySelection,
  origin: CopyOrigin,
  { target, place, options }: { target: OwnedTree; place: Destination; options: PutOptions },
): void {
  const named = items.some((item) => item.to.includes('/')) && kind !== 'directory';
  if (kind === 'directory' || place.isDirectory || named) {
    // A directory gives its contents: the place they go to is made anew, with neither its mode nor --chmod's.
    makeParents(target, place.path, options.owner);
    for (const item of items) putItem(origin.owned, item, { target, directory: place.path, options });
    return;
  }
  const parent = makeParents(target, parentOf(place.path), options.owner);
  for (const item of items)
    putItem(origin.owned, { ...item, to: nameOf(place.path) as TreePath }, { target, directory: parent, options });
}

function putBytes(
  part: Extract<Gathered, { kind: 'inline' | 'download' }>,
  {
    target,
    place,
    owner,
    mode = part.kind === 'inline' ? 0o644 : 0o600,
  }: {
    target: OwnedTree;
    place: Destination;
    owner: { uid: number; gid: number } | undefined;
    mode: number | undefined;
  },
): void {
  const wanted = place.isDirectory
    ? joinTree(place.path, Buffer.from(part.name, 'utf8').toString('latin1'))
    : place.path;
  const path = joinTree(makeParents(target, parentOf(wanted), owner), nameOf(wanted));
  target.tree.remove(path);
  if (part.kind === 'inline') {
    target.tree.writeFile(path, Buffer.from(part.text), mode & 0o1777);
    target.tree.setTime(path, 0);
  } else copyDownload(part.download, path, { target, mode });
  setOwner(target, path, { uid: owner?.uid ?? 0, gid: owner?.gid ?? 0, mode });
}

function copyDownload(
  { file, mtime }: DownloadedFile,
  path: TreePath,
  { target, mode }: { target: OwnedTree; mode: number },
): void {
  const cut = file.lastIndexOf('/');
  const tree = openWorkTree(hostPath(file.slice(0, cut) || '/'));
  try {
    target.tree.copyFile(path, { tree, path: treePathFromUser(file.slice(cut + 1)), mode: mode & 0o1777 });
  } finally {
    tree.close();
  }
  target.tree.setTime(path, mtime ?? 0);
}

async function tryUnpack(
  { kind, path, items }: CopySelection,
  { root: { tree }, isStage }: CopyOrigin,
  {
    target,
    place,
    owner,
    decompress,
  }: PutContext & { place: Destination; owner: { uid: number; gid: number } | undefined },
): Promise<boolean> {
  if (kind !== 'file' || isStage || items.length === 0) return false;
  const archive = archiveKind(tree.readHead(path, 512));
  if (archive === undefined) return false;
  const tar = await openArchive(tree.readFile(path, limits.packageFile), archive, decompress);
  if (tar === undefined) return false;
  unpackArchive(tar, { target, directory: place.path, owner });
  return true;
}
