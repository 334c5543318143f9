/** What one RUN is given, and the shapes of its mounts. */
import type { HostPath, TreePath } from '../core/paths.ts';
import type { FileOrigin } from './build-plan.ts';
import type { BuildHost } from './host.ts';
import type { OwnedTree } from './layer.ts';

/** `--secret id=…`: a file of the host, or a value from the environment. */
export type Secret =
  { readonly kind: 'file'; readonly path: HostPath } | { readonly kind: 'value'; readonly value: string };
export type Secrets = ReadonlyMap<string, Secret>;

/** A path of the host, ready to be bound. */
export interface MountSource {
  readonly path: HostPath;
  readonly kind: 'file' | 'directory';
}

/** A mount whose target is still as written. */
export interface RequestedMount {
  readonly target: TreePath;
  readonly source: HostPath | 'tmpfs';
  readonly kind: 'file' | 'directory';
  readonly writable: boolean;
}

export interface RunContext {
  readonly host: BuildHost;
  readonly target: OwnedTree;
  /** Private to this step; gone with the build. */
  readonly scratch: HostPath;
  readonly secrets: Secrets;
  /** The context, or a base named by a mount's `from`, as a directory that may be bound. */
  readonly openMountSource: (
    origin: FileOrigin,
    options: { readonly path: string; readonly writable: boolean },
  ) => Promise<MountSource>;
  /** Of the step, for events. */
  readonly id: string;
  readonly signal: AbortSignal | undefined;
  /** Told files that are as before but for their change time, however the step ends. */
  readonly onRestored: (paths: readonly TreePath[]) => void;
}
