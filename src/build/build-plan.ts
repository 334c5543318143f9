/**
 * A build as data: what `alproot build --plan` prints and the executor executes. Everything that can be known
 * without running anything is resolved: stages, bases, variables, paths. Plain JSON throughout.
 */
import type { Arch } from '../core/package.ts';
import type { HostPath } from '../core/paths.ts';
import type { RedactedText } from '../core/redact.ts';
import type { CopyFlags } from '../formats/dockerfile/dockerfile-instruction.ts';
import type { MountSpec } from '../formats/dockerfile/dockerfile-mount.ts';
import type { ImageConfig } from './image-config.ts';

/** Where a stage, or a COPY --from, begins. */
export type PlannedBase =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'stage'; readonly index: number }
  /** That of a plan with refusals, as written: nothing is built on it. */
  | { readonly kind: 'refused'; readonly image: string }
  | { readonly kind: 'alpine'; readonly release: string; readonly arch: Arch; readonly digest?: string };

/** A directory of the host that `--build-context NAME=DIR` has named: copied and mounted from as the context is. */
export interface NamedContext {
  readonly kind: 'context';
  readonly name: string;
  readonly directory: HostPath;
}

/** Where a COPY or a mount takes its files from; undefined is the context. */
export type FileOrigin = PlannedBase | NamedContext | undefined;

export const isContext = (origin: FileOrigin): origin is NamedContext | undefined =>
  origin === undefined || origin.kind === 'context';

export type PlannedSource =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'git'; readonly url: string }
  | { readonly kind: 'inline'; readonly name: string; readonly text: string };

export interface StepPlace {
  /** The Dockerfile's line, first and last. */
  readonly line: number;
  readonly endLine: number;
  /** The logical line as written but for passwords, for progress and history. */
  readonly source: RedactedText;
  /** Came out of the base's ONBUILD. */
  readonly trigger?: boolean;
}

export interface RunStep extends StepPlace {
  readonly kind: 'run';
  readonly argv: readonly string[];
  /** A heredoc with `#!`: becomes a program whose path is appended to argv. */
  readonly script?: { readonly name: string; readonly text: string };
  /** ENV and ARG together; PATH is there. */
  readonly env: Readonly<Record<string, string>>;
  /** Proxy settings: used, but neither kept nor part of the key. */
  readonly proxyEnv: Readonly<Record<string, string>>;
  readonly user: string;
  readonly cwd: string;
  readonly network: 'host' | 'none';
  /** Lines of /etc/hosts that `--add-host` asks for. */
  readonly hosts?: readonly string[];
  readonly mounts: readonly (MountSpec & { readonly base?: PlannedBase | NamedContext })[];
}

export interface CopyStep extends StepPlace {
  readonly kind: 'copy' | 'add';
  readonly sources: readonly PlannedSource[];
  /** Absolute inside; a trailing slash means a directory. */
  readonly destination: string;
  readonly flags: CopyFlags;
  /** undefined: the context. */
  readonly from?: PlannedBase | NamedContext;
}

export interface WorkdirStep extends StepPlace {
  readonly kind: 'workdir';
  readonly path: string;
  readonly user: string;
}

/** Changes the configuration only. */
export interface MetadataStep extends StepPlace {
  readonly kind: 'metadata';
}

export type PlannedStep = (RunStep | CopyStep | WorkdirStep | MetadataStep) & {
  /** The configuration after this step. */
  readonly config: ImageConfig;
};

export interface PlannedStage {
  readonly index: number;
  readonly name?: string;
  readonly line: number;
  readonly base: PlannedBase;
  readonly arch: Arch;
  readonly steps: readonly PlannedStep[];
  readonly config: ImageConfig;
  /** Stages that must be there first: its base, and what it copies or mounts from. Sorted. */
  readonly needs: readonly number[];
}

export interface Refusal {
  readonly line: number;
  readonly code: 'ALP_FORMAT_DOCKERFILE' | 'ALP_BUILD_UNSUPPORTED' | 'ALP_BUILD_INSTRUCTION' | 'ALP_BUILD_CONTEXT';
  readonly message: string;
  readonly hint?: string;
}

export interface BuildPlan {
  /** File name for messages: `Dockerfile:3`. */
  readonly file: string;
  readonly target: number;
  /** Needed for the target, in the file's order. */
  readonly stages: readonly PlannedStage[];
  /** Indexes and names of the stages that the target does not need. */
  readonly skipped: readonly { readonly index: number; readonly name?: string; readonly line: number }[];
  readonly refusals: readonly Refusal[];
  readonly warnings: readonly { readonly line: number; readonly message: string }[];
}
