/** The programs of the host that backends use, by absolute path; never one from the tree. */
import { findProgram } from '../system/host-paths.ts';
import type { HostPath } from '../core/paths.ts';
import { openGuard } from './guard/guard.ts';

const NAMES = ['bwrap', 'unshare', 'proot', 'sh', 'env', 'mount', 'setpriv', 'script', 'setsid'] as const;
export type ToolName = (typeof NAMES)[number];

export interface RunHost {
  readonly tools: Readonly<Record<ToolName, HostPath | undefined>>;
  readonly isRoot: boolean;
  /** Kernel release, as `uname -r`. */
  readonly kernel: string;
  /** Where mount points and private directories may be made; ours alone. */
  readonly scratch: () => HostPath;
  /** The program that starts sandboxes and ends them with us; undefined where there is none. */
  readonly guard: () => Promise<HostPath | undefined>;
}

export interface HostOptions {
  /** PATH of the host. */
  readonly searchPath: string;
  readonly isRoot: boolean;
  readonly kernel: string;
  readonly scratch: () => HostPath;
  /** Where the guard is kept that must be compiled here; without it there is none. */
  readonly cache?: HostPath;
  /** Alpine's name of this machine. */
  readonly arch?: string;
}

export function findHostTools({ searchPath, cache, arch, ...rest }: HostOptions): RunHost {
  const path = `${searchPath}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`;
  const tools = Object.fromEntries(NAMES.map((name) => [name, findProgram(name, path)])) as RunHost['tools'];
  let found: Promise<HostPath | undefined> | undefined;
  const findGuard = (): Promise<HostPath | undefined> => (cache === undefined || arch === undefined ? Promise.resolve(undefined) : openGuard({ cache, searchPath: path, arch }));
  return { ...rest, tools, guard: () => (found ??= findGuard()) };
}
