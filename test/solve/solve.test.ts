import { describe, expect, it } from 'vitest';
import type { Dependency, InstallPlan, InstalledPackage, PackageRecord, Repository } from '../../src/core/package.ts';
import { isAlprootError } from '../../src/core/errors.ts';
import { parseWorld } from '../../src/formats/apk/world-file.ts';
import { createCatalog } from '../../src/solve/catalog.ts';
import { formatPlanLines } from '../../src/solve/plan-lines.ts';
import type { ApkSystem } from '../../src/solve/requests.ts';
import { planAdd, planDel, planFix, planUpgrade, solve } from '../../src/solve/solve.ts';
import { installed, pkg, repo } from '../helpers/packages.ts';

const arch = 'x86_64';

function system(
  packages: readonly PackageRecord[] | readonly Repository[],
  state: { readonly world?: string; readonly installed?: readonly InstalledPackage[] } = {},
): ApkSystem {
  const repositories = packages.every((item) => 'index' in item)
    ? (packages as readonly Repository[])
    : [repo(packages as readonly PackageRecord[])];
  return {
    arch,
    world: parseWorld(state.world ?? ''),
    installed: state.installed ?? [],
    catalog: createCatalog(repositories),
  };
}

const lines = (plan: InstallPlan): string[] => formatPlanLines(plan);

