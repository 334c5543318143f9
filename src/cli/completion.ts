/** Completion scripts for bash, zsh and fish out of the command table: plain data, so that no Tab starts Node. */
import type { CommandSpec } from './command.ts';
import type { OptionSpec } from './options.ts';

export type Shell = 'bash' | 'zsh' | 'fish';

export interface CompletionTable {
  readonly commands: readonly CommandSpec[];
  readonly common: readonly OptionSpec[];
}

interface Flag {
  /** `--file`. */
  readonly long: string;
  /** `f`. */
  readonly short: string | undefined;
  /** Name of its value; undefined for a switch. */
  readonly value: string | undefined;
  readonly choices: readonly string[];
  readonly help: string;
}

/** Whether `name` is a shell that a script can be made for. */
export const isShell = (name: string): name is Shell => name === 'bash' || name === 'zsh' || name === 'fish';

/** The script for a shell, to be sourced or put where the shell looks for completions. */
export function completionScript(shell: Shell, table: CompletionTable): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](table);
}

/** Words of `<ls|gc>` or `none|host`, when they are all plain words. */
function choicesIn(text: string | undefined): string[] {
  const words = (text ?? '').replace(/^[<[]|[>\]]$/g, '').split('|');
  return words.length > 1 && words.every((word) => /^[a-z][a-z\d-]*$/.test(word)) ? words : [];
}

/** Choices of the first positional argument. */
export const subcommandsOf = (spec: CommandSpec): string[] => choicesIn(/^<[^>]+>/.exec(spec.args ?? '')?.[0]);

/** A command's own flags, then those that every command knows, each long name once. */
export function flagsOf(spec: CommandSpec, common: readonly OptionSpec[]): Flag[] {
  const own = (spec.options ?? [])
    .filter(({ hidden }) => hidden !== true)
    .map(({ flags, help }): Flag => {
      const [, short, long = '', value] = /^(?:-(\w), )?(--[\w-]+)(?: <(.+)>| \[.+\])?$/.exec(flags) ?? [];
      return { long, short, value, choices: choicesIn(value), help };
    });
  const shared = common.map(({ flag, value, help }): Flag => ({
    long: flag,
    short: undefined,
    value,
    choices: flag === '--backend' ? BACKENDS : choicesIn(value),
    help,
  }));
  return [...own, ...shared.filter(({ long }) => !own.some((flag) => flag.long === long))];
}

const BACKENDS: readonly string[] = ['bwrap', 'userns', 'chroot', 'proot', 'loader'];

function bashScript({ commands, common }: CompletionTable): string {
  const cases = commands.map(
    (spec) =>
      `    ${spec.name}) options='${flagsOf(spec, common)
        .map(({ long }) => long)
        .join(' ')}'; words='${subcommandsOf(spec).join(' ')}' ;;`,
  );
  const values = new Map<string, string>();
  for (const spec of commands)
    for (const { long, choices } of flagsOf(spec, common))
      if (choices.length > 0) values.set(`${spec.name}:${long}`, choices.join(' '));
  const valued = common.filter(({ value }) => value !== undefined).map(({ flag }) => flag);
  const choices = [...values].map(
    ([key, words]) => `    ${key}) COMPREPLY=($(compgen -W '${words}' -- "$cur")); return ;;`,
  );
  const flags = common.map(({ flag }) => flag).join(' ');
  return `# bash completion of alproot
_alproot() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  local command='' first='' options='' words='' word before=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $before in ${valued.join('|')}) before=''; continue ;; esac
    before=$word
    case $word in -*) continue ;; esac
    if [ -z "$command" ]; then command=$word; elif [ -z "$first" ]; then first=$word; fi
  done
  COMPREPLY=()
  case $command in
    '')
      if [ "\${cur:0:1}" = - ]; then COMPREPLY=($(compgen -W '${flags} --help --version' -- "$cur"))
      else COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')}' -- "$cur")); fi
      return ;;
${cases.join('\n')}
  esac
  case $command:$prev in
${choices.join('\n')}
  esac
  if [ "\${cur:0:1}" = - ]; then COMPREPLY=($(compgen -W "$options --help" -- "$cur"))
  elif [ -n "$words" ] && [ -z "$first" ]; then COMPREPLY=($(compgen -W "$words" -- "$cur"))
  fi
}
complete -o default -o bashdefault -F _alproot alproot
`;
}

const zshText = (text: string): string => text.replace(/[[\]:\\]/g, '\\$&').replace(/'/g, "'\\''");

function zshScript({ commands, common }: CompletionTable): string {
  const flag = ({ long, short, value, choices, help }: Flag): string => {
    const action =
      value === undefined ? '' : `:${zshText(value)}:${choices.length > 0 ? `(${choices.join(' ')})` : '_files'}`;
    const rest = `[${zshText(help)}]${action}`;
    return short === undefined ? `      '*${long}${rest}'` : `      '*'{-${short},${long}}'${rest}'`;
  };
  const cases = commands.map((spec) => {
    const words = subcommandsOf(spec);
    const first = words.length > 0 ? [`      '1:action:(${words.join(' ')})'`] : [];
    const rules = [...flagsOf(spec, common).map(flag), ...first, "      '*:file:_files'"];
    return `    ${spec.name}) _arguments \\\n${rules.join(' \\\n')} ;;`;
  });
  return `#compdef alproot
_alproot() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    '${name}:${zshText(summary)}'`).join('\n')}
  )
  if (( CURRENT == 2 )); then _describe -t commands command commands; return; fi
  local command=$words[2]
  shift words; (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
compdef _alproot alproot
`;
}

const fishText = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;

function fishScript({ commands, common }: CompletionTable): string {
  const lines = ['# fish completion of alproot'];
  for (const spec of commands) {
    lines.push(`complete -c alproot -f -n __fish_use_subcommand -a ${spec.name} -d ${fishText(spec.summary)}`);
    const within = `complete -c alproot -n '__fish_seen_subcommand_from ${spec.name}'`;
    const words = subcommandsOf(spec);
    if (words.length > 0) lines.push(`${within} -a ${fishText(words.join(' '))}`);
    for (const { long, short, value, choices, help } of flagsOf(spec, common)) {
      const parameter = choices.length > 0 ? ` -x -a ${fishText(choices.join(' '))}` : ' -r';
      const takes = value === undefined ? '' : parameter;
      lines.push(
        `${within} -l ${long.slice(2)}${short === undefined ? '' : ` -s ${short}`}${takes} -d ${fishText(help)}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}
