/** A command in a tree, as data. Backends turn it into an argv; `unpack` is handed a function of it for scripts. */
import type { HostPath, TreePath } from './paths.ts';

export type BackendName = 'bwrap' | 'userns' | 'chroot' | 'proot' | 'loader';

/**
 * How well a program is held: see docs/security.md. `none` is what is left where not even a filter of system calls can
 * be set.
 */
export type Isolation = 'full' | 'partial' | 'none';

export type Mount =
  | { readonly kind: 'bind'; readonly source: HostPath; readonly target: TreePath; readonly writable: boolean }
  | { readonly kind: 'tmpfs'; readonly target: TreePath };

/**
 * Where the command's three streams go. `terminal` gives it a terminal of its own when ours is one; what it writes to
 * with `plain` it cannot open again by name.
 */
export type RunStdio =
  | { readonly kind: 'inherit' }
  | { readonly kind: 'terminal' }
  | {
      readonly kind: 'pipe';
      readonly onOutput: (stream: 'stdout' | 'stderr', bytes: Buffer) => void;
      readonly stdin?: Buffer;
      readonly plain?: true;
    };

export interface RunDescription {
  /** Host directory that becomes `/`. */
  readonly tree: HostPath;
  /** Whether the command may change the tree. */
  readonly writable: boolean;
  /**
   * A directory of ours: the tree stays as it is, is seen through an overlay, and what the command changes goes there.
   * See prepareOverlay.
   */
  readonly changes?: HostPath;
  /** In order; later ones cover earlier ones. /dev, /proc, a private /tmp and /sys come by themselves. */
  readonly mounts: readonly Mount[];
  readonly argv: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute, as seen inside. */
  readonly cwd: string;
  /** As seen inside. 0:0 unless a Dockerfile's USER says otherwise. */
  readonly user: {
    readonly uid: number;
    readonly gid: number;
    /** Supplementary, where the backend has real users. */ readonly groups?: readonly number[];
  };
  readonly network: 'host' | 'none';
  readonly stdio: RunStdio;
  readonly signal?: AbortSignal;
}

/** How the command ended. A signal's status is 128 + its number, as a shell says it. */
export interface RunResult {
  readonly status: number;
  readonly signal: NodeJS.Signals | undefined;
}

export type RunCommand = (description: RunDescription) => Promise<RunResult>;

/** Who a file of an image belongs to, where the disk cannot say it. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits, 07777, when they differ from the disk's. */
  readonly mode?: number;
  /** `security.capability` and others; values hold one character per byte. */
  readonly xattrs?: Readonly<Record<string, string>>;
}