/** The error that `run` throws. */
function failure(run: () => unknown): {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;
} {
  try {
    run();
  } catch (error) {
    if (isAlprootError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('solve', () => {
  it('installs dependencies before those who need them and says who asked', () => {
    const plan = solve({
      arch,
      world: parseWorld('app'),
      repositories: [
        repo([pkg('app-1', { depends: 'lib so:z' }), pkg('lib-2'), pkg('zlib-3', { provides: 'so:z=1' })]),
      ],
      installed: [],
    });
    expect(lines(plan)).toEqual(['(1/3) Installing lib (2)', '(2/3) Installing zlib (3)', '(3/3) Installing app (1)']);
    expect(plan.changes.map((change) => ('next' in change ? change.next.because : []))).toEqual([
      ['app'],
      ['app'],
      ['world'],
    ]);
  });

  it('gives the same plan whatever order the packages are listed in', () => {
    const packages = [
      pkg('app-1', { depends: 'lib tool' }),
      pkg('lib-1'),
      pkg('lib-2'),
      pkg('tool-1', { depends: 'lib' }),
    ];
    const plans = [packages, [...packages].reverse()].map((list) =>
      lines(solve({ arch, world: parseWorld('app'), repositories: [repo(list)], installed: [] })),
    );
    expect(plans[0]).toEqual(plans[1]);
  });

  it('takes a package from its own tag only for pinned names', () => {
    const repositories = [
      repo([pkg('a-1'), pkg('b-1')]),
      repo([pkg('a-2', { depends: 'b>1' }), pkg('b-2')], { location: 'https://example.org/edge', tag: 'edge' }),
    ];
    expect(lines(planAdd(system(repositories), ['a']))).toEqual(['(1/1) Installing a (1)']);
    const pinned = planAdd(system(repositories), ['a@edge']);
    expect(lines(pinned)).toEqual(['(1/2) Installing b@edge (2)', '(2/2) Installing a@edge (2)']);
    expect(pinned.changes[1]).toMatchObject({
      next: { tag: 'edge', source: { kind: 'repository', location: 'https://example.org/edge', tag: 'edge' } },
    });
  });

  it('refuses packages of another architecture', () => {
    const { code, message } = failure(() => planAdd(system([pkg('a-1', { arch: 'aarch64' })]), ['a']));
    expect(code).toBe('ALP_SOLVE_UNSATISFIABLE');
    expect(message).toContain('arch: aarch64');
  });

  it('brings in packages that wait, also for a name that is absent', () => {
    const packages = [
      pkg('app-1'),
      pkg('docs-1'),
      pkg('app-doc-1', { installIf: 'app docs' }),
      pkg('app-lite-1', { installIf: 'app !docs' }),
    ];
    expect(lines(planAdd(system(packages), ['app']))).toEqual([
      '(1/2) Installing app (1)',
      '(2/2) Installing app-lite (1)',
    ]);
    expect(lines(planAdd(system(packages), ['app', 'docs']))).toEqual([
      '(1/3) Installing app (1)',
      '(2/3) Installing docs (1)',
      '(3/3) Installing app-doc (1)',
    ]);
  });

  it('removes what nobody needs any more, dependents first', () => {
    const packages = [pkg('app-1', { depends: 'lib' }), pkg('lib-1'), pkg('other-1')];
    const plan = planDel(system(packages, { world: 'app other', installed: installed(...packages) }), ['app']);
    expect(lines(plan)).toEqual(['(1/2) Purging app (1)', '(2/2) Purging lib (1)']);
    expect(plan.world.map(({ name }) => name)).toEqual(['other']);
  });

  it('removes dependents too when asked', () => {
    const packages = [pkg('app-1', { depends: 'lib' }), pkg('lib-1')];
    const state = system(packages, { world: 'app lib', installed: installed(...packages) });
    expect(lines(planDel(state, ['lib']))).toEqual([]);
    expect(lines(planDel(state, ['lib'], { rdepends: true }))).toEqual([
      '(1/2) Purging app (1)',
      '(2/2) Purging lib (1)',
    ]);
  });

  it('upgrades everything, only the named, or everything else', () => {
    const state = system([pkg('a-2'), pkg('b-2')], { world: 'a b', installed: installed(pkg('a-1'), pkg('b-1')) });
    expect(lines(planAdd(state, []))).toEqual([]);
    expect(lines(planUpgrade(state))).toEqual(['(1/2) Upgrading a (1 -> 2)', '(2/2) Upgrading b (1 -> 2)']);
    expect(lines(planUpgrade(state, ['b']))).toEqual(['(1/1) Upgrading b (1 -> 2)']);
    expect(lines(planUpgrade(state, ['b'], { ignore: true }))).toEqual(['(1/1) Upgrading a (1 -> 2)']);
  });

  it('downgrades to what repositories have only with --available', () => {
    const state = system([pkg('a-1')], { world: 'a', installed: installed(pkg('a-2')) });
    expect(lines(planUpgrade(state))).toEqual([]);
    expect(lines(planUpgrade(state, [], { available: true }))).toEqual(['(1/1) Downgrading a (2 -> 1)']);
  });

  it('reinstalls what the database calls broken', () => {
    const state = system([pkg('a-1'), pkg('b-1')], {
      world: 'a b',
      installed: [
        { record: pkg('a-1'), broken: 'f' },
        { record: pkg('b-1'), broken: 'x' },
      ],
    });
    expect(lines(planFix(state))).toEqual(['(1/1) Reinstalling a (1)']);
    expect(lines(planFix(state, [], { xattr: true }))).toEqual([
      '(1/2) Reinstalling a (1)',
      '(2/2) Reinstalling b (1)',
    ]);
  });

  it('makes a virtual package that holds its dependencies and goes with them', () => {
    const packages = [pkg('gcc-1'), pkg('make-1')];
    const plan = planAdd(system(packages), ['gcc', 'make'], {
      virtual: '.build',
      now: new Date('2024-05-06T07:08:09Z'),
    });
    expect(lines(plan)).toEqual([
      '(1/3) Installing gcc (1)',
      '(2/3) Installing make (1)',
      '(3/3) Installing .build (20240506.070809)',
    ]);
    expect(plan.changes[2]).toMatchObject({ next: { source: { kind: 'virtual' }, record: { arch: 'noarch' } } });
    const after = plan.changes.flatMap((change) => (change.kind === 'install' ? [change.next.record] : []));
    const removal = planDel({ ...system(packages, { installed: installed(...after) }), world: plan.world }, [
      '.build',
    ]);
    expect(lines(removal)).toEqual([
      '(1/3) Purging .build (20240506.070809)',
      '(2/3) Purging gcc (1)',
      '(3/3) Purging make (1)',
    ]);
  });

  it('pins a package file by its checksum', () => {
    const file = pkg('own-1', { build: 'mine' });
    const plan = planAdd(system([pkg('own-2')]), ['./own.apk'], { files: new Map([['./own.apk', file]]) });
    expect(lines(plan)).toEqual(['(1/1) Installing own (1)']);
    expect(plan.world[0]).toMatchObject({ name: 'own', op: '><', version: expect.stringMatching(/^Q1.{27}=$/) });
  });
});

describe('a failed solve', () => {
  it('tells the tree of demands as apk does, and which repositories were looked at', () => {
    const { code, message, facts } = failure(() =>
      planAdd(system([pkg('a-1', { depends: 'c<2' }), pkg('b-1', { depends: 'c>=2' }), pkg('c-1'), pkg('c-2')]), [
        'a',
        'b',
      ]),
    );
    expect(code).toBe('ALP_SOLVE_UNSATISFIABLE');
    expect(message.split('\n')).toEqual([
      'unable to select packages:',
      '  c-1:',
      '    breaks: b-1[c>=2]',
      '    satisfies: a-1[c<2]',
      'looked in https://example.org/main (4 packages)',
    ]);
    expect(facts['repositories']).toEqual(['https://example.org/main']);
  });

  it('proposes names that are spelt alike', () => {
    const { message, hint, facts } = failure(() =>
      planAdd(system([pkg('openssl-dev-3'), pkg('openssh-9')]), ['opensll-dev', 'libopenssl-dev']),
    );
    expect(message).toContain('opensll-dev (no such package):');
    expect(hint).toContain('for `opensll-dev` there is `openssl-dev`');
    expect(facts['missing']).toMatchObject({ 'libopenssl-dev': ['openssl-dev'] });
  });

  it('says that an argument is not a dependency before anything else', () => {
    for (const arg of ['a=', 'a=what', 'a@', 'a b']) {
      const run = (): unknown => planAdd(system([pkg('a-1')]), [arg], arg === 'a@' ? { virtual: '.v' } : {});
      expect(failure(run), arg).toMatchObject({
        code: 'ALP_SOLVE_WORLD',
        message: expect.stringContaining(`'${arg}' is not a valid`),
      });
    }
    expect(failure(() => planDel(system([pkg('a-1')]), ['b']))).toMatchObject({
      code: 'ALP_SOLVE_WORLD',
      message: 'No such package: b',
    });
  });

  it('goes on without what cannot be met when told to', () => {
    const world: Dependency[] = parseWorld('a missing');
    const plan = solve({
      arch,
      world,
      repositories: [repo([pkg('a-1')])],
      installed: [],
      options: { forceBrokenWorld: true },
    });
    expect(lines(plan)).toEqual(['(1/1) Installing a (1)']);
  });
});
