/** The reference of all commands as Markdown, out of the table that the parser reads: it cannot say anything else. */
import { PARSING, type CommandSpec } from './command.ts';
import type { CompletionTable } from './completion.ts';

const cell = (text: string): string => text.replace(/\|/g, '\\|').replace(/[<>]/g, '\\$&');
const code = (text: string): string => `\`${text.replace(/\|/g, '\\|')}\``;

const optionTable = (rows: readonly (readonly [string, string])[]): string =>
  ['| option | meaning |', '|---|---|', ...rows.map(([flags, help]) => `| ${code(flags)} | ${cell(help)} |`)].join(
    '\n',
  );

function section(spec: CommandSpec): string {
  const usage = [
    'alproot',
    spec.name,
    ...((spec.options ?? []).length > 0 ? ['[options]'] : []),
    ...(spec.args === undefined ? [] : [spec.args]),
  ].join(' ');
  return [
    `## ${spec.name}`,
    `${spec.summary[0]?.toUpperCase() ?? ''}${spec.summary.slice(1)}.`,
    `\`\`\`\n${usage}\n\`\`\``,
    ...(spec.parsing === undefined ? [] : [PARSING[spec.parsing]]),
    ...(spec.options === undefined || spec.options.length === 0
      ? []
      : [optionTable(spec.options.filter(({ hidden }) => hidden !== true).map(({ flags, help }) => [flags, help]))]),
    `\`\`\`sh\n${spec.examples.join('\n')}\n\`\`\``,
  ].join('\n\n');
}

/** The whole page. */
export function formatManual({ commands, common }: CompletionTable): string {
  return `${[
    '# Commands',
    'Made from the command table by `npm run docs`; `alproot COMMAND --help` says the same.',
    ...commands.map(section),
    '## Options that every command knows',
    'They may stand before the command or after it. A flag wins over its variable, a variable over `alproot.yaml`, ' +
      'that over the default.',
    optionTable(common.map(({ flag, value, help }) => [value === undefined ? flag : `${flag} <${value}>`, help])),
    '## Exit status',
    'The status of the program that was run, where one was. Else 0, 1 for a check that says no ' +
      '(`inspect --require`, `doctor`), and for errors the number of the family in [errors.md](errors.md): ' +
      '2 usage, 3 network, 4 verification, 5 format and limits, 6 dependencies, 7 unpacking, 8 build, 9 store, ' +
      '10 staleness, 11 package scripts, 125 sandbox, 126 cannot execute, 127 not found, 70 a bug of ours.',
  ].join('\n\n')}\n`;
}
