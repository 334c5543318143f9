/** What a command is: a row of the table, and a module that is loaded when the command is used. */
import type { Config } from '../core/config.ts';
import { AlprootError } from '../core/errors.ts';
import { quoteName } from '../core/redact.ts';
import { spellingHint } from '../core/spelling.ts';
import type { ProcessEnvironment } from './environment-variables.ts';
import type { Printer } from './printer.ts';

export interface CommandContext {
  readonly config: Config;
  readonly printer: Printer;
  readonly environment: ProcessEnvironment;
  /** Values of the command's own options, by camel-cased long name. */
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly args: readonly string[];
}

export type CommandAction = (context: CommandContext) => Promise<number>;

export interface CommandOption {
  /** As commander writes it: `-p, --package <name>`. */
  readonly flags: string;
  readonly help: string;
  readonly repeat?: boolean;
  /** Known, and not shown. */
  readonly hidden?: boolean;
}

export interface CommandSpec {
  readonly name: string;
  /** Positional arguments as commander writes them. */
  readonly args?: string;
  readonly summary: string;
  readonly options?: readonly CommandOption[];
  /** `leading`: our options end at the first word that is not ours; `native`: the arguments are another program's. */
  readonly parsing?: 'leading' | 'native';
  /** It has no use for `alproot.yaml` of the working directory, and must work whatever stands there. */
  readonly ignoresProject?: boolean;
  readonly examples: readonly string[];
  readonly load: () => Promise<CommandAction>;
}

/** Where our own options end, for people. */
export const PARSING: Readonly<Record<NonNullable<CommandSpec['parsing']>, string>> = {
  leading: 'Our own options come first; the rest, after an optional `--`, is the command.',
  native:
    'Options of alproot come first; everything from the first word that is none of them is passed on as it is, ' +
    'and all that follows `--`.',
};

/** The text of an option's value. */
export const text = (context: CommandContext, name: string): string | undefined => {
  const value = context.values[name];
  return typeof value === 'string' ? value : undefined;
};

/** All values of an option that may be repeated, each as it was given. */
export function valuesOf({ values }: CommandContext, name: string): readonly string[] {
  const value = values[name];
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? (value as readonly string[]) : [];
}

/** The same where each may hold several, separated by commas or blanks. */
export const listOf = (context: CommandContext, name: string): string[] =>
  valuesOf(context, name)
    .flatMap((entry) => entry.split(/[\s,]+/))
    .filter((entry) => entry !== '');

export const isOn = (context: CommandContext, name: string): boolean => context.values[name] === true;

/**
 * What the first word of `mirror`, `bundle` and their like asks for.
 *
 * @throws ALP_USAGE_ARGUMENT with the nearest word
 */
export function chooseVerb<T>(command: string, verbs: Readonly<Record<string, T>>, word: string | undefined): T {
  const verb = word === undefined || !Object.hasOwn(verbs, word) ? undefined : verbs[word];
  if (verb !== undefined) return verb;
  const all = Object.keys(verbs);
  if (word === undefined)
    throw new AlprootError('ALP_USAGE_ARGUMENT', `${command} needs a word that says what to do`, {
      hint: `one of ${all.join(', ')}`,
    });
  throw new AlprootError('ALP_USAGE_ARGUMENT', `${command} knows ${all.join(', ')}, not ${quoteName(word)}`, {
    hint: spellingHint(word, all),
  });
}
