/** What changes as the instructions of a stage are planned: its configuration and its variables. */
import type { Command } from '../formats/dockerfile/dockerfile-instruction.ts';
import { type ImageConfig, SHELL_DEFAULT } from './image-config.ts';
import type { Scope } from './scope.ts';

export interface StageState {
  config: ImageConfig;
  readonly args: Map<string, string | undefined>;
  /** Whether this stage itself has set CMD: an ENTRYPOINT drops an inherited one. */
  cmdSet: boolean;
}

export const scopeOf = (state: StageState): Scope => ({ env: state.config.env, args: state.args });

/** The argv of a shell-form or exec-form command. */
export const argvOf = (command: Command, config: ImageConfig): string[] =>
  command.form === 'exec' ? [...command.argv] : [...(config.shell ?? SHELL_DEFAULT), command.text];
