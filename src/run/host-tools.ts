/** The programs of the host that backends use, by absolute path; never one from the tree. */
import { findProgram } from '../system/files/host-paths.ts';
import type { HostPath } from '../core/paths.ts';
import { SUPERVISOR, OVERLAY, SANDBOX, type NativePart } from './native-parts.ts';
import { openProgram } from './native-program.ts';

const NAMES = ['bwrap', 'proot', 'sh', 'env', 'setpriv', 'script'] as const;
export type ToolName = (typeof NAMES)[number];

export interface RunHost {
  readonly tools: Readonly<Record<ToolName, HostPath | undefined>>;
  readonly isRoot: boolean;
  /** Kernel release, as `uname -r`. */
  readonly kernel: string;
  /** Where mount points and private directories may be made; ours alone. */
  readonly scratch: () => HostPath;
  /** The program that starts sandboxes and ends them with us; undefined where there is none. */
  readonly supervisor: () => Promise<HostPath | undefined>;
  /** The program that makes sandboxes, and gives up rights; undefined where there is none. */
  readonly sandbox: () => Promise<HostPath | undefined>;
  /** The program that mounts overlays; undefined where there is none. */
  readonly overlay: () => Promise<HostPath | undefined>;
}

export interface HostOptions {
  /** PATH of the host. */
  readonly searchPath: string;
  readonly isRoot: boolean;
  readonly kernel: string;
  readonly scratch: () => HostPath;
  /** Where the programs are kept that must be compiled here; without it there are none. */
  readonly cache?: HostPath;
  /** Alpine's name of this machine. */
  readonly arch?: string;
}

export function findHostTools({ searchPath, cache, arch, ...rest }: HostOptions): RunHost {
  const path = `${searchPath}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`;
  const tools = Object.fromEntries(NAMES.map((name) => [name, findProgram(name, path)])) as RunHost['tools'];
  const once = (part: NativePart): RunHost['supervisor'] => {
    let found: Promise<HostPath | undefined> | undefined;
    return () =>
      (found ??=
        cache === undefined || arch === undefined
          ? Promise.resolve(undefined)
          : openProgram(part, { cache, searchPath: path, arch }));
  };
  return { ...rest, tools, supervisor: once(SUPERVISOR), overlay: once(OVERLAY), sandbox: once(SANDBOX) };
}
