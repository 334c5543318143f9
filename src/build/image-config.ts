/**
 * What an image says about how to run it: the configuration that ENV, CMD, USER … build up. Plain JSON, names as in
 * OCI.
 */
import type { Healthcheck } from '../formats/dockerfile/dockerfile-instruction.ts';

export interface ImageConfig {
  /** In order of first definition. */
  readonly env: Readonly<Record<string, string>>;
  readonly cmd?: readonly string[];
  readonly entrypoint?: readonly string[];
  /** Absolute; '/' when no WORKDIR was given. */
  readonly workdir: string;
  /** As written in USER, '' for root. */
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `80/tcp`, sorted when written. */
  readonly exposed: readonly string[];
  readonly volumes: readonly string[];
  readonly stopSignal?: string;
  readonly healthcheck?: Healthcheck;
  readonly shell?: readonly string[];
  readonly onBuild: readonly string[];
  readonly author?: string;
}

export const PATH_DEFAULT = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** docker gives every image a PATH. */
export const SCRATCH_CONFIG: ImageConfig = {
  env: { PATH: PATH_DEFAULT },
  workdir: '/',
  user: '',
  labels: {},
  exposed: [],
  volumes: [],
  onBuild: [],
};

/** The configuration of docker's `alpine` images, every release: a shell besides. */
export const ALPINE_CONFIG: ImageConfig = { ...SCRATCH_CONFIG, cmd: ['/bin/sh'] };

export const SHELL_DEFAULT: readonly string[] = ['/bin/sh', '-c'];
