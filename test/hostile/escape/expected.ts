/**
 * What each level of isolation promises, attempt by attempt: the table of docs/security.md. At `full` nothing may
 * succeed but what is named here with its reason; at `partial` and `none` what is named must be refused, and of the
 * rest nothing is promised.
 */
import type { Level } from './worlds.ts';

export interface Circumstances {
  readonly network: 'none' | 'host';
  /** The kernel has Landlock. */
  readonly landlock: boolean;
  /** The verb shows a directory of the caller's, which is the caller's to give. */
  readonly bindsWritable: boolean;
}

const OWN_NAMESPACE = 'a network namespace of its own holds nothing but a loopback';
const GRANTED = "the host's network was granted";
const CALLERS_DIRECTORY = "the working directory is the caller's, shown to be changed";

const IMAGE = 'an image may hold set-uid files; nobody else can reach them in the store, and inside they give nothing';

/** What may succeed at full, and why that is not a way out. */
export function exceptionsAtFull({ network, landlock, bindsWritable }: Circumstances): ReadonlyMap<string, string> {
  const sockets = [
    'socket-inet',
    'socket-inet6',
    'socket-datagram',
    'socket-netlink',
    'socket-audit',
    'i386-socket',
    'i386-socketcall',
  ];
  // Abstract sockets belong to the network, and Landlock keeps them apart all the same.
  const reached = ['reach-inet', 'reach-inet6', 'interfaces', ...(landlock ? [] : ['abstract-socket'])];
  return new Map([
    ...sockets.map((name) => [name, network === 'host' ? GRANTED : OWN_NAMESPACE] as const),
    ...(network === 'host' ? reached.map((name) => [name, GRANTED] as const) : []),
    ['leave-set-uid', bindsWritable ? CALLERS_DIRECTORY : IMAGE],
    ...(bindsWritable ? [['left-work-set-uid', CALLERS_DIRECTORY] as const] : []),
  ]);
}

/** Needs no privilege, so that it holds on every backend. */
const EVERYWHERE = [
  'descriptors',
  'environment',
  'terminal-inject',
  'terminal-settings',
  'terminal-foreground',
  'left-store-set-uid',
  'left-store-device',
];

const WITHOUT_PRIVILEGES = [
  'new-privileges',
  'set-uid-made',
  'set-gid-made',
  'set-uid-brought',
  'set-gid-brought',
  'file-capability',
  'seccomp-off',
];

const NETWORK = [
  'reach-inet',
  'reach-inet6',
  'interfaces',
  'socket-inet',
  'socket-inet6',
  'socket-datagram',
  'socket-raw',
  'socket-packet',
  'socket-netlink',
  'socket-audit',
  'socket-vsock',
  'socket-alg',
  'socket-pair-inet',
  'i386-socket',
  'i386-socketcall',
  'x32-socket',
];

const WRITES = [
  'write-by-path',
  'symlink-write',
  'store-write',
  'canary-changed',
  'core-pattern',
  'proc-sys',
  'sys-write',
  'sys-block-write',
  'cgroup-write',
  'proc-irq',
  'proc-bus',
  'proc-fs',
];

/** What must be refused below full. */
export function promisedBelowFull(
  level: Exclude<Level, 'full'>,
  { network, landlock }: Circumstances,
): readonly string[] {
  if (level === 'none') return EVERYWHERE;
  return [...EVERYWHERE, ...WITHOUT_PRIVILEGES, ...(network === 'none' ? NETWORK : []), ...(landlock ? WRITES : [])];
}

/** What must succeed, or the sandbox takes away what was asked for. */
export const promisedToWork = ({ network }: Circumstances): readonly string[] =>
  network === 'host' ? ['reach-inet'] : [];
