/** Facts about the host that decide what works, for people to read. */
import { cpus, totalmem } from 'node:os';
import { statfsSync } from '../system/files/host-paths.ts';
import { readFileCapped } from '../system/files/files.ts';
import { hostPath, type HostPath } from '../core/paths.ts';
import { captureProcess } from '../system/process/spawn.ts';
import { HOST_ENV } from './host-environment.ts';
import type { RunHost } from './host-tools.ts';
import { isGvisor, refuseNoexec } from './refusal.ts';

export interface HostFact {
  readonly name: string;
  readonly value: string;
  readonly fix?: string;
}

export type HostFacts = readonly HostFact[];

/** 1 EiB: no disk is so large. */
const UNBOUNDED_BYTES = 2 ** 60;

const sysctl = (path: string): string | undefined => {
  try {
    return readFileCapped(hostPath(path), 4096)?.toString().trim();
  } catch {
    return undefined;
  }
};

/** Reads /proc, and asks PRoot how it was built. */
export async function readHostFacts(host: RunHost, store: HostPath): Promise<HostFacts> {
  const facts: (HostFact | undefined)[] = [
    { name: 'kernel', value: `${host.kernel}${isGvisor(host) ? ' (gVisor)' : ''}` },
    { name: 'user', value: host.isRoot ? 'root' : `uid ${process.getuid?.() ?? '?'}` },
    { name: 'processors, memory', value: `${cpus().length}, ${gib(totalmem())}` },
    storeFact(store),
    switchFact(
      'user namespaces',
      '/proc/sys/user/max_user_namespaces',
      (value) => value === '0',
      'sysctl user.max_user_namespaces=10000',
    ),
    switchFact(
      'unprivileged userns',
      '/proc/sys/kernel/unprivileged_userns_clone',
      (value) => value === '0',
      'sysctl kernel.unprivileged_userns_clone=1',
    ),
    switchFact(
      'AppArmor and userns',
      '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
      (value) => value === '1',
      'sysctl kernel.apparmor_restrict_unprivileged_userns=0',
    ),
    switchFact('setgroups', '/proc/self/setgroups', () => false, ''),
    switchFact(
      'ptrace scope',
      '/proc/sys/kernel/yama/ptrace_scope',
      (value) => value === '3',
      'reboot with kernel.yama.ptrace_scope below 3',
    ),
    await bwrapFact(host),
    await landlockFact(host),
    await prootFact(host),
  ];
  return facts.filter((fact) => fact !== undefined);
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

function storeFact(store: HostPath): HostFact {
  const { free, total } = statfsSync(store);
  // File systems without bounds, gVisor's for one, give numbers that mean nothing.
  const space = total > UNBOUNDED_BYTES ? 'no limit known' : `${gib(free)} of ${gib(total)} free`;
  const refusal = refuseNoexec(store);
  const fact: HostFact = { name: 'store', value: `${store}, ${space}` };
  return refusal?.fix === undefined
    ? fact
    : { ...fact, value: `${fact.value}, mounted noexec: no program can be started there`, fix: refusal.fix };
}

function switchFact(name: string, path: string, isBad: (value: string) => boolean, fix: string): HostFact | undefined {
  const value = sysctl(path);
  if (value === undefined) return { name, value: `${path} does not exist` };
  return isBad(value) ? { name, value, fix: `as root: ${fix}` } : { name, value };
}

/** What keeps writes inside where no namespace does. */
async function landlockFact(host: RunHost): Promise<HostFact> {
  const starter = await host.sandbox();
  if (starter === undefined)
    return {
      name: 'sandbox program',
      value:
        'none: no compiler for it, a machine that it is not written for, or a store where no program can be started',
    };
  const { stdout } = await captureProcess([starter, 'landlock'], { env: HOST_ENV, maxBytes: 16 }).catch(() => ({
    stdout: '0',
  }));
  return { name: 'Landlock', value: stdout.trim() === '0' ? 'the kernel has none' : `version ${stdout.trim()}` };
}

/**
 * What to know of a bubblewrap by the version it names. A distribution's repaired one names the old version, so that
 * this can say no more than "before". alproot makes and checks every mount point itself, and takes no set-uid one.
 *
 * @param answer what `bwrap --version` prints
 * @returns the version, with the holes that were closed after it; undefined where no version stands
 * @see CVE-2026-41163 and CVE-2026-87766, closed in 0.11.2 and 0.12.0
 */
export function describeBubblewrap(answer: string): string | undefined {
  const found = /\b(\d+)\.(\d+)(?:\.(\d+))?/.exec(answer);
  if (found === null) return undefined;
  const [major = 0, minor = 0, patch = 0] = found.slice(1).map((digits) => Number(digits ?? 0));
  const isBefore = (fixedMinor: number, fixedPatch: number): boolean =>
    major === 0 && (minor < fixedMinor || (minor === fixedMinor && patch < fixedPatch));
  const holes = [
    ...(isBefore(11, 2) ? ['before 0.11.2, which closed CVE-2026-41163'] : []),
    ...(isBefore(12, 0) ? ['before 0.12.0, which closed CVE-2026-87766'] : []),
  ];
  if (holes.length === 0) return `version ${found[0]}`;
  const known = `version ${found[0]}, ${holes.join(' and ')}, unless the distribution repaired it`;
  return `${known}; alproot does not rely on what it lacks`;
}

async function bwrapFact({ tools: { bwrap } }: RunHost): Promise<HostFact> {
  if (bwrap === undefined) return { name: 'bwrap', value: 'not installed' };
  const { stdout } = await captureProcess([bwrap, '--version'], { env: HOST_ENV, maxBytes: 65_536 }).catch(() => ({
    stdout: '',
  }));
  const version = describeBubblewrap(stdout);
  return { name: 'bwrap', value: version === undefined ? bwrap : `${bwrap}, ${version}` };
}

/** Without the filter PRoot stops its program at every system call, not only at those that have a path. */
async function prootFact({ tools: { proot } }: RunHost): Promise<HostFact> {
  if (proot === undefined) return { name: 'proot', value: 'not installed' };
  const { stdout } = await captureProcess([proot, '--version'], { env: HOST_ENV, maxBytes: 65_536 }).catch(() => ({
    stdout: '',
  }));
  return {
    name: 'proot',
    value: /seccomp_filter = no\b/.test(stdout) ? `${proot}, built without seccomp filter: slow` : proot,
  };
}
