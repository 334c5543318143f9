/**
 * The names and packages of one solve, looked up as they are reached. Packages with the same checksum are one
 * package, wherever they come from; of two descriptions the first loaded counts: installed, then this run's own
 * packages, then the repositories in their order.
 */
import type { Arch, Dependency, PackageRecord } from '../core/package.ts';
import { isSoundDependency } from '../formats/apk/dependency.ts';
import type { CatalogSource } from './catalog.ts';
import type { Link, NameNode, OwnedProvider, PackageNode } from './model.ts';
import { newName } from './name-node.ts';
import { inTableOrder } from './name-order.ts';
import { createPackage, type PackageLinks } from './package-node.ts';
import { shelvesOf, type NodeShelf, type ShelvesInput } from './package-shelves.ts';
import { relevantNames } from './relevance.ts';
import { createTags, type Tags } from './tags.ts';

export interface UniverseInput extends ShelvesInput {
  readonly arch: Arch;
  readonly world: readonly Dependency[];
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

const NONE: readonly never[] = Object.freeze([]);

/** What the lookups share. */
interface UniverseState {
  readonly arch: Arch;
  readonly shelves: readonly NodeShelf[];
  /** undefined: all names are. */
  readonly relevant: ReadonlySet<string> | undefined;
  readonly names: Map<string, NameNode>;
  readonly byChecksum: Map<string, PackageNode>;
  readonly versioned: Map<Dependency, Link>;
  readonly provideTables: ProvideTables;
  /** `linkOnce`, made once and not for each package. */
  readonly link: (dep: Dependency) => Link;
}

/**
 * Opens the world of one solve.
 *
 * @see apk-tools 3.0 src/database.c apk_db_pkg_add, apk_db_name_rdepends
 */
export function createUniverse(input: UniverseInput): Universe {
  const { arch, world, catalog } = input;
  const tags = createTags(input);
  const shelves = shelvesOf(input, tags);
  const [installedShelf, ...otherShelves] = shelves;
  const relevant = input.whole === true ? undefined : relevantNames(installedShelf, otherShelves, world);
  const state: UniverseState = {
    arch,
    shelves,
    relevant,
    names: new Map(),
    byChecksum: new Map(),
    versioned: new Map(),
    provideTables: new Map(),
    link: (dep) => linkOnce(state, dep),
  };
  for (const { name } of world) internName(state, name);
  return {
    arch,
    tags,
    sources: catalog.sources,
    availableRepos: catalog.sources.reduce((mask, { masked }, index) => (masked ? mask : mask | (1 << index)), 0),
    installed: packagesOn(state, installedShelf),
    open: (text) => openName(state, internName(state, text)),
    openNode: (node) => openName(state, node),
    isRelevant: (node) => relevant?.has(node.name) !== false,
    isWhole: relevant === undefined,
    known: (text) => state.names.has(text) || shelves.some(({ byName }) => byName.has(text)),
    link: (dep) => linkAnew(state, dep),
    names: () => state.names.values(),
  };
}

function internName({ names }: UniverseState, text: string): NameNode {
  let node = names.get(text);
  if (node === undefined) names.set(text, (node = newName(text)));
  return node;
}

const linkAnew = (state: UniverseState, dep: Dependency): Link => ({ name: internName(state, dep.name), dep });

/** The words of an index are one object each, however many packages use them; most want any version of a name. */
function linkOnce(state: UniverseState, dep: Dependency): Link {
  if (dep.op === 'any' && !dep.conflict && dep.tag === undefined) {
    const name = internName(state, dep.name);
    return (name.plainLink ??= { name, dep });
  }
  const known = state.versioned.get(dep);
  if (known !== undefined) return known;
  const made = linkAnew(state, dep);
  state.versioned.set(dep, made);
  return made;
}

/**
 * A checksum covers the package's own name, so only records of one name can share it; nearly all are alone with
 * theirs.
 */
function isAlone({ shelves }: UniverseState, name: string): boolean {
  let count = 0;
  for (const { byName } of shelves) count += byName.of(name).length;
  return count === 1;
}

function packageAt(state: UniverseState, shelf: NodeShelf, position: number): PackageNode | undefined {
  const ready = shelf.nodes[position];
  if (ready !== undefined) return ready;
  const record = shelf.packages[position];
  if (record === undefined) return undefined;
  const identity = isAlone(state, record.name) ? undefined : record.checksum?.hex.slice(0, 40);
  let node = identity === undefined ? undefined : state.byChecksum.get(identity);
  if (node === undefined) {
    node = createPackage(record, shelf.describe(position), linksOf(state, record));
    if (identity !== undefined) state.byChecksum.set(identity, node);
  }
  node.repos |= shelf.bit;
  shelf.nodes[position] = node;
  return node;
}

/** Each once. */
function packagesOn(state: UniverseState, shelf: NodeShelf): readonly PackageNode[] {
  const met = new Set<PackageNode>();
  for (let i = 0; i < shelf.packages.length; i++) {
    const pkg = packageAt(state, shelf, i);
    if (pkg !== undefined) met.add(pkg);
  }
  return [...met];
}

function openName(state: UniverseState, name: NameNode): NameNode {
  if (name.opened) return name;
  name.opened = true;
  name.providers = providersOf(state, name);
  name.versioned = name.providers.every(({ version }) => version !== '')
    ? name.providers
    : name.providers.filter(({ version }) => version !== '');
  for (const shelf of state.shelves) {
    const waiting = shelf.byTrigger.of(name.name);
    if (waiting.length > 0)
      name.rinstallIf = namesWaiting(state, { shelf, positions: waiting, before: name.rinstallIf });
  }
  if (name.rinstallIf.length > 1) name.rinstallIf = inTableOrder(name.rinstallIf);
  return name;
}

/** Who goes by a name, and what version of it each has; the same package counts once, wherever it is. */
function providersOf(state: UniverseState, name: NameNode): readonly OwnedProvider[] {
  const found: OwnedProvider[] = [];
  const met = new Set<PackageNode>();
  for (const shelf of state.shelves) {
    for (const position of shelf.byName.of(name.name)) {
      const pkg = packageAt(state, shelf, position);
      if (pkg === undefined || met.has(pkg)) continue;
      met.add(pkg);
      if (pkg.name === name) found.push(pkg);
      for (const version of providedVersions(state.provideTables, pkg, name)) found.push({ pkg, version });
    }
  }
  return exact(found);
}

interface Waiting {
  readonly shelf: NodeShelf;
  readonly positions: readonly number[];
  readonly before: readonly NameNode[];
}

/** Adds the names of packages whose install_if speaks of a name. */
function namesWaiting(state: UniverseState, { shelf, positions, before }: Waiting): readonly NameNode[] {
  const found = new Set(before);
  for (const position of positions) {
    if (state.relevant?.has(shelf.packages[position]?.name ?? '') === false) continue;
    const pkg = packageAt(state, shelf, position);
    if (pkg === undefined || pkg.installIf.length === 0) continue;
    found.add(pkg.name);
    for (const provide of pkg.provides) found.add(provide.name);
  }
  return [...found];
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

function providedVersions(tables: ProvideTables, pkg: PackageNode, name: NameNode): readonly string[] {
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

/** Whether a machine of `arch` can run the package. */
export const isArchCompatible = (record: PackageRecord, arch: Arch): boolean =>
  record.arch === '' || record.arch === 'noarch' || record.arch === arch;

function linksOf(state: UniverseState, record: PackageRecord): PackageLinks {
  const { depends, installIf } = record;
  const { link } = state;
  return {
    name: internName(state, record.name),
    depends: depends.length === 0 ? NONE : depends.map(link),
    // apk forgets a rule that it cannot read in full, rather than act on half of it.
    installIf: installIf.length > 0 && installIf.every(isSoundDependency) ? installIf.map(link) : NONE,
    provides:
      record.provides.length === 0
        ? NONE
        : record.provides.map(({ name, version }) => ({ name: internName(state, name), version })),
    uninstallable:
      record.uninstallable === true || !isArchCompatible(record, state.arch) || !depends.every(isSoundDependency),
  };
}
