/** `alproot run` and `alproot shell`. */
import { AlprootError } from '../../core/errors.ts';
import { describeRun, runInEnvironment, type EnvironmentRun } from '../../pipeline/environment/run.ts';
import { valuesOf, isOn, listOf, text, type CommandAction, type CommandContext } from '../command.ts';

export const run: CommandAction = async (context) => {
  if (context.args.length === 0) {
    throw new AlprootError('ALP_USAGE_ARGUMENT', 'run needs a command', {
      hint: 'alproot run -p PKG -- COMMAND [ARGUMENT…]; for a prompt: alproot shell',
    });
  }
  const request = requestOf(
    context,
    context.args,
    context.environment.stdin.isTerminal &&
      context.environment.stdout.isTerminal &&
      context.environment.stderr.isTerminal,
  );
  if (isOn(context, 'explain')) {
    const plan = await describeRun(context.config, request);
    context.printer.result(plan.text, plan.value);
    return 0;
  }
  context.printer.close();
  return (await runInEnvironment(context.config, request)).status;
};

/** A terminal of its own would lose what comes from a pipe before the shell listens, and the end of it too. */
export const shell: CommandAction = async (context) =>
  (await runInEnvironment(context.config, requestOf(context, ['/bin/sh', '-l'], context.environment.stdin.isTerminal)))
    .status;

function requestOf(context: CommandContext, argv: readonly string[], terminal: boolean): EnvironmentRun {
  const network = text(context, 'network') ?? 'none';
  if (network !== 'none' && network !== 'host') {
    throw new AlprootError('ALP_USAGE_OPTION', `--network is none or host, not ${network}`);
  }
  return {
    packages: listOf(context, 'package'),
    argv,
    directory: context.environment.cwd,
    workdir: text(context, 'workdir'),
    volumes: valuesOf(context, 'volume'),
    env: variables(context),
    network,
    writable: isOn(context, 'writable'),
    terminal,
  };
}

/** `NAME=VALUE`, or `NAME` for the caller's own value. */
function variables(context: CommandContext): Record<string, string> {
  const entries = valuesOf(context, 'env').map((entry): [string, string | undefined] => {
    const cut = entry.indexOf('=');
    return cut < 0 ? [entry, context.environment.env[entry]] : [entry.slice(0, cut), entry.slice(cut + 1)];
  });
  const term = context.environment.env['TERM'];
  return {
    ...(term === undefined ? {} : { TERM: term }),
    ...Object.fromEntries(entries.filter((e): e is [string, string] => e[1] !== undefined)),
  };
}
