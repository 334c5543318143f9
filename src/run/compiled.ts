/** What a backend makes of a description: a command of the host, as data. */
import type { HostPath } from '../core/paths.ts';
import type { RunDescription } from '../core/run-description.ts';
import type { RunHost } from './host-tools.ts';
import type { MountPlan } from './mount-plan.ts';

export interface CompiledRun {
  readonly argv: readonly string[];
  /** Environment of the host command; the program's own travels in argv where it can. */
  readonly env: Readonly<Record<string, string>>;
  /** What makes the command end with all its children, when SIGKILL does not. */
  readonly endSignal?: NodeJS.Signals;
  /** It waits for whatever the command leaves running, and must be ended. */
  readonly outlivesCommand?: boolean;
}

export interface CompileHost extends RunHost {
  /** The sandbox program; undefined where there is none. */
  readonly starter: HostPath | undefined;
}

export type Compile = (description: RunDescription, plan: MountPlan, host: CompileHost) => CompiledRun;
