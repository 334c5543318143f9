/** Every command, once: help, completion and dispatch read this table. */
import type { CommandSpec } from './command.ts';
import { DISTRIBUTION_COMMANDS } from './distribution-commands.ts';
import { ENVIRONMENT_COMMANDS } from './environment-commands.ts';
import { HOST_COMMANDS } from './host-commands.ts';
import { QUERY_COMMANDS } from './query-commands.ts';

/** Its script has all commands, its own included. */
const COMPLETION: CommandSpec = {
  name: 'completion',
  args: '<bash|zsh|fish>',
  ignoresProject: true,
  summary: 'print a completion script for a shell',
  examples: ['alproot completion bash > ~/.local/share/bash-completion/completions/alproot'],
  load: async () => (await import('./commands/completion-command.ts')).completionOf(COMMANDS),
};

export const COMMANDS: readonly CommandSpec[] = [
  ...ENVIRONMENT_COMMANDS,
  ...QUERY_COMMANDS,
  ...DISTRIBUTION_COMMANDS,
  ...HOST_COMMANDS,
  COMPLETION,
];
