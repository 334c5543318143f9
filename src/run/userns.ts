/**
 * Namespaces by the sandbox program alone, as bubblewrap makes them: the tree becomes the root of the mount namespace
 * by pivot_root, the host's root is detached, and the first process of the namespace only waits for the command.
 */
import type { Compile, CompileHost } from './compiled.ts';
import type { RunDescription } from '../core/run-description.ts';
import {
  NAMESPACES,
  filterSteps,
  formatSteps,
  hasOwnTerminal,
  namespaceFlags,
  partialSteps,
  rootSteps,
  splitEnvironment,
  userSteps,
  variableSteps,
  type Step,
} from './sandbox/sandbox-steps.ts';

const SIGKILL: Step = ['die-with-parent', '9'];

/** @param options.users as for bubblewrap */
export const compileUserns =
  ({ users }: { readonly users: boolean }): Compile =>
  (description, plan, host) => {
    const sameUsers: Step[] = users ? [['map-all']] : [];
    const mapped: Step[] = host.isRoot ? sameUsers : [['map', '0', '0']];
    return compiled(description, host, [
      SIGKILL,
      ...mapped,
      ['unshare', namespaceFlags(description)],
      ['fork'],
      ...namespaceSteps(description, host),
      ...rootSteps(plan, host.scratch()),
      ['pivot'],
      ['mask'],
      ['cwd', description.cwd],
      ['fork'],
      SIGKILL,
      ...userSteps(description.user, host),
      ['landlock-outside'],
      ['restrict'],
      ...filterSteps,
    ]);
  };

/**
 * The tree as root directory of a process whose host stays mounted: no boundary. For root where the kernel lets nobody
 * change the root of a namespace.
 *
 * @param options.processes with namespaces for processes, IPC, names and the network; else for mounts alone
 */
export const compileChroot =
  ({ processes }: { readonly processes: boolean }): Compile =>
  (description, plan, host) => {
    const start: Step[] = processes
      ? [SIGKILL, ['unshare', namespaceFlags(description)], ['fork'], ...namespaceSteps(description, host)]
      : [SIGKILL, ['share', `0x${NAMESPACES.mounts.toString(16)}`]];
    return compiled(description, host, [
      ...start,
      ...rootSteps(plan, host.scratch()),
      ['chroot'],
      ...(processes ? [['mask'] as const] : []),
      ['cwd', description.cwd],
      SIGKILL,
      ...userSteps(description.user, host),
      ...partialSteps(description, ['/']),
    ]);
  };

const namespaceSteps = (description: RunDescription, host: CompileHost): Step[] => [
  ['hostname', 'alproot'],
  ...(description.network === 'none' ? [['loopback'] as const] : []),
  ...(hasOwnTerminal(description, host) ? [] : [['session'] as const]),
];

function compiled(
  { argv, env }: RunDescription,
  { starter }: CompileHost,
  steps: readonly Step[],
): ReturnType<Compile> {
  const environment = splitEnvironment(env);
  return {
    argv: [starter ?? '', ...formatSteps(steps), ...formatSteps(variableSteps(environment)), '--', ...argv],
    env: environment.quiet,
  };
}
