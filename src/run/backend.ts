/**
 * The backends, in order of strength, and what each gives. One name may stand several times: its first way that works
 * is taken.
 */
import type { BackendName, Isolation } from '../core/run-description.ts';
import { compileBareBwrap, compileBwrap } from './bwrap.ts';
import type { Compile } from './compiled.ts';
import type { RunHost, ToolName } from './host-tools.ts';
import { compileBareLoader, compileLoader } from './loader/loader.ts';
import { compileBareProot, compileProot } from './proot.ts';
import type { Refusal } from './refusal.ts';
import { compileChroot, compileUserns } from './userns.ts';
import { isSetuid } from '../system/files/host-paths.ts';

export interface Backend {
  readonly name: BackendName;
  /** Tells the ways of one backend apart; verdicts are remembered by it. */
  readonly id: string;
  readonly compile: Compile;
  /**
   * `full`: a boundary for hostile code, as far as the kernel keeps its promises. `partial`: honest programs stay
   * inside.
   */
  readonly isolation: Isolation;
  /** What holds a program back, for people to read. */
  readonly enforces: readonly string[];
  readonly cutsNetwork: boolean;
  /** The tree is `/` for the command: package scripts and RUN need that. */
  readonly showsTree: boolean;
  /** Root that it starts owns files as the host's root does. */
  readonly realOwners: boolean;
  /** Programs of the host. */
  readonly needs: readonly ToolName[];
  /** Whether the sandbox program starts it. */
  readonly needsStarter: boolean;
  /** For whom it is; `any` unless it matters whether the caller is root. */
  readonly caller: 'root' | 'user' | 'any';
  /** Says why it cannot work here, before anything is tried. */
  readonly refuse: (host: RunHost) => Refusal | undefined;
}

const nothing = (): undefined => undefined;

/** A setuid bubblewrap does with root's rights what its caller's namespaces should bound. */
const refuseSetuid = ({ tools }: RunHost): Refusal | undefined =>
  tools.bwrap !== undefined && isSetuid(tools.bwrap)
    ? { reason: `${tools.bwrap} is setuid`, fix: `as root: chmod u-s ${tools.bwrap}` }
    : undefined;

const refuseOrdinary = ({ isRoot }: RunHost): Refusal | undefined =>
  isRoot ? undefined : { reason: 'it needs real root' };

const NAMESPACES = "own namespaces for mounts, processes, IPC and host name, the host's root detached";
const RIGHTS =
  "no_new_privs, docker's capabilities without MKNOD and NET_RAW, " +
  "docker's masked and read-only paths of /proc, docker's seccomp filter";
const PARTIAL = [
  'no_new_privs',
  "docker's seccomp filter; without network no socket but AF_UNIX",
  'Landlock, where the kernel has it: writes only in the tree, the mounts and /tmp',
];
const USERS = 'a user namespace of its own';

type Given = Pick<Backend, 'name' | 'id' | 'compile' | 'caller'> & Partial<Backend>;

const full = (given: Given): Backend => ({
  isolation: 'full',
  enforces: [NAMESPACES, RIGHTS],
  cutsNetwork: true,
  showsTree: true,
  realOwners: true,
  needs: [],
  needsStarter: true,
  refuse: nothing,
  ...given,
});
const partial = (given: Given): Backend => ({ ...full(given), isolation: 'partial', enforces: PARTIAL, ...given });
const bare = (given: Given): Backend => ({
  ...full(given),
  isolation: 'none',
  enforces: [],
  cutsNetwork: false,
  needsStarter: false,
  ...given,
});

export const BACKENDS: readonly Backend[] = [
  full({
    name: 'bwrap',
    id: 'bwrap-same-users',
    caller: 'root',
    compile: compileBwrap({ users: true }),
    enforces: [NAMESPACES, USERS, RIGHTS],
    needs: ['bwrap'],
    refuse: refuseSetuid,
  }),
  full({
    name: 'bwrap',
    id: 'bwrap-root',
    caller: 'root',
    compile: compileBwrap({ users: false }),
    needs: ['bwrap'],
    refuse: refuseSetuid,
  }),
  full({
    name: 'bwrap',
    id: 'bwrap',
    caller: 'user',
    compile: compileBwrap({ users: true }),
    enforces: [NAMESPACES, USERS, RIGHTS],
    needs: ['bwrap'],
    refuse: refuseSetuid,
  }),
  full({
    name: 'userns',
    id: 'userns-same-users',
    caller: 'root',
    compile: compileUserns({ users: true }),
    enforces: [NAMESPACES, USERS, RIGHTS],
  }),
  full({ name: 'userns', id: 'userns-root', caller: 'root', compile: compileUserns({ users: false }) }),
  full({
    name: 'userns',
    id: 'userns',
    caller: 'user',
    compile: compileUserns({ users: true }),
    enforces: [NAMESPACES, USERS, RIGHTS],
  }),
  partial({
    name: 'bwrap',
    id: 'bwrap-bare',
    caller: 'any',
    compile: compileBareBwrap,
    enforces: [NAMESPACES, 'no seccomp filter'],
    needs: ['bwrap'],
    needsStarter: false,
    refuse: refuseSetuid,
  }),
  partial({
    name: 'chroot',
    id: 'chroot',
    caller: 'any',
    compile: compileChroot({ processes: true }),
    refuse: refuseOrdinary,
  }),
  partial({
    name: 'chroot',
    id: 'chroot-mounts',
    caller: 'any',
    compile: compileChroot({ processes: false }),
    refuse: refuseOrdinary,
  }),
  partial({ name: 'proot', id: 'proot', caller: 'any', compile: compileProot, realOwners: false, needs: ['proot'] }),
  bare({
    name: 'proot',
    id: 'proot-bare',
    caller: 'any',
    compile: compileBareProot,
    realOwners: false,
    needs: ['proot', 'env'],
  }),
  partial({
    name: 'loader',
    id: 'loader',
    caller: 'any',
    compile: compileLoader,
    showsTree: false,
    realOwners: false,
  }),
  bare({
    name: 'loader',
    id: 'loader-bare',
    caller: 'any',
    compile: compileBareLoader,
    showsTree: false,
    realOwners: false,
    needs: ['env', 'sh'],
  }),
];

/** The ways that are for this caller. */
export const backendsFor = ({ isRoot }: RunHost): readonly Backend[] =>
  BACKENDS.filter(({ caller }) => caller === 'any' || (caller === 'root') === isRoot);
