/** A description is compiled by a backend and executed; everything made for it is removed. */
import { joinHost } from '../core/paths.ts';
import { AlprootError } from '../core/errors.ts';
import { quoteName } from '../core/redact.ts';
import type { RunDescription, RunResult } from '../core/run-description.ts';
import { exists } from '../system/files/host-paths.ts';
import { removeTree } from '../system/files/remove-tree.ts';
import { runProcess } from '../system/process/spawn.ts';
import { openWorkTree, type WorkTree } from '../system/tree/work-tree.ts';
import type { Backend } from './backend.ts';
import type { CompiledRun } from './compiled.ts';
import type { RunHost } from './host-tools.ts';
import { planMounts, removeMountPoints, type MountPlan } from './mount-plan.ts';
import { overlayTree, throughOverlay } from './overlay/overlay.ts';
import { requireWorkingDirectory } from './working-directory.ts';
import { treePathFromUser, type HostPath, type TreePath } from '../core/paths.ts';

/**
 * Runs the command to its end.
 *
 * @throws ALP_RUN_NOT_FOUND, ALP_RUN_EXEC for a program that is not there or cannot be started, ALP_RUN_MOUNT,
 *   ALP_RUN_BACKEND; the program's own failure is a status, not an error
 */
export async function runInTree(backend: Backend, description: RunDescription, host: RunHost): Promise<RunResult> {
  const scratches: HostPath[] = [];
  const scratch = (): HostPath => {
    const made = host.scratch();
    scratches.push(made);
    return made;
  };
  const tree = openWorkTree(description.tree);
  let made: readonly TreePath[] = [];
  try {
    requireProgram(description, tree);
    if (backend.showsTree) requireWorkingDirectory(description, tree);
    const { changes } = description;
    const shown = changes === undefined ? description : { ...description, tree: overlayTree(changes) };
    const plan = backend.showsTree ? planMounts(shown, tree) : { ops: [], made: [], missing: [] };
    made = plan.made;
    const compiled = backend.compile(shown, plan, { ...host, scratch, starter: await host.sandbox() });
    return await runCompiled(
      changes === undefined ? compiled : await underOverlay(compiled, { ...description, changes }, { host, plan }),
      description,
      host,
    );
  } finally {
    removeMountPoints(tree, made);
    tree.close();
    for (const directory of scratches) removeTree(directory);
  }
}

async function underOverlay(
  compiled: CompiledRun,
  { tree, changes }: { readonly tree: HostPath; readonly changes: HostPath },
  { host, plan }: { readonly host: RunHost; readonly plan: MountPlan },
): Promise<CompiledRun> {
  const program = await host.overlay();
  if (program === undefined)
    throw new AlprootError('ALP_RUN_BACKEND', 'the program that mounts overlays is gone', {
      hint: 'run the command again',
    });
  return throughOverlay(compiled, { program, isRoot: host.isRoot, tree, changes, missing: plan.missing });
}

/** What a command leaves in a tree must not depend on who builds it. */
const TREE_UMASK = 0o022;

async function runCompiled(
  { argv, env, endSignal, outlivesCommand }: CompiledRun,
  { stdio, signal, writable }: RunDescription,
  host: RunHost,
): Promise<RunResult> {
  const shared = {
    env,
    supervisor: await host.supervisor(),
    ...(writable ? { umask: TREE_UMASK } : {}),
    ...(signal === undefined ? {} : { signal }),
    ...(endSignal === undefined ? {} : { endSignal }),
    ...(outlivesCommand === undefined ? {} : { outlivesCommand: 0 }),
  };
  if (stdio.kind === 'pipe') {
    return runProcess(argv, {
      ...shared,
      stdio: stdio.plain === true ? 'pipe' : 'reopenable',
      detached: true,
      onOutput: stdio.onOutput,
      ...(stdio.stdin === undefined ? {} : { stdin: stdio.stdin }),
    });
  }
  if (stdio.kind === 'terminal' && host.tools.script !== undefined) {
    // A terminal of its own: what it pushes into its input never reaches ours.
    const command = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    return runProcess([host.tools.script, '-q', '-e', '-f', '-c', `exec ${command}`, '/dev/null'], {
      ...shared,
      env: { ...env, SHELL: '/bin/sh', TERM: 'xterm' },
      stdio: 'inherit',
      ...(outlivesCommand === undefined ? {} : { outlivesCommand: 1 }),
    });
  }
  return runProcess(argv, { ...shared, stdio: 'inherit', detached: true });
}

/** Finds the program as the kernel will, inside. @throws ALP_RUN_NOT_FOUND */
export function requireProgram(description: RunDescription, tree: WorkTree): void {
  const [name = ''] = description.argv;
  const candidates = name.includes('/')
    ? [name.startsWith('/') ? name : `${description.cwd}/${name}`]
    : (description.env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin')
        .split(':')
        .map((directory) => `${directory}/${name}`);
  if (candidates.some((candidate) => hasProgram(candidate, description, tree))) return;
  throw new AlprootError('ALP_RUN_NOT_FOUND', `${quoteName(name)}: not found in the environment`, {
    hint: 'add the package that has it with -p; `alproot search cmd:NAME` finds it',
  });
}

function hasProgram(candidate: string, { mounts, tree: root }: RunDescription, tree: WorkTree): boolean {
  if (root === '/') return true;
  try {
    const inside = `/${tree.resolve(treePathFromUser(candidate))}`;
    const mount = mounts.findLast(({ target }) => inside.startsWith(`/${target}/`));
    if (mount !== undefined)
      return mount.kind === 'tmpfs' || exists(joinHost(mount.source, inside.slice(mount.target.length + 2)));
    return /^\/(?:dev|proc|tmp)\//.test(inside) || tree.stat(treePathFromUser(inside)) !== undefined;
  } catch {
    return false;
  }
}
