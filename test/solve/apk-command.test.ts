import { describe, expect, it } from 'vitest';
import { parseWorld } from '../../src/formats/apk/world-file.ts';
import { ApkUsageError, parseApkArguments } from '../../src/solve/arguments.ts';
import { createCatalog } from '../../src/solve/catalog.ts';
import { runApk, type ApkHost, type ApkOutcome } from '../../src/solve/apk-command.ts';
import { formatSummary } from '../../src/solve/plan-lines.ts';
import { installed, pkg, repo } from '../helpers/packages.ts';

const host = (changes: Partial<ApkHost> = {}): ApkHost => ({
  arch: 'x86_64',
  world: [],
  installed: [],
  catalog: createCatalog([repo([pkg('a-1', { depends: 'b' }), pkg('b-1'), pkg('b-2')])]),
  now: new Date('2024-01-02T03:04:05Z'),
  keepsPackages: () => true,
  ...changes,
});
const texts = (outcome: ApkOutcome): string[] => outcome.lines.map(({ text }) => text);

describe('apk command line', () => {
  it('takes options anywhere, shortened, joined and negated', () => {
    const { command, operands, options } = parseApkArguments([
      '-Uq',
      '--no-cache',
      'add',
      '-t',
      '.x',
      'a',
      '--late',
      '-X/repo',
      '--wait=3',
      '--',
      '-b',
    ]);
    expect(command).toBe('add');
    expect(operands).toEqual(['a', '-b']);
    expect(Object.fromEntries(options)).toEqual({
      'update-cache': ['yes'],
      quiet: ['yes'],
      cache: ['no'],
      virtual: ['.x'],
      latest: ['yes'],
      repository: ['/repo'],
      wait: ['3'],
    });
  });

  it('refuses what apk refuses, in its words', () => {
    for (const [argv, words] of [
      [['add', '--nonsense'], "unrecognized option 'nonsense'"],
      [['add', '--force-b'], "ambiguous option 'force-b'"],
      [['add', '-t'], "option 't' expects an argument"],
      [['add', '--latest=1'], "option 'latest' does not expect argument (got '1')"],
      [['add', '--cache=maybe'], "invalid argument for option 'cache': 'maybe'"],
      [['del', '--latest'], "unrecognized option 'latest'"],
    ] as const) {
      expect(() => parseApkArguments(argv), argv.join(' ')).toThrow(new ApkUsageError(`command line: ${words}`));
    }
  });

  it('does not look into commands that do not plan, nor into calls for help', () => {
    for (const argv of [
      ['info', '-e', 'a'],
      ['audit', '--system'],
      ['--version'],
      ['add', '--help'],
      ['del', '-h', 'x'],
      [],
    ]) {
      expect(parseApkArguments(argv)).toEqual({ command: undefined, operands: argv, options: new Map() });
    }
  });

  it('does not take the value of an option for the command', () => {
    expect(parseApkArguments(['--repository', 'add', 'del', 'x'])).toMatchObject({ command: 'del', operands: ['x'] });
  });
});

