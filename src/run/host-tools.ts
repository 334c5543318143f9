/** The programs of the host that backends use, by absolute path; never one from the tree. */
import { findProgram } from '../system/host-paths.ts';
import type { HostPath } from '../core/paths.ts';

const NAMES = ['bwrap', 'unshare', 'proot', 'sh', 'env', 'mount', 'setpriv', 'script', 'setsid'] as const;
export type ToolName = (typeof NAMES)[number];

export interface RunHost {
  readonly tools: Readonly<Record<ToolName, HostPath | undefined>>;
  readonly isRoot: boolean;
  /** Kernel release, as `uname -r`. */
  readonly kernel: string;
  /** Where mount points and private directories may be made; ours alone. */
  readonly scratch: () => HostPath;
}

export interface HostOptions {
  /** PATH of the host. */
  readonly searchPath: string;
  readonly isRoot: boolean;
  readonly kernel: string;
  readonly scratch: () => HostPath;
}

export function findHostTools({ searchPath, ...rest }: HostOptions): RunHost {
  const path = `${searchPath}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`;
  const tools = Object.fromEntries(NAMES.map((name) => [name, findProgram(name, path)])) as RunHost['tools'];
  return { ...rest, tools };
}
