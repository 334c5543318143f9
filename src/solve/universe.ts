/**
 * The names and packages of one solve, looked up as they are reached. Packages with the same checksum are one
 * package, wherever they come from; of two descriptions the first loaded counts: installed, then this run's own
 * packages, then the repositories in their order.
 */
import type { Arch, Dependency, InstalledPackage, PackageRecord, PackageSource } from '../core/package.ts';
import { isSoundDependency } from '../formats/apk/dependency.ts';
import { indexPackages, type Catalog, type CatalogSource } from './catalog.ts';
import type { Link, NameNode, Origin, OwnedProvider, PackageNode } from './model.ts';
import { newName } from './name-node.ts';
import { inTableOrder } from './name-order.ts';
import { createPackage, type PackageLinks } from './package-node.ts';
import { relevantNames, type PackageShelf } from './relevance.ts';
import { createTags, type Tags } from './tags.ts';

/** A package that no repository offers: made for this run, or named by apk's list of cached packages. */
export interface LoosePackage {
  readonly record: PackageRecord;
  readonly source: PackageSource | { readonly kind: 'cached' };
}

export interface UniverseInput {
  readonly arch: Arch;
  readonly world: readonly Dependency[];
  readonly catalog: Catalog;
  readonly installed: readonly InstalledPackage[];
  readonly loose: readonly LoosePackage[];
  /** Walk all names, as apk does, even where most of them cannot matter. */
  readonly whole?: boolean;
}

export interface Universe {
  readonly arch: Arch;
  readonly tags: Tags;
  /** Repositories in order; bit `i` of `PackageNode.repos` is the i-th. */
  readonly sources: readonly CatalogSource[];
  /** Bits of the repositories that may be used now. */
  readonly availableRepos: number;
  readonly installed: readonly PackageNode[];
  /** The node of a name, its providers looked up. */
  readonly open: (name: string) => NameNode;
  /** The same for a node at hand. */
  readonly openNode: (node: NameNode) => NameNode;
  /** Whether the name can take part in the solve. */
  readonly isRelevant: (node: NameNode) => boolean;
  /** All names can. */
  readonly isWhole: boolean;
  /** Whether any package, dependency or world speaks of the name. */
  readonly known: (name: string) => boolean;
  readonly link: (dep: Dependency) => Link;
  /** Every name reached so far. */
  readonly names: () => Iterable<NameNode>;
}

/** A place that packages are taken from, with the nodes already made. */
interface Shelf extends PackageShelf {
  readonly nodes: (PackageNode | undefined)[];
  readonly bit: number;
  readonly describe: (position: number) => Origin;
}

const NONE: readonly never[] = Object.freeze([]);
const PLAIN: Origin = Object.freeze({
  source: undefined,
  cached: false,
  cachedOnly: false,
  installed: undefined,
  installedTag: 0,
});