describe('apk', () => {
  it('plans and tells, and leaves the last line to the caller', () => {
    const outcome = runApk(['add', 'a'], host());
    expect(texts(outcome)).toEqual(['(1/2) Installing b (2)', '(2/2) Installing a (1)']);
    expect(outcome).toMatchObject({ status: 0, plan: { changes: [{ kind: 'install' }, { kind: 'install' }] } });
    expect(formatSummary({ packages: 2, bytes: 2048, dirs: 0, files: 0 }, { verbose: false })).toBe(
      'OK: 2048 B in 2 packages',
    );
    expect(formatSummary({ packages: 2, bytes: 2048, dirs: 3, files: 4 }, { verbose: true, errors: 2 })).toBe(
      '2 errors; 2 packages, 3 dirs, 4 files, 2048 B',
    );
  });

  it('says nothing but errors when quiet', () => {
    expect(texts(runApk(['add', '-q', 'a'], host()))).toEqual([]);
    const failed = runApk(['add', '-q', 'nothing'], host());
    expect(failed).toMatchObject({ status: 1, plan: undefined });
    expect(failed.lines[0]).toEqual({ stream: 'stderr', text: 'ERROR: unable to select packages:' });
  });

  it('lists what goes and what comes when verbose', () => {
    const state = host({ world: parseWorld('b'), installed: installed(pkg('b-1'), pkg('old-1')) });
    expect(texts(runApk(['upgrade', '-vv'], state))).toEqual([
      'The following packages will be REMOVED:',
      '  old (1)',
      'The following packages will be upgraded:',
      '  b (1 -> 2)',
      'Need to download 100 B of packages.',
      'After this operation, 1024 B of disk space will be freed.',
      '(1/2) Purging old (1)',
      '(2/2) Upgrading b (1 -> 2)',
    ]);
  });

  it('stops at a tag that no repository has', () => {
    const outcome = runApk(['add', 'a@edge'], host());
    expect(texts(outcome)).toEqual([
      "WARNING: The repository tag for world dependency 'a@edge' does not exist",
      'ERROR: Not committing changes due to missing repository tags.',
    ]);
    expect(outcome.status).toBe(99);
  });

  it.each([
    ['add nope', 1],
    ['add nope1 nope2 nope3', 3],
    ['del n1 n2', 2],
    ['upgrade n1', 1],
    ['fix n1 n2', 2],
    ['add a@edge', 99],
    ['add foo=inv=', 99],
    ['add -t x<1', 99],
    ['add --nonsense', 1],
    ['add a', 0],
  ])('%s ends with %i, as the real apk does', (line, status) => {
    expect(runApk(line.split(' '), host()).status).toBe(status);
  });

  it('counts packages that were broken before and stay so, in the status and in the last line', () => {
    const [a, b] = [pkg('a-1', { depends: 'b' }), pkg('b-1')];
    const state = host({
      world: parseWorld('a'),
      installed: [
        { record: a, broken: 's' },
        { record: b, broken: 'x' },
      ],
      catalog: createCatalog([repo([a, b, pkg('c-1')])]),
    });
    const counts = (line: string): readonly number[] =>
      [runApk(line.split(' '), state)].map(({ broken, status }) => [broken, status]).flat();
    expect(counts('add c')).toEqual([1, 1]);
    expect(counts('fix')).toEqual([0, 0]);
    expect(counts('fix --simulate')).toEqual([1, 1]);
    expect(counts('del a')).toEqual([0, 0]);
    expect(formatSummary({ packages: 2, bytes: 0, dirs: 0, files: 0 }, { verbose: false, errors: 1 })).toBe(
      '1 error; 0 B in 2 packages',
    );
  });

  it('does not upgrade from repositories that could not be read', () => {
    const lost = host({ lost: { unavailable: 1, stale: 0 } });
    expect(texts(runApk(['upgrade'], lost))).toEqual([
      'ERROR: Not continuing due to stale/unavailable repositories. Use --force-missing-repositories to continue.',
    ]);
    expect(runApk(['upgrade', '--force-missing-repositories'], lost).status).toBe(0);
  });

  it('counts packages on update and leaves other commands to the real apk', () => {
    expect(
      texts(runApk(['update'], host({ descriptions: new Map([['https://example.org/main', 'v3.19']]) }))),
    ).toEqual(['v3.19 [https://example.org/main]', 'OK: 3 distinct packages available']);
    expect(runApk(['info', 'a'], host()).status).toBe(1);
  });

  it('keeps packages out of a tree that would lose them', () => {
    const outcome = runApk(['add', '-t', 'kit', 'a'], host({ keepsPackages: () => false }));
    expect(texts(outcome)[0]).toMatch(/^ERROR: You tried to add a non-repository package/);
    expect(
      runApk(['add', '-t', 'kit', '--force-non-repository', 'a'], host({ keepsPackages: () => false })).status,
    ).toBe(0);
  });
});
