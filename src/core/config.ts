/** What every verb is told about the world: where to look, whom to trust, how to run. Made by the CLI or a caller. */
import type { Emit } from './events.ts';
import type { Arch } from './package.ts';
import type { HostPath } from './paths.ts';
import type { BackendName } from './run.ts';

/** A place laid out like `https://dl-cdn.alpinelinux.org/alpine`: a URL, or a directory of the host. */
export interface MirrorSpec {
  readonly base: string;
  /** Public key files, or directories of them, trusted for this mirror besides Alpine's own. */
  readonly keys: readonly HostPath[];
}

export interface Config {
  /** The store; undefined: the checkout's `rootfs-cache/`, else `$XDG_CACHE_HOME/alproot`. */
  readonly cache: HostPath | undefined;
  /** In order of preference. 'auto': Alpine's CDN, then one made from the host's Debian archive. */
  readonly mirrors: readonly MirrorSpec[] | 'auto';
  /** Further keys that belong to no particular mirror; `verify` trusts them. */
  readonly keys: readonly HostPath[];
  readonly arch: Arch;
  /** `3.19`, `3.19.4`, `edge`; undefined: the newest that the mirror has. */
  readonly release: string | undefined;
  /** undefined: the strongest that works here. */
  readonly backend: BackendName | undefined;
  readonly requireIsolation: boolean;
  readonly offline: boolean;
  /** Look at the mirrors again instead of using what the store has. */
  readonly refresh: boolean;
  /** 'auto': a lock that is found is used, and nothing beside it when `CI` is set; 'locked': there must be one. */
  readonly lock: 'auto' | 'locked' | 'off';
  /** Directory of `alproot.yaml`. */
  readonly project: HostPath | undefined;
  /** A bundle that stands for every mirror; no socket is opened then. */
  readonly bundle: HostPath | undefined;
  readonly allowRollback: boolean;
  /** Days; undefined: no limit. */
  readonly maxIndexAgeDays: number | undefined;
  /** Bytes a second that a transfer must have on average; 0: any; undefined: the default. */
  readonly minRateBytes?: number | undefined;
  /** PEM files with further certificate authorities. */
  readonly caFiles: readonly HostPath[];
  /** Client certificate and key for mirrors that ask for one (PEM files). */
  readonly clientCertificate: { readonly cert: HostPath; readonly key: HostPath } | undefined;
  /** The host's variables that matter below the CLI: proxies, SOURCE_DATE_EPOCH, PATH, HOME, TERM. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
}

/** What a project's `alproot.yaml` says, paths made absolute. Flags and variables win over it. */
export interface ProjectDefaults {
  /** Where the file is. */
  readonly directory: HostPath;
  readonly release?: string;
  readonly arch?: string;
  readonly backend?: string;
  readonly mirrors?: readonly MirrorSpec[];
  readonly packages?: readonly string[];
}
