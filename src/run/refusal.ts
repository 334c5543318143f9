/** The words of bwrap, unshare and PRoot, turned into causes and ways out. */
import type { BackendName } from '../core/run-description.ts';
import type { RunHost } from './host-tools.ts';
import { readFileCapped } from '../system/files/files.ts';
import { RAISE_PROCESSES, saysTooManyProcesses, TOO_MANY_PROCESSES } from '../system/process/process-limit.ts';
import { noexecMountOf } from '../system/process/mounts.ts';
import { hostPath, type HostPath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';

export interface Refusal {
  readonly reason: string;
  readonly fix?: string;
}

const read = (path: string): string | undefined => {
  try {
    return readFileCapped(hostPath(path), 4096)?.toString().trim();
  } catch {
    return undefined;
  }
};

/** gVisor gives itself away by the date that it says its kernel was built on. */
export const isGvisor = (host: RunHost): boolean =>
  host.kernel.startsWith('4.4.0') && (read('/proc/version') ?? '').includes('Sun Jan 10 15:06:54 PST 2016');

/** Whether programs may be started from a directory that holds what is to be run: the store, or a tree. */
export function refuseNoexec(directory: HostPath): Refusal | undefined {
  const mount = noexecMountOf(directory);
  if (mount === undefined) return undefined;
  return {
    reason: `the file system at ${quoteName(mount)} is mounted noexec, so that no program there can be started`,
    fix:
      'choose a directory on another file system (for the store: --cache or ALPROOT_CACHE), ' +
      `or as root: mount -o remount,exec ${quoteShell(mount)}`,
  };
}

const quoteShell = (word: string): string => (/^[\w/.+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** @param output everything that the failed probe printed */
export function explainRefusal(name: BackendName, output: string, host: RunHost): Refusal {
  const said =
    output
      .trim()
      .split('\n')
      .find((line) => line.trim() !== '')
      ?.trim() ?? 'it printed nothing';
  if (saysTooManyProcesses(output))
    return {
      reason: said.includes(TOO_MANY_PROCESSES) ? said : `${TOO_MANY_PROCESSES}: ${said}`,
      fix: RAISE_PROCESSES,
    };
  if (isGvisor(host) && name !== 'proot')
    return { reason: `gVisor (kernel ${host.kernel}) has not what it needs: ${said}` };
  if (name === 'proot') return explainProot(said);
  if (read('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1' && !host.isRoot) {
    return {
      reason: `AppArmor restricts user namespaces: ${said}`,
      fix: 'as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or install an AppArmor profile for it',
    };
  }
  if (read('/proc/sys/kernel/unprivileged_userns_clone') === '0' && !host.isRoot) {
    return {
      reason: `user namespaces are switched off: ${said}`,
      fix: 'as root: sysctl kernel.unprivileged_userns_clone=1',
    };
  }
  if (read('/proc/sys/user/max_user_namespaces') === '0')
    return { reason: `no user namespace is allowed: ${said}`, fix: 'as root: sysctl user.max_user_namespaces=10000' };
  if (/mount proc|mount \/proc|\/proc:/.test(said)) return { reason: `a new /proc cannot be mounted here: ${said}` };
  if (/setgroups|uid_map|gid_map/.test(said)) return { reason: `the kernel refuses the mapping of users: ${said}` };
  if (/unshare failed|No permissions to create|Creating new namespace failed|Operation not permitted/.test(said))
    return {
      reason: `the kernel refuses namespaces: ${said}`,
      fix: 'a container needs seccomp and AppArmor profiles that allow them',
    };
  return { reason: said };
}

function explainProot(said: string): Refusal {
  if (/ptrace|Operation not permitted|EPERM/i.test(said))
    return {
      reason: `ptrace is refused: ${said}`,
      fix: 'allow ptrace (kernel.yama.ptrace_scope below 3, a seccomp profile with ptrace)',
    };
  return { reason: said };
}
