import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../src/cli/commands.ts';
import { formatManual } from '../src/cli/manual.ts';
import { COMMON_OPTIONS } from '../src/cli/options.ts';
import { parseCommandLine } from '../src/cli/program.ts';
import { ERRORS } from '../src/core/errors.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const pages = [
  'README.md',
  'SECURITY.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

it('docs/errors.md lists every code once, with its exit status and a meaning', () => {
  const rows = [...read('docs/errors.md').matchAll(/^\| (ALP_\w+) \| (\d+) \| (.{10,}) \|$/gm)].map(
    ([, code, exit]) => [code, Number(exit)],
  );
  expect(rows).toEqual(Object.entries(ERRORS).map(([code, { exit }]) => [code, exit]));
});

it('docs/cli.md is what the command table says (npm run docs)', () => {
  expect(read('docs/cli.md')).toBe(formatManual({ commands: COMMANDS, common: COMMON_OPTIONS }));
});

it('docs/dependencies.md names every library at its pinned version', () => {
  const text = read('docs/dependencies.md');
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >;
  for (const [name, version] of Object.entries(dependencies)) {
    expect(version, `${name} is pinned`).toMatch(/^\d/);
    expect(text).toContain(`| ${name} | ${version} |`);
  }
  for (const name of Object.keys(devDependencies)) expect(text).toContain(name);
});

/** Words of a plain shell line; quotes group. */
const words = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '');

describe.each(pages)('%s', (page) => {
  it('links to files that are there', () => {
    const links = [...read(page).matchAll(/\]\(([^)#]+?)(?:#[^)]*)?\)/g)]
      .map(([, link]) => link ?? '')
      .filter((link) => !/^[a-z]+:/.test(link));
    expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });

  it('shows only commands that the command line understands', () => {
    const blocks = [...read(page).matchAll(/^```(?:sh|yaml)?\n([^]*?)^```/gm)]
      .map(([, block]) => block ?? '')
      .join('');
    const lines = [...blocks.matchAll(/^(?: *(?:- )?(?:run: )?)(alproot [a-z][^\n#]*)/gm)].map(
      ([, line]) => (line ?? '').split(/ {2,}/)[0] ?? '',
    );
    for (const line of lines.filter((text) => !/[[\]<>|]/.test(text)))
      expect(() => parseCommandLine(words(line).slice(1), '0'), line).not.toThrow();
  });

  it('names tests and scripts that are there', () => {
    const named = [...read(page).matchAll(/`((?:test|scripts|bin|examples|bench|\.ci)\/[\w./-]+)`/g)].map(
      ([, path]) => path ?? '',
    );
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

describe('the promises of docs/security.md', () => {
  const rows =
    read('docs/security.md')
      .split('## Promises')[1]
      ?.match(/^\| .+ \|$/gm)
      ?.slice(1) ?? [];

  it('each name a test that is there', () => {
    expect(rows.length).toBeGreaterThan(20);
    const named = (row: string): string[] =>
      [...row.matchAll(/`(test\/[\w./-]+\.test\.ts)`/g)].map(([, path]) => path ?? '');
    expect(
      rows.filter((row) => named(row).length === 0 || named(row).some((path) => !existsSync(join(root, path)))),
    ).toEqual([]);
  });

  it('leave no attack of test/hostile unnamed', () => {
    const attacks = readdirSync(join(root, 'test/hostile'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.test.ts'),
    );
    expect(attacks.filter((name) => !rows.some((row) => row.includes(`test/hostile/${name}`)))).toEqual([]);
  });
});

it('the README opens with what it is and one command', () => {
  const [title, , what = '', , fence, command = ''] = read('README.md').split('\n');
  expect([title, fence]).toEqual(['# alproot', '```sh']);
  expect(what.length).toBeGreaterThan(60);
  expect(command).toMatch(/^alproot /);
});
