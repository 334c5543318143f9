/** `alproot cc`, and `alproot tool NAME` behind the names that `link-tools` makes. */
import { AlprootError } from '../../core/errors.ts';
import { toolVariables } from '../../pipeline/environment/argument-paths.ts';
import { runTool } from '../../pipeline/environment/compiler.ts';
import { listOf, type CommandAction, type CommandContext } from '../command.ts';

export const cc: CommandAction = (context) => start(context, 'gcc', context.args);

export const tool: CommandAction = (context) => {
  const [name, ...args] = context.args;
  if (name === undefined)
    throw new AlprootError('ALP_USAGE_ARGUMENT', 'tool needs the name of a program', {
      hint: 'alproot tool strip hello',
    });
  return start(context, name, args);
};

async function start(context: CommandContext, name: string, args: readonly string[]): Promise<number> {
  const { status } = await runTool(context.config, {
    tool: name,
    args,
    directory: context.environment.cwd,
    packages: listOf(context, 'package'),
    onOutput: (stream, bytes) => void process[stream].write(bytes),
    color: context.environment.stderr.isTerminal && context.environment.env['NO_COLOR'] === undefined,
    env: toolVariables(context.environment.env),
  });
  return status;
}
