/** What every verb is told about the world: where to look, whom to trust, how to run. Made by the CLI or a caller. */
import type { Emit } from './events.ts';
import type { Arch } from './package.ts';
import type { MirrorSpec } from './mirror.ts';
import type { HostPath } from './paths.ts';
import type { BackendName } from './run-description.ts';

/** CA certificates that the host's other programs use. */
export interface HostCa {
  /** Files and directories that variables such as SSL_CERT_FILE name. */
  readonly named: readonly { readonly variable: string; readonly path: HostPath }[];
  /** Whether the distribution's own count: `/etc/ssl/certs`, `/etc/pki`. */
  readonly store: boolean;
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
  /** Devices and pipes of packages, which no tree gets, are refused instead of told of. */
  readonly strict?: boolean | undefined;
  /** Days; undefined: no limit. */
  readonly maxIndexAgeDays: number | undefined;
  /** Bytes a second that a transfer must have on average; 0: any; undefined: the default. */
  readonly minRateBytes?: number | undefined;
  /** PEM files with further CA certificates; one that cannot be used is an error. */
  readonly caFiles: readonly HostPath[];
  /** CA certificates of the host; one that cannot be used is a warning. undefined: none of them count. */
  readonly hostCa?: HostCa | undefined;
  /** Client certificate and key for mirrors that ask for one (PEM files). */
  readonly clientCertificate: { readonly cert: HostPath; readonly key: HostPath } | undefined;
  /** SOURCE_DATE_EPOCH: seconds since 1970 that later times are put down to; undefined unless set. */
  readonly epochSeconds: number | undefined;
  /** The host's variables that matter below the CLI: proxies, PATH, HOME, TERM. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
}

/** What only the user may decide, found in a project's file. */
export interface NeedsApproval<T> {
  /** @throws ALP_VERIFY_PROJECT unless the user has approved the file as it is */
  readonly approved: () => T;
}

export interface ProjectBackend {
  readonly name: string;
  /** One that nobody approved is used as far as it isolates, and no further. */
  readonly requireIsolation: boolean;
}

/** What a project's `alproot.yaml` says, paths made absolute. Flags and variables win over it. */
export interface ProjectDefaults {
  /** Where the file is. */
  readonly directory: HostPath;
  readonly release?: string;
  readonly arch?: string;
  readonly backend?: NeedsApproval<ProjectBackend>;
  readonly requireIsolation?: true;
  readonly mirrors?: NeedsApproval<readonly MirrorSpec[]>;
  readonly packages?: readonly string[];
}
