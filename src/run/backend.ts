/** The backends, in order of strength, and what each gives. */
import type { BackendName } from '../core/run.ts';
import { compileBwrap } from './bwrap.ts';
import type { Compile } from './compiled.ts';
import type { RunHost, ToolName } from './host-tools.ts';
import { compileLoader } from './loader/loader.ts';
import { compileProot } from './proot.ts';
import type { Refusal } from './refusal.ts';
import { compileUnshare } from './unshare.ts';
import { isSetuid } from '../system/host-paths.ts';

export interface Backend {
  readonly name: BackendName;
  readonly compile: Compile;
  /** `full`: a boundary for hostile code, as far as the kernel keeps its promises. `none`: it merely runs. */
  readonly isolation: 'full' | 'none';
  readonly cutsNetwork: boolean;
  /** The tree is `/` for the command: package scripts and RUN need that. */
  readonly showsTree: boolean;
  readonly needs: readonly ToolName[];
  /** Says why it cannot work here, before anything is tried. */
  readonly refuse: (host: RunHost) => Refusal | undefined;
}

const nothing = (): undefined => undefined;

/** A setuid bubblewrap does with root's rights what its caller's namespaces should bound. */
const refuseSetuid = ({ tools }: RunHost): Refusal | undefined =>
  tools.bwrap !== undefined && isSetuid(tools.bwrap) ? { reason: `${tools.bwrap} is setuid`, fix: `as root: chmod u-s ${tools.bwrap}` } : undefined;

export const BACKENDS: readonly Backend[] = [
  { name: 'bwrap', compile: compileBwrap({ hostProc: false }), isolation: 'full', cutsNetwork: true, showsTree: true, needs: ['bwrap'], refuse: refuseSetuid },
  {
    name: 'userns', compile: compileUnshare({ userNamespace: true }), isolation: 'full', cutsNetwork: true, showsTree: true,
    needs: ['unshare', 'mount', 'sh', 'env'], refuse: nothing,
  },
  {
    name: 'chroot', compile: compileUnshare({ userNamespace: false }), isolation: 'none', cutsNetwork: true, showsTree: true,
    needs: ['unshare', 'mount', 'sh', 'env'], refuse: (host) => (host.isRoot ? undefined : { reason: 'it needs real root' }),
  },
  { name: 'proot', compile: compileProot, isolation: 'none', cutsNetwork: false, showsTree: true, needs: ['proot', 'env'], refuse: nothing },
  { name: 'loader', compile: compileLoader, isolation: 'none', cutsNetwork: false, showsTree: false, needs: ['env', 'sh'], refuse: nothing },
];
