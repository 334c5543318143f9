/** What a backend makes of a description: a command of the host, as data. */
import type { RunDescription } from '../core/run.ts';
import type { RunHost } from './host-tools.ts';
import type { MountPlan } from './mount-plan.ts';

export interface CompiledRun {
  readonly argv: readonly string[];
  /** Environment of the host command; the program's own travels in argv where it can. */
  readonly env: Readonly<Record<string, string>>;
  /** What makes the command end with all its children, when SIGKILL does not. */
  readonly endSignal?: NodeJS.Signals;
  /** It waits for whatever the command leaves running, and must be ended. */
  readonly outlivesCommand?: boolean;
}

export type Compile = (description: RunDescription, plan: MountPlan, host: RunHost) => CompiledRun;

/** The few that a process keeps in a container of docker. */
export const KEPT_CAPABILITIES = [
  'CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_KILL', 'CAP_SETGID', 'CAP_SETUID', 'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE', 'CAP_NET_RAW', 'CAP_SYS_CHROOT', 'CAP_MKNOD', 'CAP_AUDIT_WRITE', 'CAP_SETFCAP',
];

/** What host programs need to run at all. */
export const HOST_ENV: Readonly<Record<string, string>> = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C' };
