/** `alproot completion bash|zsh|fish`: a script for the shell. */
import { AlprootError } from '../../core/errors.ts';
import { quoteName } from '../../core/redact.ts';
import type { CommandAction, CommandSpec } from '../command.ts';
import { completionScript, isShell } from '../completion.ts';
import { COMMON_OPTIONS } from '../options.ts';

/** @param commands all that alproot has */
export const completionOf =
  (commands: readonly CommandSpec[]): CommandAction =>
  ({ args, printer }) => {
    const [shell = ''] = args;
    if (!isShell(shell)) {
      throw new AlprootError('ALP_USAGE_ARGUMENT', `no completion for ${quoteName(shell)}`, {
        hint: 'choose bash, zsh or fish',
      });
    }
    const script = completionScript(shell, { commands, common: COMMON_OPTIONS });
    printer.result(script, { shell, script });
    return Promise.resolve(0);
  };
