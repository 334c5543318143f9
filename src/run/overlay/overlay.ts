/**
 * A tree that a command may change while it stays as it is: the kernel's overlay shows it, and what the command writes
 * goes to a directory beside it. Costs nothing that grows with the tree, and needs a kernel that lets its caller mount
 * one; where it does not, the tree is copied.
 */
import { joinHost, TREE_ROOT, type HostPath } from '../../core/paths.ts';
import { makeDirectory } from '../../system/files/host-directories.ts';
import { readFileCapped, writeFileAtomic } from '../../system/files/files.ts';
import { exists } from '../../system/files/host-paths.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { captureProcess } from '../../system/process/spawn.ts';
import { openWorkTree } from '../../system/tree/work-tree.ts';
import type { CompiledRun } from '../compiled.ts';
import { HOST_ENV } from '../host-environment.ts';
import type { RunHost } from '../host-tools.ts';
import type { MountPlan } from '../mount-plan.ts';

/** Where the tree is seen, inside the namespace alone. */
export const overlayTree = (changes: HostPath): HostPath => joinHost(changes, 'tree');

/**
 * Makes what an overlay over `tree` needs in `changes`, which exists and is empty; false when it would not show the
 * tree as it is.
 */
export function prepareOverlay(tree: HostPath, changes: HostPath): boolean {
  // The kernel takes these for separators, and no more than a page of options.
  if (/[:,\\]/.test(`${tree}${changes}`) || Buffer.byteLength(`${tree}${changes}${changes}`) > 3900) return false;
  for (const name of ['upper', 'work', 'tree']) makeDirectory(joinHost(changes, name), 0o755);
  const [below, above] = [openWorkTree(tree), openWorkTree(joinHost(changes, 'upper'))];
  try {
    const [wanted, made] = [below.stat(TREE_ROOT), above.stat(TREE_ROOT)];
    // Of a group that the namespace does not have, nothing could be changed.
    if (wanted === undefined || wanted.uid !== made?.uid || wanted.gid !== made.gid) return false;
    above.setMode(TREE_ROOT, wanted.mode);
    return true;
  } finally {
    below.close();
    above.close();
  }
}

export interface OverlayRun {
  readonly program: HostPath;
  readonly isRoot: boolean;
  readonly tree: HostPath;
  readonly changes: HostPath;
  /** To be made in what the command sees. */
  readonly missing: MountPlan['missing'];
}

/** A command, under the overlay. */
export function throughOverlay(
  compiled: CompiledRun,
  { program, isRoot, tree, changes, missing }: OverlayRun,
): CompiledRun {
  const options = [
    `lowerdir=${tree}`,
    `upperdir=${joinHost(changes, 'upper')}`,
    `workdir=${joinHost(changes, 'work')}`,
    'volatile',
    ...(isRoot ? [] : ['userxattr']),
  ];
  const made = missing.flatMap(({ at, kind }) => [kind, Buffer.from(at, 'latin1').toString('utf8')]);
  return {
    ...compiled,
    argv: [program, isRoot ? 'keep' : 'map', options.join(','), overlayTree(changes), ...made, '--', ...compiled.argv],
  };
}

const PROGRAM = [
  'cd "$1"',
  'echo more >> file',
  'rm directory/gone',
  'rmdir directory',
  'mkdir directory',
  'ln -s x directory/link',
  'test ! -e directory/gone',
  'test -d made',
  'exec cat file',
].join(' && ');

/** Whether it works here, tried on a small tree where the trees are. */
export async function probeOverlay(host: RunHost): Promise<boolean> {
  const program = await host.overlay();
  if (program === undefined) return false;
  const scratch = host.scratch();
  const [tree, changes] = [joinHost(scratch, 'below'), joinHost(scratch, 'changes')];
  try {
    for (const name of [joinHost(tree, 'directory'), changes]) makeDirectory(name);
    writeFileAtomic(joinHost(tree, 'file'), 'one\n', { durable: false });
    writeFileAtomic(joinHost(tree, 'directory/gone'), '', { durable: false });
    if (!prepareOverlay(tree, changes)) return false;
    const command = { argv: [host.tools.sh ?? '/bin/sh', '-c', PROGRAM, 'sh', overlayTree(changes)], env: HOST_ENV };
    const { argv, env } = throughOverlay(command, {
      program,
      isRoot: host.isRoot,
      tree,
      changes,
      missing: [{ at: 'made' as never, kind: 'directory' }],
    });
    const { status, stdout } = await captureProcess(argv, { env, maxBytes: 4096 });
    const below = readFileCapped(joinHost(tree, 'file'), 4096)?.toString();
    return status === 0 && stdout === 'one\nmore\n' && below === 'one\n' && exists(joinHost(tree, 'directory/gone'));
  } catch {
    return false;
  } finally {
    removeTree(scratch);
  }
}
