/**
 * The build context: the files of a directory that `.dockerignore` lets through, read without following links out of
 * it. A link is copied as a link, whatever it points at.
 */
import { AlprootError } from '../core/errors.ts';
import { joinTree, TREE_ROOT, type HostPath, type TreePath } from '../core/paths.ts';
import { limits } from '../core/limits.ts';
import { quoteName } from '../core/redact.ts';
import { type IgnoreRules, parseDockerignore } from '../formats/dockerfile/dockerignore.ts';
import { readFileCapped } from '../system/files/files.ts';
import { isDirectory } from '../system/files/host-paths.ts';
import { openWorkTree, type WorkTree } from '../system/tree/work-tree.ts';
import type { NamedContext } from './build-plan.ts';

/** Of a path: a `passage` is an ignored directory that may hold exceptions, and counts only when it does. */
export type Visibility = 'visible' | 'passage' | 'ignored';

/** Files to copy from: the context, a stage, an image, an unpacked download. */
export interface CopyRoot {
  readonly tree: WorkTree;
  readonly visibilityOf: (path: TreePath, isDirectory: boolean) => Visibility;
  /** For messages: `the context`, `stage build`. */
  readonly label: string;
}

/**
 * @param dockerfile path of the Dockerfile: its own `NAME.dockerignore` goes before the context's
 * @throws ALP_FORMAT_TEXT for a malformed pattern
 */
export function openContext(directory: HostPath, dockerfile: HostPath | undefined): CopyRoot {
  const rules = readRules(directory, dockerfile);
  const text = (path: TreePath): string => Buffer.from(path, 'latin1').toString('utf8');
  return {
    tree: openWorkTree(directory),
    visibilityOf: (path, isDirectory) => {
      if (path === TREE_ROOT || !rules.isIgnored(text(path))) return 'visible';
      return isDirectory && rules.mayHoldExceptions(text(path)) ? 'passage' : 'ignored';
    },
    label: 'the build context',
  };
}

/** A directory of `--build-context`, under its own `.dockerignore`. @throws ALP_BUILD_CONTEXT when it is none */
export function openNamedContext({ name, directory }: NamedContext): CopyRoot {
  if (!isDirectory(directory))
    throw new AlprootError(
      'ALP_BUILD_CONTEXT',
      `--build-context ${quoteName(name)}: ${quoteName(directory)} is not a directory`,
    );
  return { ...openContext(directory, undefined), label: `the build context ${quoteName(name)}` };
}

function readRules(directory: HostPath, dockerfile: HostPath | undefined): IgnoreRules {
  const own =
    dockerfile === undefined ? undefined : readFileCapped(`${dockerfile}.dockerignore` as HostPath, limits.dockerfile);
  const bytes = own ?? readFileCapped(`${directory}/.dockerignore` as HostPath, limits.dockerfile);
  return parseDockerignore(bytes?.toString('utf8') ?? '');
}

/** Everything below and including `path` that may be copied, parents first; [] when there is nothing. */
export function listVisible(root: CopyRoot, path: TreePath): TreePath[] {
  const found: TreePath[] = [];
  const visit = (at: TreePath): void => {
    const stat = root.tree.stat(at);
    if (stat === undefined || stat.kind === 'other') return;
    const visibility = root.visibilityOf(at, stat.kind === 'directory');
    if (visibility === 'ignored') return;
    const count = found.push(at);
    if (stat.kind === 'directory') for (const name of root.tree.list(at)) visit(joinTree(at, name));
    if (visibility === 'passage' && found.length === count) found.pop();
  };
  visit(path);
  return found;
}
