/** The places that packages of one solve are taken from, with the nodes made so far. */
import type { InstalledPackage, PackageRecord, PackageSource } from '../core/package.ts';
import { indexPackages, type Catalog } from './catalog.ts';
import type { Origin, PackageNode } from './model.ts';
import type { PackageShelf } from './relevance.ts';
import type { Tags } from './tags.ts';

/** A package that no repository offers: made for this run, or named by apk's list of cached packages. */
export interface LoosePackage {
  readonly record: PackageRecord;
  readonly source: PackageSource | { readonly kind: 'cached' };
}

export interface ShelvesInput {
  readonly catalog: Catalog;
  readonly installed: readonly InstalledPackage[];
  readonly loose: readonly LoosePackage[];
}

/** Packages of one source, with the nodes already made. */
export interface NodeShelf extends PackageShelf {
  readonly nodes: (PackageNode | undefined)[];
  readonly bit: number;
  readonly describe: (position: number) => Origin;
}

const PLAIN: Origin = Object.freeze({
  source: undefined,
  cached: false,
  cachedOnly: false,
  installed: undefined,
  installedTag: 0,
});

/** Installed, then this run's own packages, then the repositories in their order. */
export function shelvesOf(
  { installed, loose, catalog }: ShelvesInput,
  tags: Tags,
): readonly [installed: NodeShelf, ...others: NodeShelf[]] {
  const shelf = (packages: readonly PackageRecord[], describe: NodeShelf['describe']): NodeShelf => ({
    packages,
    ...indexPackages(packages),
    nodes: [],
    bit: 0,
    describe,
  });
  const describeLoose = (position: number): Origin => {
    const source = loose[position]?.source;
    if (source === undefined || source.kind === 'cached') return { ...PLAIN, cachedOnly: true };
    return { ...PLAIN, source, cached: source.kind === 'virtual' };
  };
  return [
    shelf(
      installed.map(({ record }) => record),
      (position) => ({ ...PLAIN, installed: installed[position], installedTag: tags.idOf(installed[position]?.tag) }),
    ),
    shelf(
      loose.map(({ record }) => record),
      describeLoose,
    ),
    ...catalog.sources.map(({ packages, byName, byTrigger }, index) => ({
      packages,
      byName,
      byTrigger,
      nodes: [],
      bit: 1 << index,
      describe: () => PLAIN,
    })),
  ];
}