function shelvesOf(
  { installed, loose, catalog }: UniverseInput,
  tags: Tags,
): readonly [installed: Shelf, ...others: Shelf[]] {
  const shelf = (packages: readonly PackageRecord[], describe: Shelf['describe']): Shelf => ({
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

/**
 * Opens the world of one solve.
 *
 * @see apk-tools 3.0 src/database.c apk_db_pkg_add, apk_db_name_rdepends
 */
export function createUniverse(input: UniverseInput): Universe {
  const tags = createTags(input);
  const shelves = shelvesOf(input, tags);
  const [installedShelf, ...otherShelves] = shelves;
  const relevant = input.whole === true ? undefined : relevantNames(installedShelf, otherShelves, input.world);
  const names = new Map<string, NameNode>();
  const byChecksum = new Map<string, PackageNode>();
  const provideTables: ProvideTables = new Map();

  const intern = (text: string): NameNode => {
    let node = names.get(text);
    if (node === undefined) names.set(text, (node = newName(text)));
    return node;
  };
  const linkAnew = (dep: Dependency): Link => ({ name: intern(dep.name), dep });
  const versioned = new Map<Dependency, Link>();
  /** The words of an index are one object each, however many packages use them; most ask for any version of a name. */
  const link = (dep: Dependency): Link => {
    if (dep.op === 'any' && !dep.conflict && dep.tag === undefined) {
      const name = intern(dep.name);
      return (name.plainLink ??= { name, dep });
    }
    const known = versioned.get(dep);
    if (known !== undefined) return known;
    const made = linkAnew(dep);
    versioned.set(dep, made);
    return made;
  };

  /** A checksum covers the package's own name, so only records of one name can share it; nearly all are alone with theirs. */
  const isAlone = (name: string): boolean =>
    shelves.reduce((count, { byName }) => count + byName.of(name).length, 0) === 1;

  const packageAt = (shelf: Shelf, position: number): PackageNode | undefined => {
    const ready = shelf.nodes[position];
    if (ready !== undefined) return ready;
    const record = shelf.packages[position];
    if (record === undefined) return undefined;
    const identity = isAlone(record.name) ? undefined : record.checksum?.hex.slice(0, 40);
    let node = identity === undefined ? undefined : byChecksum.get(identity);
    if (node === undefined) {
      node = createPackage(record, shelf.describe(position), linksOf(record, input.arch, { intern, link }));
      if (identity !== undefined) byChecksum.set(identity, node);
    }
    node.repos |= shelf.bit;
    shelf.nodes[position] = node;
    return node;
  };

  /** Who goes by a name, and what version of it each has; the same package counts once, wherever it is. */
  const providersOf = (name: NameNode): readonly OwnedProvider[] => {
    const found: OwnedProvider[] = [];
    const met = new Set<PackageNode>();
    for (const shelf of shelves) {
      for (const position of shelf.byName.of(name.name)) {
        const pkg = packageAt(shelf, position);
        if (pkg === undefined || met.has(pkg)) continue;
        met.add(pkg);
        if (pkg.name === name) found.push(pkg);
        for (const version of versionsOf(provideTables, pkg, name)) found.push({ pkg, version });
      }
    }
    return exact(found);
  };

  const openNode = (name: NameNode): NameNode => {
    if (name.opened) return name;
    name.opened = true;
    name.providers = providersOf(name);
    name.versioned = name.providers.every(({ version }) => version !== '')
      ? name.providers
      : name.providers.filter(({ version }) => version !== '');
    for (const shelf of shelves) {
      const waiting = shelf.byTrigger.of(name.name);
      if (waiting.length > 0) name.rinstallIf = namesWaiting(shelf, waiting, name.rinstallIf);
    }
    if (name.rinstallIf.length > 1) name.rinstallIf = inTableOrder(name.rinstallIf);
    return name;
  };

  /** Adds the names of packages whose install_if speaks of a name. */
  const namesWaiting = (
    shelf: Shelf,
    positions: readonly number[],
    before: readonly NameNode[],
  ): readonly NameNode[] => {
    const found = new Set(before);
    for (const position of positions) {
      if (relevant?.has(shelf.packages[position]?.name ?? '') === false) continue;
      const pkg = packageAt(shelf, position);
      if (pkg === undefined || pkg.installIf.length === 0) continue;
      found.add(pkg.name);
      for (const provide of pkg.provides) found.add(provide.name);
    }
    return [...found];
  };

  const availableRepos = input.catalog.sources.reduce(
    (mask, { masked }, index) => (masked ? mask : mask | (1 << index)),
    0,
  );
  for (const { name } of input.world) intern(name);
  const installed: PackageNode[] = [];
  const met = new Set<PackageNode | undefined>([undefined]);
  for (let i = 0; i < input.installed.length; i++) {
    const pkg = packageAt(installedShelf, i);
    if (pkg !== undefined && !met.has(pkg)) installed.push(pkg);
    met.add(pkg);
  }
  const isRelevant = (name: NameNode): boolean => relevant?.has(name.name) !== false;
  const known = (text: string): boolean => names.has(text) || shelves.some(({ byName }) => byName.has(text));
  return {
    arch: input.arch,
    tags,
    sources: input.catalog.sources,
    availableRepos,
    installed,
    open: (text) => openNode(intern(text)),
    openNode,
    isRelevant,
    isWhole: relevant === undefined,
    known,
    link: linkAnew,
    names: () => names.values(),
  };
}

/**
 * An array without room for more: those that grow by themselves have it for seventeen, and nearly all of these hold
 * one.
 */
const exact = <T>(items: readonly T[]): readonly T[] => {
  const [first] = items;
  return items.length === 1 && first !== undefined ? [first] : items;
};

/** Provided names of packages that have many, to be looked up. */
const MANY = 16;

type ProvideTables = Map<PackageNode, Map<NameNode, string[]>>;

function versionsOf(tables: ProvideTables, pkg: PackageNode, name: NameNode): readonly string[] {
  if (pkg.provides.length <= MANY)
    return pkg.provides.filter((provide) => provide.name === name).map(({ version }) => version);
  let table = tables.get(pkg);
  if (table === undefined) {
    tables.set(pkg, (table = new Map()));
    for (const provide of pkg.provides) {
      const known = table.get(provide.name);
      if (known === undefined) table.set(provide.name, [provide.version]);
      else known.push(provide.version);
    }
  }
  return table.get(name) ?? NONE;
}

interface Interner {
  readonly intern: (text: string) => NameNode;
  readonly link: (dep: Dependency) => Link;
}

/** Whether a machine of `arch` can run the package. */
export const isArchCompatible = (record: PackageRecord, arch: Arch): boolean =>
  record.arch === '' || record.arch === 'noarch' || record.arch === arch;

function linksOf(record: PackageRecord, arch: Arch, { intern, link }: Interner): PackageLinks {
  const { depends, installIf } = record;
  return {
    name: intern(record.name),
    depends: depends.length === 0 ? NONE : depends.map(link),
    // apk forgets a rule that it cannot read in full, rather than act on half of it.
    installIf: installIf.length > 0 && installIf.every(isSoundDependency) ? installIf.map(link) : NONE,
    provides:
      record.provides.length === 0
        ? NONE
        : record.provides.map(({ name, version }) => ({ name: intern(name), version })),
    uninstallable:
      record.uninstallable === true || !isArchCompatible(record, arch) || !depends.every(isSoundDependency),
  };
}
