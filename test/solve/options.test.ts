/** Options and branches of apk's commands, each by the lines that apk 3 prints for them. */
import { describe, expect, it } from 'vitest';
import { parseWorld } from '../../src/formats/apk/world-file.ts';
import { createCatalog } from '../../src/solve/catalog.ts';
import { runApk } from '../../src/solve/apk-command.ts';
import type { InstalledPackage } from '../../src/core/package.ts';
import { pkg, repo, type PackageText } from '../helpers/packages.ts';

type Ids = Readonly<Record<string, PackageText>>;
interface State {
  readonly main?: Ids;
  readonly edge?: Ids;
  readonly installed?: Ids;
  readonly world?: string;
  readonly tagged?: string;
}

const records = (ids: Ids = {}) => Object.entries(ids).map(([id, text]) => pkg(id, text));

/** What `apk LINE` prints. */
function run(line: string, { main, edge, installed = {}, world = '', tagged }: State): string[] {
  const packages = records(installed).map((record): InstalledPackage => ({
    record,
    ...(record.name === tagged ? { tag: 'edge' } : {}),
  }));
  const outcome = runApk(line.split(' '), {
    arch: 'x86_64',
    world: parseWorld(world),
    installed: packages,
    now: new Date(0),
    keepsPackages: () => true,
    catalog: createCatalog([
      repo(records(main)),
      ...(edge === undefined ? [] : [repo(records(edge), { location: 'https://example.org/edge', tag: 'edge' })]),
    ]),
  });
  return outcome.lines.map(({ text }) => text);
}

const plain = {};
const two: State = {
  main: { 'a-1': plain, 'a-2': plain, 'b-1': plain, 'b-2': plain },
  installed: { 'a-1': plain, 'b-1': plain },
  world: 'a b',
};

describe('add', () => {
  it('leaves what is installed alone, and takes the newest with --upgrade or --latest', () => {
    expect(run('add a', two)).toEqual([]);
    expect(run('add --upgrade a', two)).toEqual(['(1/1) Upgrading a (1 -> 2)']);
    expect(run('add -l a', two)).toEqual(['(1/1) Upgrading a (1 -> 2)']);
  });
  it('goes down to a version that is asked for, and takes pins and their repositories', () => {
    const state: State = {
      main: { 'a-1': plain },
      edge: { 'a-2': { depends: 'b>1' }, 'b-2': plain },
      installed: { 'a-1': plain },
      world: 'a',
    };
    expect(run('add a@edge', { ...state, main: { ...state.main, 'b-1': plain } })).toEqual([
      '(1/2) Installing b@edge (2)',
      '(2/2) Upgrading a@edge (1 -> 2)',
    ]);
    expect(run('add a=1', { main: { 'a-1': plain, 'a-2': plain }, installed: { 'a-2': plain }, world: 'a' })).toEqual([
      '(1/1) Downgrading a (2 -> 1)',
    ]);
    expect(
      run('add a', { ...state, installed: { 'a-2': { depends: 'b>1' }, 'b-2': plain }, tagged: 'a', world: 'a@edge' }),
    ).toEqual(['(1/2) Downgrading a (2 -> 1)', '(2/2) Purging b (2)']);
  });
  it('makes virtual packages, empty ones with a warning, and none of a bad name', () => {
    expect(run('add -t .v=1 a', { main: { 'a-1': plain } })).toEqual([
      '(1/2) Installing a (1)',
      '(2/2) Installing .v (1)',
    ]);
    expect(run('add -t .v', {})).toEqual([
      'WARNING: creating empty virtual package',
      '(1/1) Installing .v (19700101.000000)',
    ]);
    expect(run('add -t !v a', {})).toEqual(['ERROR: !v: bad package specifier']);
    expect(run('add -t .v a@edge', {})).toEqual([
      "ERROR: 'a@edge' is not a valid package dependency, format is name([<>~=]version)",
    ]);
  });
  it('prefers the provider of the higher priority, and pulls in what install_if asks for', () => {
    expect(
      run('add p', { main: { 'x-1': { provides: 'p', priority: 1 }, 'y-1': { provides: 'p', priority: 2 } } }),
    ).toEqual(['(1/1) Installing y (1)']);
    expect(
      run('add a', {
        main: { 'a-1': plain, 'b-1': plain, 'ab-1': { installIf: 'a b' } },
        installed: { 'b-1': plain },
        world: 'b',
      }),
    ).toEqual(['(1/2) Installing a (1)', '(2/2) Installing ab (1)']);
  });
});

