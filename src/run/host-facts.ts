/** Facts about the host that decide what works, for people to read. */
import { cpus, totalmem } from 'node:os';
import { statfsSync } from '../system/host-paths.ts';
import { readFileCapped } from '../system/files.ts';
import { hostPath, type HostPath } from '../core/paths.ts';
import { captureProcess } from '../system/spawn.ts';
import { HOST_ENV } from './compiled.ts';
import type { RunHost } from './host-tools.ts';
import { isGvisor } from './refusal.ts';

export interface HostFact {
  readonly name: string;
  readonly value: string;
  readonly fix?: string;
}

export type HostFacts = readonly HostFact[];

const sysctl = (path: string): string | undefined => {
  try {
    return readFileCapped(hostPath(path), 4096)?.toString().trim();
  } catch {
    return undefined;
  }
};

/** Reads /proc, and asks PRoot how it was built. */
export async function readHostFacts(host: RunHost, store: HostPath): Promise<HostFacts> {
  const { free, total } = statfsSync(store);
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const facts: (HostFact | undefined)[] = [
    { name: 'kernel', value: `${host.kernel}${isGvisor(host) ? ' (gVisor)' : ''}` },
    { name: 'user', value: host.isRoot ? 'root' : `uid ${process.getuid?.() ?? '?'}` },
    { name: 'processors, memory', value: `${cpus().length}, ${gib(totalmem())}` },
    { name: 'store', value: `${store}, ${gib(free)} of ${gib(total)} free` },
    switchFact('user namespaces', '/proc/sys/user/max_user_namespaces', (value) => value === '0', 'sysctl user.max_user_namespaces=10000'),
    switchFact('unprivileged userns', '/proc/sys/kernel/unprivileged_userns_clone', (value) => value === '0', 'sysctl kernel.unprivileged_userns_clone=1'),
    switchFact('AppArmor and userns', '/proc/sys/kernel/apparmor_restrict_unprivileged_userns', (value) => value === '1', 'sysctl kernel.apparmor_restrict_unprivileged_userns=0'),
    switchFact('setgroups', '/proc/self/setgroups', () => false, ''),
    switchFact('ptrace scope', '/proc/sys/kernel/yama/ptrace_scope', (value) => value === '3', 'reboot with kernel.yama.ptrace_scope below 3'),
    { name: 'bwrap', value: host.tools.bwrap ?? 'not installed' },
    await landlockFact(host),
    await prootFact(host),
  ];
  return facts.filter((fact) => fact !== undefined);
}

function switchFact(name: string, path: string, isBad: (value: string) => boolean, fix: string): HostFact | undefined {
  const value = sysctl(path);
  if (value === undefined) return { name, value: `${path} does not exist` };
  return isBad(value) ? { name, value, fix: `as root: ${fix}` } : { name, value };
}

/** What keeps writes inside where no namespace does. */
async function landlockFact(host: RunHost): Promise<HostFact> {
  const starter = await host.sandbox();
  if (starter === undefined) return { name: 'sandbox program', value: 'none: no compiler for it, or a machine that it is not written for' };
  const { stdout } = await captureProcess([starter, 'landlock'], { env: HOST_ENV, maxBytes: 16 }).catch(() => ({ stdout: '0' }));
  return { name: 'Landlock', value: stdout.trim() === '0' ? 'the kernel has none' : `version ${stdout.trim()}` };
}

/** Without the filter PRoot stops its program at every system call, not only at those that have a path. */
async function prootFact({ tools: { proot } }: RunHost): Promise<HostFact> {
  if (proot === undefined) return { name: 'proot', value: 'not installed' };
  const { stdout } = await captureProcess([proot, '--version'], { env: HOST_ENV, maxBytes: 65_536 }).catch(() => ({ stdout: '' }));
  return { name: 'proot', value: /seccomp_filter = no\b/.test(stdout) ? `${proot}, built without seccomp filter: slow` : proot };
}
