/**
 * Which files a COPY or ADD takes and where each goes, as data. Sources may hold wildcards; a directory means its
 * contents; nothing leaves the root it is taken from.
 *
 * @see docker's reference, "COPY" and "ADD" (source, destination, --parents, --exclude)
 */
import { AlprootError } from '../core/errors.ts';
import { joinTree, nameOf, parentOf, TREE_ROOT, treePathFromUser, type TreePath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { compilePathGlob, hasPathWildcard, unescapePattern } from '../formats/dockerfile/dockerfile-glob.ts';
import type { TreeStat } from '../system/tree/tree-stat.ts';
import { type CopyRoot, listVisible } from './context.ts';

export interface CopyItem {
  readonly from: TreePath;
  /** Relative to the destination directory, or '' for the destination itself. */
  readonly to: TreePath;
  readonly stat: TreeStat;
  /** The directory named as source: its owner is not kept, its contents' are. */
  readonly isTop: boolean;
}

export interface CopySelection {
  /** The source as matched, for messages and for finding archives. */
  readonly path: TreePath;
  readonly kind: TreeStat['kind'];
  /** Parents first. */
  readonly items: readonly CopyItem[];
}

/** A link named as source is followed, but the copy keeps the link's name. */
interface Match {
  readonly path: TreePath;
  readonly name: string;
}

export interface SelectOptions {
  readonly parents: boolean;
  readonly exclude: readonly string[];
}

/**
 * @param source as written, after substitution
 * @returns [] for a wildcard that nothing matches: `COPY package.json yarn.lock* ./`
 * @throws ALP_BUILD_CONTEXT when a plain name is not there
 */
export function selectSources(root: CopyRoot, source: string, options: SelectOptions): CopySelection[] {
  const { base, pattern } = splitPivot(source, options.parents);
  const wild = hasPathWildcard(pattern);
  const matches = wild ? matchAll(root, pattern, options) : matchOne(root, pattern, options);
  const selections = matches.flatMap((match) => selectOne(root, match, { ...options, base }) ?? []);
  if (selections.length === 0 && !wild) refuseMissing(root, source);
  return selections;
}

/**
 * Looks at the name alone: enough to refuse a build before any of it runs.
 *
 * @throws ALP_BUILD_CONTEXT when a plain name is not there
 */
export function requireSource(root: CopyRoot, source: string, { parents }: Pick<SelectOptions, 'parents'>): void {
  const { pattern } = splitPivot(source, parents);
  if (!hasPathWildcard(pattern) && matchOne(root, pattern, { parents, exclude: [] }).length === 0)
    refuseMissing(root, source);
}

/** @throws ALP_BUILD_CONTEXT */
export function refuseMissing(root: CopyRoot, source: string): never {
  throw new AlprootError('ALP_BUILD_CONTEXT', `${quoteName(source)} is not in ${root.label}`, {
    hint: root.label === 'the build context' ? 'check the path, and whether .dockerignore leaves it out' : undefined,
  });
}

/** With --parents, `a/./b/c` keeps only what comes after the `./`. */
function splitPivot(source: string, parents: boolean): { base: TreePath; pattern: string } {
  const clean = cleanPath(source);
  const pivot = parents ? source.indexOf('/./') : -1;
  return { base: pivot < 0 ? TREE_ROOT : treePathFromUser(cleanPath(source.slice(0, pivot))), pattern: clean };
}

/** Relative to the root: no `.`, and no `..` that would leave it. */
function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function matchOne(root: CopyRoot, pattern: string, { parents }: SelectOptions): Match[] {
  const written = treePathFromUser(unescapePattern(pattern));
  const path = parents ? written : root.tree.resolve(written);
  return listable(root, written) && root.tree.stat(path) !== undefined ? [{ path, name: nameOf(written) }] : [];
}

/** A path given by name must not be ignored, nor anything above it. */
function listable(root: CopyRoot, path: TreePath): boolean {
  const resolved = root.tree.resolve(path);
  const visibility = root.visibilityOf(path, root.tree.stat(resolved)?.kind === 'directory');
  return visibility === 'visible' || (visibility === 'passage' && listVisible(root, resolved).length > 0);
}

function matchAll(root: CopyRoot, pattern: string, { parents }: SelectOptions): Match[] {
  const glob = compilePathGlob(Buffer.from(pattern, 'utf8').toString('latin1'), { anyDepth: parents });
  if (glob === undefined) throw new AlprootError('ALP_BUILD_INSTRUCTION', `malformed wildcard ${quoteName(pattern)}`);
  const fixed = pattern.split('/');
  const prefix = fixed.slice(
    0,
    fixed.findIndex((part) => hasPathWildcard(part)),
  );
  const written = prefix.length === 0 ? TREE_ROOT : treePathFromUser(unescapePattern(prefix.join('/')));
  const start = root.tree.resolve(written);
  // The prefix may lead through a link: what lies behind it is matched under the name as written.
  const rename = (path: TreePath): TreePath =>
    start === written ? path : joinTree(written, path.slice(start.length + 1));
  const found: TreePath[] = [];
  for (const path of listVisible(root, start)) {
    if (found.some((above) => path.startsWith(`${above}/`))) continue;
    if (glob.test(rename(path))) found.push(path);
  }
  return found.map((path) => ({ path: parents ? path : root.tree.resolve(path), name: nameOf(path) }));
}

function selectOne(
  root: CopyRoot,
  { path, name }: Match,
  { parents, exclude, base }: SelectOptions & { base: TreePath },
): CopySelection | undefined {
  const stat = root.tree.stat(path);
  if (stat === undefined) return undefined;
  const globs = exclude.map(
    (pattern) => compilePathGlob(cleanPath(pattern), { anyDepth: true }) ?? refusePattern(pattern),
  );
  const excluded = (relative: string): boolean =>
    ancestors(relative).some((part) => globs.some((glob) => glob.test(part)));
  const outer = parents ? relativeTo(path, base) : TREE_ROOT;
  const items = listVisible(root, path).flatMap((from): CopyItem[] => {
    const inner = relativeTo(from, path);
    if (excluded(stat.kind === 'directory' ? inner : name)) return [];
    const found = root.tree.stat(from);
    const to = (stat.kind === 'directory' ? [outer, inner] : [outer === TREE_ROOT ? name : outer])
      .filter((part) => part !== '')
      .join('/') as TreePath;
    return found === undefined ? [] : [{ from, to, stat: found, isTop: from === path }];
  });
  const above = parents ? parentDirectories(root, { path, outer }) : [];
  return { path, kind: stat.kind, items: [...above, ...items] };
}

/** With --parents the directories above the source are made too, with their own modes. */
function parentDirectories(root: CopyRoot, { path, outer }: { path: TreePath; outer: TreePath }): CopyItem[] {
  const items: CopyItem[] = [];
  for (let to = parentOf(outer), from = parentOf(path); to !== TREE_ROOT; to = parentOf(to), from = parentOf(from)) {
    const stat = root.tree.stat(from);
    if (stat !== undefined) items.unshift({ from, to, stat, isTop: false });
  }
  return items;
}

function refusePattern(pattern: string): never {
  throw new AlprootError('ALP_BUILD_INSTRUCTION', `--exclude: malformed wildcard ${quoteName(pattern)}`);
}

const relativeTo = (path: TreePath, base: TreePath): TreePath =>
  base === TREE_ROOT ? path : (path.slice(base.length + 1) as TreePath);

function ancestors(path: string): string[] {
  const parts = path.split('/');
  return path === '' ? [] : parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
