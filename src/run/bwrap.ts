/**
 * bubblewrap: namespaces for mounts, processes, IPC, names and, unless it is shared, the network. It makes the root;
 * the sandbox program, started in it, hides what docker hides, changes the user and gives up every right.
 */
import type { RunDescription } from '../core/run-description.ts';
import type { Compile, CompiledRun, CompileHost } from './compiled.ts';
import type { MountOp, MountPlan } from './mount-plan.ts';
import {
  filterSteps,
  formatSteps,
  hasOwnTerminal,
  splitEnvironment,
  userSteps,
  type Step,
} from './sandbox/sandbox-steps.ts';

/** Path of the sandbox program inside, until it has unmounted itself. */
const STARTER = '/dev/alproot-sandbox';

/** @param options.users the same users in a user namespace of their own; else those of ours, which root has to be */
export const compileBwrap =
  ({ users }: { readonly users: boolean }): Compile =>
  (description, plan, host) => {
    const starter = host.starter ?? '';
    const inside: Step[] = [
      ['mask'],
      ['forget', STARTER],
      ...userSteps(description.user, host),
      ['landlock-outside'],
      ['restrict'],
      ...filterSteps,
    ];
    return compileCommand(description, plan, {
      before: users && host.isRoot ? [starter, 'map-all', '--'] : [],
      host,
      rights: [...(host.isRoot ? [] : asUser(0, 0)), '--cap-drop', 'ALL', '--cap-add', 'ALL'],
      mounts: ['--ro-bind', starter, STARTER],
      starter: [STARTER, ...formatSteps(inside), '--'],
    });
  };

/** What a program that installs packages needs of root's rights. */
const BARE_CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'SETGID', 'SETUID'];

/** Without the sandbox program: no filter, nothing hidden but what bubblewrap hides. */
export const compileBareBwrap: Compile = (description, plan, host) => {
  const { uid, gid } = description.user;
  const capabilities = uid === 0 ? BARE_CAPABILITIES.flatMap((name) => ['--cap-add', `CAP_${name}`]) : [];
  return compileCommand(description, plan, {
    before: [],
    host,
    rights: [...(host.isRoot && uid === 0 ? [] : asUser(uid, gid)), '--cap-drop', 'ALL', ...capabilities],
    mounts: [],
    starter: [],
  });
};

const asUser = (uid: number, gid: number): string[] => ['--unshare-user', '--uid', String(uid), '--gid', String(gid)];

interface CommandParts {
  readonly host: CompileHost;
  /** What starts bubblewrap. */
  readonly before: readonly string[];
  /** Options for user and capabilities. */
  readonly rights: readonly string[];
  /** Options for mounts besides those of the plan. */
  readonly mounts: readonly string[];
  /** What bubblewrap starts, before the command's own words. */
  readonly starter: readonly string[];
}

/** Options in the order in which bubblewrap carries them out. */
function compileCommand(
  description: RunDescription,
  { ops }: MountPlan,
  { host, before, rights, mounts, starter }: CommandParts,
): CompiledRun {
  const environment = splitEnvironment(description.env);
  const argv = [
    ...before,
    host.tools.bwrap ?? 'bwrap',
    ...namespaceOptions(description, host),
    ...rights,
    ...ops.flatMap(mountOptions),
    ...mounts,
    ...(ops[0]?.op === 'tmpfs' ? ['--remount-ro', '/'] : []),
    '--chdir',
    description.cwd,
    ...environment.loud.flatMap(([name, value]) => ['--setenv', name, value]),
    '--',
    ...starter,
    ...description.argv,
  ];
  return { argv, env: environment.quiet };
}

const namespaceOptions = (description: RunDescription, host: CompileHost): string[] => [
  '--die-with-parent',
  ...(hasOwnTerminal(description, host) ? [] : ['--new-session']),
  '--unshare-ipc',
  '--unshare-uts',
  '--hostname',
  'alproot',
  '--unshare-pid',
  ...(description.network === 'none' ? ['--unshare-net'] : []),
];

function mountOptions(op: MountOp): string[] {
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
