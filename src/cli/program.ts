/** The command table as a commander program; commander parses and writes the help texts. */
import { Command, CommanderError, Option } from 'commander';
import { AlprootError } from '../core/errors.ts';
import { nearestWord } from '../core/spelling.ts';
import { PARSING, type CommandSpec } from './command.ts';
import { COMMANDS } from './commands.ts';
import { COMMON_OPTIONS, newDraft, takeLeadingOptions, type Draft, type OptionSpec } from './options.ts';

export interface Parsed {
  readonly spec: CommandSpec;
  readonly draft: Draft;
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly args: readonly string[];
}

/**
 * Parses a command line (without `node` and the script).
 *
 * @returns undefined when help or the version was printed
 * @throws ALP_USAGE_OPTION, ALP_USAGE_ARGUMENT
 */
export function parseCommandLine(args: readonly string[], version: string): Parsed | undefined {
  const draft = newDraft();
  const rest = takeLeadingOptions(args, COMMON_OPTIONS, draft);
  const spec = COMMANDS.find(({ name }) => name === rest[0]);
  if (spec?.parsing === 'native' && !isHelp(rest[1])) return parseNative(spec, rest.slice(1), draft);
  let parsed: Parsed | undefined;
  const program = new Command('alproot')
    .usage('[options] COMMAND [arguments]')
    .description('Alpine builds without Docker, root, user namespaces or the network.')
    .version(`alproot ${version}`);
  program
    .enablePositionalOptions()
    .showSuggestionAfterError(true)
    .configureOutput({ outputError: () => undefined });
  program.addHelpText(
    'after',
    '\nOptions that every command knows are listed by `alproot COMMAND --help`; ' +
      'they may stand before the command, too.',
  );
  // Of the other commands only what the list of commands and suggestions show.
  for (const one of COMMANDS)
    program.addCommand(
      rest.includes(one.name)
        ? commandOf(one, { draft, done: (result) => (parsed = result) })
        : listedCommand(one).option('--json'),
    );
  exitByThrowing(program);
  try {
    program.parse(plainSwitches(rest), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0 || error.code === 'commander.help') return undefined;
    throw usageError(
      error,
      COMMANDS.find(({ name }) => args.includes(name)),
    );
  }
  return parsed;
}

const isHelp = (word: string | undefined): boolean => word === '--help' || word === '-h';

/** `--no-cache=true`, as docker takes it: a switch that has a value. */
function plainSwitches(args: readonly string[]): string[] {
  const spec = COMMANDS.find(({ name }) => name === args[0]);
  if (spec?.parsing !== undefined) return [...args];
  const switches = new Set(
    (spec?.options ?? []).flatMap(({ flags }) => (flags.includes('<') ? [] : [/--[\w-]+/.exec(flags)?.[0] ?? ''])),
  );
  return args.flatMap((word) => {
    const [, flag = '', value] = /^(--[\w-]+)=(true|false)$/.exec(word) ?? [];
    if (!switches.has(flag)) return [word];
    return value === 'true' ? [flag] : [];
  });
}

/** What is ours comes first; all else is for the program. Only `-p` of the short names is ours there. */
function parseNative(spec: CommandSpec, args: readonly string[], draft: Draft): Parsed {
  const packages: string[] = [];
  const own: OptionSpec = {
    flag: '--package',
    short: 'p',
    value: 'name',
    help: '',
    apply: (_draft, value) => void packages.push(value),
  };
  const common = COMMON_OPTIONS.map(({ short: _short, ...option }) => option);
  const rest = takeLeadingOptions(args, [...common, own], draft);
  return { spec, draft, values: packages.length === 0 ? {} : { package: packages }, args: rest };
}

function listedCommand(spec: CommandSpec): Command {
  const command = new Command(spec.name).description(spec.summary);
  for (const argument of spec.args?.match(/<[^>]+>|\[[^\]]+\]/g) ?? []) command.argument(argument);
  return command;
}

interface Parsing {
  /** Has the options that came before the command. */
  readonly draft: Draft;
  readonly done: (parsed: Parsed) => void;
}

function commandOf(spec: CommandSpec, { draft, done }: Parsing): Command {
  const command = listedCommand(spec);
  if (spec.parsing === 'leading') command.passThroughOptions();
  for (const { flags, help, repeat, hidden } of spec.options ?? []) {
    const option = new Option(flags, help).hideHelp(hidden === true).helpGroup('Options:');
    // What has a value is not a switch turned off, though its name begins like one: --no-cache-filter.
    if (flags.includes('<')) option.negate = false;
    if (repeat === true)
      option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
    command.addOption(option);
  }
  const own = new Set(command.options.map((option) => option.long));
  for (const common of COMMON_OPTIONS) {
    if (own.has(common.flag)) {
      // A command that has a word of its own for it (`info --quiet`) means the common one too.
      if (common.value === undefined) command.on(`option:${common.flag.slice(2)}`, () => common.apply(draft, ''));
      continue;
    }
    const flags = common.short === undefined ? common.flag : `-${common.short}, ${common.flag}`;
    const option = new Option(
      common.value === undefined ? flags : `${flags} <${common.value}>`,
      common.help,
    ).helpGroup('Options that every command knows:');
    // Its value goes to the draft; a command's own option of the same name (`--no-cache`) keeps its place.
    option.attributeName = () => `common ${common.flag}`;
    command.addOption(option);
    command.on(`option:${option.name()}`, (value: string) => common.apply(draft, value));
  }
  const parsing = spec.parsing === undefined ? [] : [PARSING[spec.parsing], ''];
  const examples = spec.examples.map((line) => `  ${line}`);
  command.addHelpText('after', ['', ...parsing, 'Examples:', ...examples].join('\n'));
  command.action(() => {
    done({ spec, draft, values: command.opts(), args: command.args });
  });
  return command;
}

function exitByThrowing(program: Command): void {
  for (const command of [program, ...program.commands]) {
    command.exitOverride();
    command.configureOutput({ outputError: () => undefined });
    command.showSuggestionAfterError(true);
  }
}

const longOptions = (spec: CommandSpec | undefined): string[] => [
  ...(spec?.options ?? []).flatMap(({ flags }) => /--[\w-]+/.exec(flags)?.[0] ?? []),
  ...COMMON_OPTIONS.map(({ flag }) => flag),
];

function usageError(error: CommanderError, spec: CommandSpec | undefined): AlprootError {
  const [first = '', ...more] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = more.join(' ').replace(/[()]/g, '').trim();
  const unknown = /^unknown option '(--[\w-]+)/.exec(first)?.[1];
  const near = unknown === undefined ? undefined : nearestWord(unknown, longOptions(spec));
  const hint =
    near === undefined
      ? `see \`alproot ${spec === undefined ? '' : `${spec.name} `}--help\``
      : `did you mean \`${near}\`?`;
  return new AlprootError('ALP_USAGE_OPTION', first, {
    hint: suggestion === '' || near !== undefined ? hint : suggestion,
  });
}
