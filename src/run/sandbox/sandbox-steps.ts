/**
 * Steps of the sandbox program (sandbox.c), as data: what a mount plan and a user mean in its words. The order in
 * which a backend lists them is the order in which they are carried out.
 */
import type { RunDescription } from '../../core/run-description.ts';
import type { CompileHost } from '../compiled.ts';
import type { MountOp, MountPlan } from '../mount-plan.ts';

export type Step = readonly [name: string, ...args: string[]];

/** CLONE_NEW*, as unshare(2) takes them. */
export const NAMESPACES = {
  mounts: 0x20000,
  names: 0x4000000,
  ipc: 0x8000000,
  processes: 0x20000000,
  network: 0x40000000,
} as const;

/** As `unshare` takes it: namespaces for all that is not shared with the host. */
export function namespaceFlags({ network }: RunDescription): string {
  const { network: ownNetwork, ...always } = NAMESPACES;
  const flags = Object.values(always).reduce<number>((bits, flag) => bits + flag, network === 'none' ? ownNetwork : 0);
  return `0x${flags.toString(16)}`;
}

/** A terminal made for the command is its controlling one, for Ctrl-C and job control; the caller's never is. */
export const hasOwnTerminal = ({ stdio }: RunDescription, { tools }: CompileHost): boolean =>
  stdio.kind === 'terminal' && tools.script !== undefined;

/**
 * What docker leaves a container, without CAP_MKNOD and CAP_NET_RAW: devices are never made, and the host's network
 * may be shared.
 *
 * @see https://docs.docker.com/engine/containers/run/#runtime-privilege-and-linux-capabilities
 */
const CAPABILITIES = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  FOWNER: 3,
  FSETID: 4,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  SETPCAP: 8,
  NET_BIND_SERVICE: 10,
  SYS_CHROOT: 18,
  AUDIT_WRITE: 29,
  SETFCAP: 31,
} as const;

const KEPT = `0x${Object.values(CAPABILITIES)
  .reduce<number>((bits, bit) => bits + 2 ** bit, 0)
  .toString(16)}`;

export const formatSteps = (steps: readonly Step[]): string[] => steps.flat();

/** The root and everything in it, up to the moment at which nothing else is left. @param root an empty directory */
export function rootSteps({ ops }: MountPlan, root: string): Step[] {
  const [first, ...rest] = ops;
  if (first?.op === 'bind') return [['bind-root', first.source, root, access(first.writable)], ...rest.map(mountStep)];
  return [['tmpfs-root', root], ...rest.map(mountStep), ['seal']];
}

const access = (writable: boolean): string => (writable ? 'write' : 'read');

function mountStep(op: MountOp): Step {
  switch (op.op) {
    case 'tmpfs':
      return ['tmpfs', op.at, op.at === '/tmp' ? '1777' : '0755'];
    case 'bind':
      return ['bind', op.source, op.at, access(op.writable), op.kind];
    case 'symlink':
      return ['link', op.target, op.at];
    case 'mkdir':
      return ['directory', op.at];
    case 'proc':
      return ['proc'];
    case 'dev':
      return ['devices'];
  }
}

/**
 * How the program becomes somebody else: of a namespace with one user by another namespace, which gives that user
 * another name.
 */
export function userSteps(
  { uid, gid, groups = [] }: RunDescription['user'],
  { isRoot }: { readonly isRoot: boolean },
): Step[] {
  const changed: Step[] = isRoot ? [['user', String(uid), String(gid), groups.join(',')]] : [];
  const renamed: Step[] = isRoot || (uid === 0 && gid === 0) ? [] : [['map', String(uid), String(gid)]];
  return [...renamed, ['bound', KEPT], ...changed, ['capabilities', uid === 0 ? KEPT : '0']];
}

/** Nothing more than docker's default container may do; what needs no privilege and comes last. */
export const filterSteps: readonly Step[] = [['filter', 'calls']];

/**
 * What holds programs back that no namespace holds: Landlock, and a filter that leaves AF_UNIX alone of all sockets.
 *
 * @param writable paths below which may be written, as seen when the steps are carried out
 */
export const partialSteps = ({ network }: RunDescription, writable: readonly string[]): Step[] => [
  ['landlock'],
  ...writable.map((path): Step => ['allow', path]),
  ['restrict'],
  ...filterSteps,
  ...(network === 'none' ? [['filter', 'network'] as const] : []),
];

/** The devices that a program may write to where it sees the host's. */
export const SHARED_DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty', 'ptmx', 'pts'].map(
  (name) => `/dev/${name}`,
);

export const keptCapabilities: readonly Step[] = [
  ['bound', KEPT],
  ['capabilities', KEPT],
];

/**
 * Variables that programs of the host read as well, on the way to the command; they travel as arguments, which
 * everybody on the host can read.
 */
const READ_BY_HOST = {
  prefixes: /^(?:LD|GLIBC|GCONV|MALLOC|RES|POSIXLY|NIS|BASH|PROOT)_/,
  names: /^(?:LOCPATH|NLSPATH|TZDIR|HOSTALIASES|LOCALDOMAIN|ENV|SHELL|TERM)$/,
};

const isReadByHost = (name: string): boolean => READ_BY_HOST.prefixes.test(name) || READ_BY_HOST.names.test(name);

export interface SplitEnvironment {
  /** For the environment of the first process: only its owner can read it there. */
  readonly quiet: Readonly<Record<string, string>>;
  readonly loud: readonly (readonly [name: string, value: string])[];
}

export function splitEnvironment(env: Readonly<Record<string, string>>): SplitEnvironment {
  const entries = Object.entries(env);
  return {
    quiet: Object.fromEntries(entries.filter(([name]) => !isReadByHost(name))),
    loud: entries.filter(([name]) => isReadByHost(name)),
  };
}

export const variableSteps = ({ loud }: SplitEnvironment): Step[] =>
  loud.map(([name, value]): Step => ['set', `${name}=${value}`]);
