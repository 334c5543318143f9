/** The backends, in order of strength, and what each gives. */
import type { BackendName } from '../core/run.ts';
import { compileBwrap } from './bwrap.ts';
import type { Compile } from './compiled.ts';
import type { RunHost, ToolName } from './host-tools.ts';
import { compileLoader } from './loader/loader.ts';
import { compileProot } from './proot.ts';
import { compileUnshare } from './unshare.ts';

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
  readonly refuse: (host: RunHost) => string | undefined;
}

const nothing = (): undefined => undefined;

export const BACKENDS: readonly Backend[] = [
  { name: 'bwrap', compile: compileBwrap({ hostProc: false }), isolation: 'full', cutsNetwork: true, showsTree: true, needs: ['bwrap'], refuse: nothing },
  {
    name: 'userns', compile: compileUnshare({ userNamespace: true }), isolation: 'full', cutsNetwork: true, showsTree: true,
    needs: ['unshare', 'mount', 'sh', 'env'], refuse: nothing,
  },
  {
    name: 'chroot', compile: compileUnshare({ userNamespace: false }), isolation: 'none', cutsNetwork: true, showsTree: true,
    needs: ['unshare', 'mount', 'sh', 'env'], refuse: (host) => (host.isRoot ? undefined : 'it needs real root'),
  },
  { name: 'proot', compile: compileProot, isolation: 'none', cutsNetwork: false, showsTree: true, needs: ['proot', 'env'], refuse: nothing },
  { name: 'loader', compile: compileLoader, isolation: 'none', cutsNetwork: false, showsTree: false, needs: ['env', 'sh'], refuse: nothing },
];
