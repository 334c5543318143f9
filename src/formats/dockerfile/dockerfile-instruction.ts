/**
 * Instructions as data, unexpanded: what each line says once its words, flags and lists are told apart. A line that
 * docker's parser would refuse is refused here, with its line number in `facts.line`.
 */
import type { Heredoc } from './dockerfile-lines.ts';
import type { NameValue } from './dockerfile-words.ts';

/** What RUN, CMD and ENTRYPOINT run. */
export type Command =
  { readonly form: 'shell'; readonly text: string } | { readonly form: 'exec'; readonly argv: readonly string[] };

/** One source of COPY and ADD: a path as written, or a heredoc's body. */
export type CopySource =
  { readonly kind: 'path'; readonly path: string } | { readonly kind: 'inline'; readonly heredoc: Heredoc };

export interface CopyFlags {
  readonly from?: string;
  readonly chown?: string;
  readonly chmod?: string;
  readonly link: boolean;
  readonly parents: boolean;
  readonly exclude: readonly string[];
  readonly checksum?: string;
  readonly keepGitDir: boolean;
  /** ADD --unpack; undefined: archives of the context are, downloads are not. */
  readonly unpack?: boolean;
}

export interface Healthcheck {
  /** ['NONE'], ['CMD', …] or ['CMD-SHELL', text], as image configurations write it. */
  readonly test: readonly string[];
  /** Nanoseconds. */
  readonly interval?: number;
  readonly timeout?: number;
  readonly startPeriod?: number;
  readonly startInterval?: number;
  readonly retries?: number;
}

export type InstructionBody =
  | { readonly kind: 'FROM'; readonly image: string; readonly name?: string; readonly platform?: string }
  | { readonly kind: 'ARG'; readonly args: readonly { readonly name: string; readonly value?: string }[] }
  | { readonly kind: 'ENV' | 'LABEL'; readonly pairs: readonly NameValue[] }
  | {
      readonly kind: 'RUN';
      readonly command: Command;
      readonly heredocs: readonly Heredoc[];
      readonly mounts: readonly string[];
      readonly network?: string;
      readonly security?: string;
    }
  | {
      readonly kind: 'COPY' | 'ADD';
      readonly sources: readonly CopySource[];
      readonly destination: string;
      readonly flags: CopyFlags;
    }
  | { readonly kind: 'CMD' | 'ENTRYPOINT'; readonly command: Command }
  | { readonly kind: 'WORKDIR' | 'USER' | 'STOPSIGNAL' | 'MAINTAINER'; readonly value: string }
  | { readonly kind: 'EXPOSE' | 'VOLUME'; readonly values: readonly string[] }
  | { readonly kind: 'SHELL'; readonly argv: readonly string[] }
  | { readonly kind: 'HEALTHCHECK'; readonly check: Healthcheck }
  | { readonly kind: 'ONBUILD'; readonly expression: string; readonly trigger: InstructionBody };

export type Instruction = InstructionBody & {
  /** The logical line, continuations joined. */
  readonly source: string;
  readonly line: number;
  readonly endLine: number;
};