describe('upgrade', () => {
  it('takes everything, or what is named, or everything but what is ignored', () => {
    expect(run('upgrade', two)).toEqual(['(1/2) Upgrading a (1 -> 2)', '(2/2) Upgrading b (1 -> 2)']);
    expect(run('upgrade a', two)).toEqual(['(1/1) Upgrading a (1 -> 2)']);
    expect(run('upgrade --ignore a', two)).toEqual(['(1/1) Upgrading b (1 -> 2)']);
    expect(run('upgrade --ignore a*', two)).toEqual(['(1/1) Upgrading b (1 -> 2)']);
    expect(run('upgrade nope', two)).toEqual(["ERROR: Package 'nope' not found"]);
  });
  it('keeps what no repository has, goes down with --available, and drops it from world with --prune', () => {
    const gone: State = { main: { 'a-1': plain }, installed: { 'a-2': plain, 'z-1': plain }, world: 'a z' };
    expect(run('upgrade', gone)).toEqual([]);
    expect(run('upgrade --available', { ...gone, installed: { 'a-2': plain }, world: 'a' })).toEqual([
      '(1/1) Downgrading a (2 -> 1)',
    ]);
    expect(run('upgrade --prune', gone)).toEqual(['(1/1) Purging z (1)']);
  });
  it('exchanges a package that was built anew under the same version with --available only', () => {
    const anew: State = { main: { 'a-1': { build: 'new' } }, installed: { 'a-1': plain }, world: 'a' };
    expect(run('upgrade', anew)).toEqual([]);
    expect(run('upgrade --available', anew)).toEqual(['(1/1) Replacing a (1 -> 1)']);
  });
});

describe('fix', () => {
  const state: State = {
    main: { 'a-1': { depends: 'b' }, 'a-2': { depends: 'b' }, 'b-1': plain, 'b-2': plain },
    installed: { 'a-1': { depends: 'b' }, 'b-1': plain },
    world: 'a',
  };
  it('reinstalls, upgrades, and does the same to what is depended on', () => {
    expect(run('fix a', state)).toEqual(['(1/1) Reinstalling a (1)']);
    expect(run('fix --reinstall a', state)).toEqual(['(1/1) Reinstalling a (1)']);
    expect(run('fix --depends a', state)).toEqual(['(1/2) Reinstalling b (1)', '(2/2) Reinstalling a (1)']);
    expect(run('fix -u a', state)).toEqual(['(1/1) Upgrading a (1 -> 2)']);
    expect(run('fix -ud a', state)).toEqual(['(1/2) Upgrading b (1 -> 2)', '(2/2) Upgrading a (1 -> 2)']);
    expect(run('fix', state)).toEqual([]);
    expect(run('fix a', { ...state, main: {} })).toEqual(['(1/1) [APK unavailable, skipped] Reinstalling a (1)']);
  });
});

describe('del', () => {
  const state: State = {
    main: { 'a-1': { depends: 'b' }, 'b-1': plain, 'c-1': { depends: 'b' } },
    installed: { 'a-1': { depends: 'b' }, 'b-1': plain, 'c-1': { depends: 'b' } },
    world: 'a b c',
  };
  it('takes orphans along, keeps what others need and says who, and with -r takes those too', () => {
    expect(run('del a c', state)).toEqual(['(1/2) Purging a (1)', '(2/2) Purging c (1)']);
    expect(run('del a c', { ...state, world: 'a c' })).toEqual([
      '(1/3) Purging a (1)',
      '(2/3) Purging c (1)',
      '(3/3) Purging b (1)',
    ]);
    expect(run('del b', state)).toEqual([
      'World updated, but the following packages are not removed due to:',
      '  b: c a',
      '',
    ]);
    expect(run('del -r b', state)).toEqual(['(1/3) Purging a (1)', '(2/3) Purging c (1)', '(3/3) Purging b (1)']);
    expect(run('del nope nopp', state)).toEqual(['ERROR: No such package: nope', 'ERROR: No such package: nopp']);
  });
});
