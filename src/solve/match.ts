/** Whether a package meets a dependency, in the three ways in which apk asks. */
import type { Dependency } from '../core/package.ts';
import { versionMatches } from '../formats/apk/package-version.ts';
import type { Link, PackageNode, Provider } from './model.ts';
import { dependentsOf } from './solver-state.ts';

/** The identity of a package as world writes it: `Q1` and the first twenty bytes of its digest. */
export function checksumText(pkg: PackageNode): string {
  const hex = pkg.record.checksum?.hex ?? '';
  return `Q1${Buffer.from(hex.slice(0, 40), 'hex').toString('base64')}`;
}

function meets(pkg: PackageNode, version: string, dep: Dependency): boolean {
  if (dep.op === '><' && !dep.conflict) return checksumText(pkg) === dep.version;
  return versionMatches(version, dep.op, dep.version) !== dep.conflict;
}

/**
 * Whether choosing `provider` for the dependency's name meets it. A conflict is met by nobody, and never broken
 * by the very package that declares it.
 *
 * @param owner whose dependency it is; undefined for world
 * @see apk-tools 3.0 src/package.c apk_dep_is_provided
 */
export function isProvided(owner: PackageNode | undefined, link: Link, provider: Provider): boolean {
  const { dep } = link;
  if (provider.pkg === undefined) return dep.conflict;
  if (dep.conflict && owner === provider.pkg) return true;
  if (dep.op === 'any') return !dep.conflict;
  return meets(provider.pkg, provider.version, dep);
}

/** Whether `pkg` itself, by its own name, meets the dependency. */
export function isMaterialized(link: Link, pkg: PackageNode | undefined): boolean {
  if (pkg === undefined || link.name !== pkg.name) return link.dep.conflict;
  return meets(pkg, pkg.record.version, link.dep);
}

export type Relation = 'irrelevant' | 'satisfies' | 'conflicts';

/** What `pkg` does to a dependency of `owner`. */
export function analyze(owner: PackageNode | undefined, link: Link, pkg: PackageNode): Relation {
  if (link.name === pkg.name) return isMaterialized(link, pkg) ? 'satisfies' : 'conflicts';
  const provided = pkg.provides.find((item) => item.name === link.name);
  if (provided === undefined) return 'irrelevant';
  return isProvided(owner, link, { pkg, version: provided.version }) ? 'satisfies' : 'conflicts';
}

/** A dependency of a package that was found to bear on another. */
export interface ReverseLink {
  readonly pkg: PackageNode;
  readonly link: Link;
}

export interface ReverseOptions {
  /** Which packages to ask. */
  readonly accept: (other: PackageNode) => boolean;
  /** Ask each package only once, however many names lead to it; those asked are noted here. */
  readonly once?: Set<PackageNode>;
  /** Give only the first dependency of a package. */
  readonly first?: boolean;
}

/** The dependencies of other packages that stand in `relation` to `pkg`, in apk's order, as they are found. */
export function* reverseLinks(
  pkg: PackageNode,
  relation: Relation,
  options: ReverseOptions,
): Generator<ReverseLink, void, void> {
  for (const name of [pkg.name, ...pkg.provides.map((item) => item.name)]) {
    for (const dependent of dependentsOf(name)) {
      for (const { pkg: other } of dependent.providers) {
        if (!options.accept(other) || options.once?.has(other) === true) continue;
        options.once?.add(other);
        for (const link of other.depends) {
          if (analyze(other, link, pkg) !== relation) continue;
          yield { pkg: other, link };
          if (options.first === true) break;
        }
      }
    }
  }
}
