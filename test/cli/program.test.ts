/**
 * Command lines: where options may stand, and that help, completion, manual and parser all say what the table says.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { completionScript, flagsOf } from '../../src/cli/completion.ts';
import { COMMON_OPTIONS } from '../../src/cli/options.ts';
import { parseCommandLine, type Parsed } from '../../src/cli/program.ts';
import { projectRoot } from '../helpers/project.ts';

const parse = (...args: string[]): Parsed => {
  const parsed = parseCommandLine(args, '1.2.3');
  if (parsed === undefined) throw new Error('nothing to run');
  return parsed;
};

/** What is printed instead of running anything. */
function printed(...args: string[]): string {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    expect(parseCommandLine(args, '1.2.3')).toBeUndefined();
    return write.mock.calls.map(([text]) => String(text)).join('');
  } finally {
    write.mockRestore();
  }
}

describe('options before the command', () => {
  it.each([
    [['--json', 'cc', '-O2', 'x.c'], 'cc', ['-O2', 'x.c']],
    [['--quiet', 'build', '.'], 'build', ['.']],
    [['-q', '--release', '3.19', 'cc', 'x.c'], 'cc', ['x.c']],
    [['--release=3.19', 'run', '--', 'true'], 'run', ['true']],
    [['--json', 'version'], 'version', []],
    [['--offline', '--verbose', 'cache', 'ls'], 'cache', ['ls']],
  ] as const)('%j', (args, name, rest) => {
    const { spec, args: given } = parse(...args);
    expect([spec.name, given]).toEqual([name, rest]);
  });

  it('count as those after it do', () => {
    expect(parse('--json', '--release', '3.19', 'cc', 'x.c').draft).toEqual(
      parse('cc', '--json', '--release', '3.19', 'x.c').draft,
    );
    expect(parse('--mirror', 'a', '--key', 'k', 'build', '--mirror', 'b', '--quiet').draft).toEqual(
      parse('build', '--mirror', 'a', '--key', 'k', '--mirror', 'b', '--quiet').draft,
    );
  });

  it('of the command itself belong after it', () => {
    expect(() => parse('--plan', 'build')).toThrow(/unknown option '--plan'/);
  });
});

describe('cc', () => {
  it('takes packages by either name, before the words of gcc', () => {
    expect(parse('cc', '-p', 'zlib-dev', '--package=zlib-static', '-O2', '-p', 'x.c')).toMatchObject({
      values: { package: ['zlib-dev', 'zlib-static'] },
      args: ['-O2', '-p', 'x.c'],
    });
  });

  it.each([[['-q', 'x.c']], [['-O2', '--help']], [['-v', '--help']]])('leaves %j to gcc', (words) => {
    expect(parse('cc', ...words).args).toEqual(words);
  });

  it('leaves all that follows -- to gcc', () => {
    expect(parse('cc', '--', '--help').args).toEqual(['--help']);
    expect(parse('tool', 'strip', '--help').args).toEqual(['strip', '--help']);
  });
});

it.each([[['--version']], [['-V']], [['--json', '--version']]])('%j prints the version', (args) => {
  expect(printed(...args)).toBe('alproot 1.2.3\n');
});

describe.each(COMMANDS.map((spec) => [spec.name, spec] as const))('%s', (name, spec) => {
  const flags = flagsOf(spec, COMMON_OPTIONS);

  it.each([[[name, '--help']], [[name, '-h']], [['help', name]], [['--offline', name, '--help']]])(
    '%j shows every option and its examples',
    (args) => {
      const help = printed(...args);
      expect(help).toContain(spec.summary.split(' ')[0]);
      for (const { long, short } of flags)
        expect(help, long).toMatch(
          new RegExp(`^  ${short === undefined ? '(?:-\\w, )?' : `-${short}, `}${long}(?: |$)`, 'm'),
        );
      expect(spec.examples.length).toBeGreaterThan(0);
      for (const example of spec.examples) expect(help).toContain(`  ${example}\n`);
      for (const { flags: hidden } of (spec.options ?? []).filter((option) => option.hidden === true))
        expect(help).not.toContain(hidden);
    },
  );

  it('shows no option that the table does not have', () => {
    const shown = [...printed(name, '--help').matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, long]) => long);
    expect(shown.filter((long) => long !== '--help' && !flags.some((flag) => flag.long === long))).toEqual([]);
  });

  it('has the same options in docs/cli.md and in the completions', () => {
    const page = readFileSync(join(projectRoot, 'docs', 'cli.md'), 'utf8');
    const section = page.split(`\n## ${name}\n`)[1]?.split('\n## ')[0] ?? '';
    const shared = page.split('\n## Options that every command knows\n')[1] ?? '';
    for (const { long } of flags) expect(section + shared, long).toMatch(new RegExp(`^\\| \`[^\`]*${long}[ \`]`, 'm'));
    const [bash, fish] = (['bash', 'fish'] as const).map((shell) =>
      completionScript(shell, { commands: COMMANDS, common: COMMON_OPTIONS }),
    );
    const buildable = new RegExp(`^    ${name}\\) options='([^']*)'`, 'm').exec(bash ?? '')?.[1]?.split(' ');
    expect(buildable).toEqual(flags.map(({ long }) => long));
    for (const { long } of flags) expect(fish).toContain(`__fish_seen_subcommand_from ${name}' -l ${long.slice(2)} `);
  });
});
