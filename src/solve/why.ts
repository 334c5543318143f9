/** Why a package is there: the shortest chains of dependencies that lead to it from world. */
import type { Dependency, PackageRecord } from '../core/package.ts';
import { formatDependency } from '../formats/apk/dependency.ts';
import { versionMatches } from '../formats/apk/package-version.ts';

/** `from` asks, by `dependency`, for the next step's package. */
export interface WhyStep {
  /** undefined: world. */
  readonly from: PackageRecord | undefined;
  readonly dependency: Dependency;
  /** 'install-if': the package was not asked for, it waited for `from`. */
  readonly by: 'dependency' | 'install-if';
}

export interface WhyChain {
  /** From world to the package. */
  readonly steps: readonly WhyStep[];
  readonly target: PackageRecord;
}

/** Whether choosing `record` meets the dependency, by its own or a provided name. */
export function isMetBy(dependency: Dependency, record: PackageRecord): boolean {
  const version =
    record.name === dependency.name
      ? record.version
      : record.provides.find(({ name }) => name === dependency.name)?.version;
  return (
    version !== undefined &&
    !dependency.conflict &&
    (dependency.op === '><' || versionMatches(version, dependency.op, dependency.version))
  );
}

interface Edge {
  readonly step: WhyStep;
  readonly to: PackageRecord;
}

function edgesFrom(
  from: PackageRecord | undefined,
  list: readonly Dependency[],
  packages: readonly PackageRecord[],
): Edge[] {
  return list.flatMap((dependency) =>
    packages
      .filter((to) => to !== from && isMetBy(dependency, to))
      .map((to) => ({ step: { from, dependency, by: 'dependency' as const }, to })),
  );
}

/** Packages that waited for `from`. */
const edgesByInstallIf = (from: PackageRecord, packages: readonly PackageRecord[]): Edge[] =>
  packages.flatMap((to) =>
    to.installIf
      .filter((dependency) => to !== from && isMetBy(dependency, from))
      .map((dependency) => ({ step: { from, dependency, by: 'install-if' as const }, to })),
  );

/**
 * For each entry of world that leads to the package the shortest chain, direct ones first.
 *
 * @param packages what is installed or planned
 * @param name of the package, or a name that it provides
 * @returns nothing when no such package is there, or nothing asks for it
 */
export function explainWhy(
  packages: readonly PackageRecord[],
  world: readonly Dependency[],
  name: string,
): WhyChain[] {
  const targets = new Set(
    packages.filter((record) => record.name === name || record.provides.some((item) => item.name === name)),
  );
  const chains: WhyChain[] = [];
  for (const start of edgesFrom(undefined, world, packages)) {
    const seen = new Set([start.to]);
    let paths: Edge[][] = [[start]];
    for (; paths.length > 0;) {
      const found = paths.find((path) => targets.has((path.at(-1) as Edge).to));
      if (found !== undefined) {
        chains.push({ steps: found.map(({ step }) => step), target: (found.at(-1) as Edge).to });
        break;
      }
      paths = paths.flatMap((path) => {
        const { to } = path.at(-1) as Edge;
        const next = [...edgesFrom(to, to.depends, packages), ...edgesByInstallIf(to, packages)].filter(
          (edge) => !seen.has(edge.to),
        );
        return next.filter((edge) => !seen.has(edge.to) && seen.add(edge.to)).map((edge) => [...path, edge]);
      });
    }
  }
  return chains.sort((a, b) => a.steps.length - b.steps.length);
}

const label = (record: PackageRecord): string => `${record.name}-${record.version}`;

/** One chain a paragraph: `world wants build-base`, then `build-base-0.5-r3 needs gcc`. */
export function formatWhy(chains: readonly WhyChain[]): string[] {
  return chains.flatMap(({ steps, target }) => [
    `${label(target)}:`,
    ...steps.map(({ from, dependency, by }) => {
      const text = formatDependency(dependency, { tag: true });
      if (from === undefined) return `  world wants ${text}`;
      return by === 'dependency'
        ? `  ${label(from)} needs ${text}`
        : `  ${label(from)} brings in what waits for ${text}`;
    }),
  ]);
}
