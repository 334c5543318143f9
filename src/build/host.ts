/**
 * What a build needs from the rest of alproot, as functions: bases, packages, the step cache, downloads, sandboxes.
 * `build` imports none of the stages that do these things; `pipeline` puts them together.
 */
import type { Emit } from '../core/events.ts';
import type { HostPath } from '../core/paths.ts';
import type { RunDescription, RunResult } from '../core/run-description.ts';
import type { InjectedNetworkFiles } from '../run/network-files.ts';
import type { OwnerTable } from './owners.ts';
import type { PlannedBase } from './build-plan.ts';

export type AlpineBase = Extract<PlannedBase, { kind: 'alpine' }>;

/** An immutable tree that stages are copied from. */
export interface BaseTree {
  /** Same key, same tree: the start of every cache key above it. */
  readonly key: string;
  readonly tree: HostPath;
  /** Owners and modes that the tree on disk cannot show. */
  readonly owners: OwnerTable;
  /** In words, for progress: `alpine 3.19.4 (x86_64)`. */
  readonly label: string;
}

/** A finished step: an uncompressed layer tar in the store, whose bytes are checked by its digest. */
export interface StoredLayer {
  readonly file: HostPath;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** What is known from writing a layer's file. */
export interface WrittenLayer {
  readonly sha256: string;
  readonly sizeBytes: number;
  /** The tree that the step was made in: what `apk` installed there since its last step belongs to this layer. */
  readonly tree?: HostPath;
}

export interface LayerStore {
  /** undefined also when the layer holds packages that a lock does not allow. */
  readonly get: (key: string) => Promise<StoredLayer | undefined>;
  /** Takes the file over: moves it into the store. */
  readonly put: (key: string, file: HostPath, written: WrittenLayer) => Promise<StoredLayer>;
}

/** Trees of stages that outlive their build, one for each name. */
export interface CachedStageTrees {
  /**
   * Moves the directory that was kept to `into`, on the file system of the workspace; its record, undefined when
   * nothing was kept or it cannot be trusted. Nobody else gets it meanwhile.
   */
  readonly take: (name: string, into: HostPath) => unknown;
  /** Moves a directory of the workspace into the place of what was kept. `record` becomes JSON. */
  readonly put: (name: string, directory: HostPath, record: unknown) => void;
}

/** One call of `apk` inside a RUN. */
export interface ApkRequest {
  readonly tree: HostPath;
  readonly owners: OwnerTable;
  /** Without argv[0]. */
  readonly args: readonly string[];
  /** Absolute, as seen inside: relative paths of local .apk files start here. */
  readonly cwd: string;
  readonly uid: number;
  readonly network: 'host' | 'none';
  readonly signal: AbortSignal | undefined;
}

export type ApkAnswer =
  | { readonly kind: 'done'; readonly status: number; readonly stdout: string | Uint8Array; readonly stderr: string }
  /** Only looks: the tree's own apk may do it. */
  | { readonly kind: 'pass' };

/** A sandboxed command together with the owners that it sees and may change. */
export interface BuildRunDescription extends RunDescription {
  readonly owners: OwnerTable;
}

export interface BuildHost {
  readonly resolveBase: (base: AlpineBase) => Promise<BaseTree>;
  readonly layers: LayerStore;
  readonly trees: CachedStageTrees;
  /** Serves apk; installs into `tree` and records owners. Calls are made one after another for each tree. */
  readonly apk: (request: ApkRequest) => Promise<ApkAnswer>;
  readonly run: (description: BuildRunDescription) => Promise<RunResult>;
  /** For a RUN that is allowed the network. */
  readonly injection: InjectedNetworkFiles;
  /** The body of a URL, checked against `sha256:…` when given, and the name and time the server gave it. */
  readonly download: (url: string, checksum: string | undefined) => Promise<DownloadedFile>;
  /** A directory that outlives builds, for `RUN --mount=type=cache`; released when the RUN has ended. */
  readonly openCache: (id: string, sharing: 'shared' | 'private' | 'locked') => Promise<CacheMount>;
  /** A fresh directory of mode 700 on the store's file system. */
  readonly makeWorkspace: () => HostPath;
  readonly removeWorkspace: (path: HostPath) => void;
  /** A git repository's work tree at `ref`; undefined where the host has no git. */
  readonly fetchGit: ((request: GitRequest) => Promise<void>) | undefined;
  /**
   * Whether sandboxes show and change the disk's owners: root, under a backend that maps no ids (bwrap, chroot).
   * Otherwise `owners` carries them.
   */
  readonly realOwners: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
}

export interface DownloadedFile {
  readonly file: HostPath;
  readonly sha256: string;
  /** Seconds since 1970, from Last-Modified. */
  readonly mtime?: number;
}

export interface CacheMount {
  readonly path: HostPath;
  readonly release: () => void;
}

export interface GitRequest {
  readonly url: string;
  readonly ref: string | undefined;
  /** What `ref` must mean, in full or its beginning. */
  readonly commit: string | undefined;
  readonly submodules: boolean;
  readonly keepGitDir: boolean;
  /** Empty directory to fill. */
  readonly into: HostPath;
}
