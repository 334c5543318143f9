/**
 * Where a command begins. Sandboxes change to it while they still hold descriptors of the host, and `/proc/self/fd`
 * leads to those: no working directory may lie there, however many links of the tree or of a mount lead to it.
 *
 * @see runc CVE-2024-21626
 */
import { AlprootError } from '../core/errors.ts';
import { joinHost, parentOf, treePathFromUser, TREE_ROOT, type HostPath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import type { Mount, RunDescription } from '../core/run-description.ts';
import { realPath } from '../system/files/host-paths.ts';
import type { WorkTree } from '../system/tree/work-tree.ts';

const KERNEL = ['proc', 'sys', 'dev'];
/** The one place below them that holds ordinary directories. */
const SHARED_MEMORY = 'dev/shm';

const isBelow = (path: string, directory: string): boolean => path === directory || path.startsWith(`${directory}/`);

/** @throws ALP_RUN_MOUNT */
export function requireWorkingDirectory(
  { cwd, mounts }: Pick<RunDescription, 'cwd' | 'mounts'>,
  tree: WorkTree,
): void {
  const refuse = (where: string): never => {
    throw new AlprootError('ALP_RUN_MOUNT', `cannot work in ${quoteName(cwd)}: it lies in ${quoteName(where)}`, {
      hint: 'choose a directory of the tree itself',
    });
  };
  const parts = cwd.split('/').filter((part) => part !== '' && part !== '.');
  let at = TREE_ROOT;
  for (const [index, part] of parts.entries()) {
    at = part === '..' ? parentOf(at) : tree.resolve(treePathFromUser(`${at}/${part}`));
    const kernel = KERNEL.find((directory) => isBelow(at, directory));
    const mayGoOn = isBelow(at, SHARED_MEMORY) || (at === 'dev' && parts[index + 1] === 'shm');
    if (kernel !== undefined && !mayGoOn) refuse(`/${kernel}`);
    const mount = mounts.findLast(({ target }) => isBelow(at, target));
    if (mount === undefined) continue;
    if (mount.kind === 'bind')
      requireWithin(mount, [at.slice(mount.target.length), ...parts.slice(index + 1)].join('/'), refuse);
    return;
  }
}

/**
 * What links of the mounted directory lead to must be in it: outside, the same words mean the tree, or the kernel's
 * files.
 */
function requireWithin(
  { source }: Extract<Mount, { kind: 'bind' }>,
  rest: string,
  refuse: (where: string) => never,
): void {
  const root: HostPath = realPath(source) ?? source;
  const real = realPath(joinHost(root, rest));
  if (real !== undefined && !isBelow(real, root)) refuse('what a link of a mount leads to');
}
