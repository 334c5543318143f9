/** bubblewrap: namespaces for mounts, processes, IPC, names and, unless granted, the network. */
import type { Compile } from './compiled.ts';
import { KEPT_CAPABILITIES } from './compiled.ts';
import type { RunDescription } from '../core/run.ts';
import type { RunHost } from './host-tools.ts';
import { compileUnshare } from './unshare.ts';
import type { MountOp } from './mount-plan.ts';

/** @param options.hostProc binds the host's /proc where a new one cannot be mounted (masked /proc in a container) */
export const compileBwrap = ({ hostProc }: { readonly hostProc: boolean }): Compile => (description, plan, host) => {
  const mapped = !host.isRoot;
  const { uid, gid } = description.user;
  // Arguments can be read by everybody on the host, the environment by its owner alone: secrets travel there.
  const loud = Object.entries(description.env).filter(([name]) => READ_BY_HOST.test(name));
  const quiet = Object.entries(description.env).filter(([name]) => !READ_BY_HOST.test(name));
  // bubblewrap cannot become another user but by a namespace in which root is none: unshare can.
  if (!mapped && (uid !== 0 || gid !== 0)) return compileUnshare({ userNamespace: false })(description, plan, host);
  const argv = [
    host.tools.bwrap ?? 'bwrap',
    '--die-with-parent', ...(hasOwnTerminal(description, host) ? [] : ['--new-session']), '--unshare-ipc', '--unshare-uts', '--hostname', 'alproot',
    ...(hostProc ? [] : ['--unshare-pid']),
    ...(description.network === 'none' ? ['--unshare-net'] : []),
    ...(mapped ? ['--unshare-user', '--uid', String(uid), '--gid', String(gid)] : []),
    '--cap-drop', 'ALL', ...(uid === 0 ? KEPT_CAPABILITIES.flatMap((name) => ['--cap-add', name]) : []),
    ...plan.ops.flatMap((op) => mountArguments(op, hostProc)),
    ...(plan.ops[0]?.op === 'tmpfs' ? ['--remount-ro', '/'] : []),
    '--chdir', description.cwd,
    ...loud.flatMap(([name, value]) => ['--setenv', name, value]),
    '--', ...description.argv,
  ];
  return { argv, env: Object.fromEntries(quiet) };
};

/** A terminal made for the command is its controlling one, for Ctrl-C and job control; the caller's never is. */
const hasOwnTerminal = ({ stdio }: RunDescription, { tools }: RunHost): boolean => stdio.kind === 'terminal' && tools.script !== undefined;

/** Variables that programs of the host read as well: they must reach the command without bubblewrap seeing them as its own. */
const READ_BY_HOST = /^(?:LD_|GLIBC_|GCONV_|LOCPATH$|NLSPATH$|MALLOC_|TZDIR$|RES_|HOSTALIASES$|POSIXLY_|LOCALDOMAIN$|NIS_|BASH_|ENV$)/;


function mountArguments(op: MountOp, hostProc: boolean): string[] {
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
      return hostProc ? ['--ro-bind', '/proc', '/proc'] : ['--proc', '/proc'];
    case 'dev':
      return ['--dev', '/dev'];
  }
}
