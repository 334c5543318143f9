import { describe, expect, it } from 'vitest';
import type { Dependency, InstalledPackage, PackageRecord } from '../../src/core/package.ts';
import { parseWorld } from '../../src/formats/apk/world-file.ts';
import { createCatalog } from '../../src/solve/catalog.ts';
import { planChanges } from '../../src/solve/install-plan.ts';
import { resolve } from '../../src/solve/resolution.ts';
import { explainUnsatisfiable } from '../../src/solve/unsatisfiable.ts';
import { isMetBy } from '../../src/solve/why.ts';
import { pkg, repo } from '../helpers/packages.ts';
import { createRandom, randomDependencies, randomNames, randomPackages, type Random } from '../helpers/random-repo.ts';

const arch = 'x86_64';

/** What is installed after a plan. */
function after(before: readonly InstalledPackage[], resolution: ReturnType<typeof resolve>): PackageRecord[] {
  const records = new Map(before.map(({ record }) => [record.name, record]));
  for (const change of planChanges(resolution)) {
    if (change.kind === 'purge') records.delete(change.previous.record.name);
    else records.set(change.next.record.name, change.next.record);
  }
  return [...records.values()];
}

/** Everything that is wrong with a set of packages. */
function faults(records: readonly PackageRecord[], world: readonly Dependency[]): string[] {
  const requirements = [
    { owner: undefined as PackageRecord | undefined, list: world },
    ...records.map((owner) => ({ owner, list: owner.depends })),
  ];
  const unmet = requirements.flatMap(({ owner, list }) =>
    list
      .filter((dep) => {
        const plain = { ...dep, conflict: false };
        return dep.conflict
          ? records.some((record) => record !== owner && isMetBy(plain, record))
          : !records.some((record) => isMetBy(plain, record));
      })
      .map((dep) => `${owner?.name ?? 'world'}: ${dep.conflict ? '!' : ''}${dep.name}${dep.op}${dep.version}`),
  );
  const owned = records.flatMap(({ name, provides }) => [
    name,
    ...provides.filter(({ version }) => version !== '').map((item) => item.name),
  ]);
  return [...unmet, ...owned.filter((name, index) => owned.indexOf(name) !== index).map((name) => `${name} twice`)];
}

function scenario(random: Random): {
  readonly packages: PackageRecord[];
  readonly world: Dependency[];
  readonly installed: InstalledPackage[];
} {
  const packages = randomPackages(random);
  const catalog = createCatalog([repo(packages)]);
  const start = resolve({ arch, world: parseWorld(randomNames(random, 2).join(' ')), catalog, installed: [] });
  const installed = start.errors > 0 ? [] : after([], start).map((record) => ({ record }));
  return { packages, installed, world: parseWorld(randomDependencies(random, 4).join(' ')) };
}

describe('the solver on random repositories', () => {
  it('gives only plans after which every demand is met, and which solving again leaves alone', () => {
    let solved = 0;
    for (let seed = 1; seed <= 3000; seed++) {
      const random = createRandom(seed);
      const { packages, world, installed } = scenario(random);
      const catalog = createCatalog([repo(packages)]);
      const resolution = resolve({ arch, world, catalog, installed, flags: random.chance(0.3) ? 1 : 0 });
      if (resolution.errors > 0) {
        expect(explainUnsatisfiable(resolution).length, `seed ${seed}`).toBeGreaterThan(0);
        continue;
      }
      solved++;
      const records = after(installed, resolution);
      expect(faults(records, world), `seed ${seed}`).toEqual([]);
      const again = resolve({ arch, world, catalog, installed: records.map((record) => ({ record })) });
      expect(again.errors > 0 ? ['error'] : planChanges(again).map(({ kind }) => kind), `seed ${seed} again`).toEqual(
        [],
      );
    }
    expect(solved).toBeGreaterThan(500);
  });

  it('gives the same plan with and without the walk over names that cannot matter', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = createRandom(seed);
      const { packages, world, installed } = scenario(random);
      // A crowd that hangs together through names that nothing brings in, as documentation does in Alpine.
      const crowd = Array.from({ length: 1200 }, (_, i) =>
        pkg(`x${i}-1`, {
          installIf: `${random.chance(0.5) ? random.pick(packages).name : `x${random.below(1200)}`} docs`,
          depends: random.chance(0.3) ? random.pick(packages).name : `x${random.below(1200)}`,
        }),
      );
      const catalog = createCatalog([repo([...packages, ...crowd])]);
      const show = (whole: boolean): string => {
        const resolution = resolve({ arch, world, catalog, installed, whole });
        return resolution.errors > 0
          ? explainUnsatisfiable(resolution).join('\n')
          : JSON.stringify(planChanges(resolution));
      };
      expect(show(false), `seed ${seed}`).toBe(show(true));
    }
  });
});
