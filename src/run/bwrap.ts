/**
 * bubblewrap: namespaces for mounts, processes, IPC, names and, unless granted, the network. It makes the root; the
 * sandbox program, started in it, hides what docker hides, changes the user and gives up every right.
 */
import type { RunDescription } from '../core/run-description.ts';
import type { CompileHost, Compile } from './compiled.ts';
import type { MountOp } from './mount-plan.ts';
import {
  filterSteps,
  formatSteps,
  NAMESPACES,
  splitEnvironment,
  userSteps,
  type Step,
} from './sandbox/sandbox-steps.ts';

/** Where the sandbox program lies until it has unmounted itself. */
const STARTER = '/dev/alproot-sandbox';

/** @param options.users the same users in a user namespace of their own; else those of ours, which root has to be */
export const compileBwrap =
  ({ users }: { readonly users: boolean }): Compile =>
  (description, plan, host) => {
    const starter = host.starter ?? '';
    const environment = splitEnvironment(description.env);
    const inside: Step[] = [
      ['mask'],
      ['forget', STARTER],
      ...userSteps(description.user, host),
      ['landlock-outside'],
      ['restrict'],
      ...filterSteps,
    ];
    const argv = [
      ...(users && host.isRoot ? [starter, 'map-all', '--'] : []),
      ...common(description, host),
      ...(host.isRoot ? [] : ['--unshare-user', '--uid', '0', '--gid', '0']),
      '--cap-drop',
      'ALL',
      '--cap-add',
      'ALL',
      ...plan.ops.flatMap(mountArguments),
      '--ro-bind',
      starter,
      STARTER,
      ...(plan.ops[0]?.op === 'tmpfs' ? ['--remount-ro', '/'] : []),
      '--chdir',
      description.cwd,
      ...environment.loud.flatMap(([name, value]) => ['--setenv', name, value]),
      '--',
      STARTER,
      ...formatSteps(inside),
      '--',
      ...description.argv,
    ];
    return { argv, env: environment.quiet };
  };

/** Without the sandbox program: no filter, nothing hidden but what bubblewrap hides. */
export const compileBareBwrap: Compile = (description, plan, host) => {
  const environment = splitEnvironment(description.env);
  const { uid, gid } = description.user;
  const argv = [
    ...common(description, host),
    ...(host.isRoot && uid === 0 ? [] : ['--unshare-user', '--uid', String(uid), '--gid', String(gid)]),
    '--cap-drop',
    'ALL',
    ...(uid === 0
      ? ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_SETGID', 'CAP_SETUID'].flatMap((name) => [
          '--cap-add',
          name,
        ])
      : []),
    ...plan.ops.flatMap(mountArguments),
    ...(plan.ops[0]?.op === 'tmpfs' ? ['--remount-ro', '/'] : []),
    '--chdir',
    description.cwd,
    ...environment.loud.flatMap(([name, value]) => ['--setenv', name, value]),
    '--',
    ...description.argv,
  ];
  return { argv, env: environment.quiet };
};

const common = (description: RunDescription, host: CompileHost): string[] => [
  host.tools.bwrap ?? 'bwrap',
  '--die-with-parent',
  ...(hasOwnTerminal(description, host) ? [] : ['--new-session']),
  '--unshare-ipc',
  '--unshare-uts',
  '--hostname',
  'alproot',
  '--unshare-pid',
  ...(description.network === 'none' ? ['--unshare-net'] : []),
];

/** A terminal made for the command is its controlling one, for Ctrl-C and job control; the caller's never is. */
export const hasOwnTerminal = ({ stdio }: RunDescription, { tools }: CompileHost): boolean =>
  stdio.kind === 'terminal' && tools.script !== undefined;

/** What bubblewrap unshares, for backends that do it themselves. */
export const namespacesFor = ({ network }: RunDescription): string =>
  `0x${(NAMESPACES.mounts + NAMESPACES.names + NAMESPACES.ipc + NAMESPACES.processes + (network === 'none' ? NAMESPACES.network : 0)).toString(16)}`;

function mountArguments(op: MountOp): string[] {
  switch (op.op) {
    case 'tmpfs':
      return op.at === '/tmp' ? ['--perms', '1777', '--tmpfs', op.at] : ['--tmpfs', op.at];
    case 'bind':
      return [op.writable ? '--bind' : '--ro-bind', op.source, op.at];
    case 'symlink':
      return ['--symlink', op.target, op.at];
    case 'mkdir':
      return ['--dir', op.at];
    case 'proc':
      return ['--proc', '/proc'];
    case 'dev':
      return ['--dev', '/dev'];
  }
}
