/**
 * Packages as nodes of the graph. A class, for the same reason as names, and so that what only packages without a
 * repository have is held beside them.
 */
import type { InstalledPackage, PackageRecord, PackageSource } from '../core/package.ts';
import type { Link, NameNode, Origin, PackageNode, ProvidedName } from './model.ts';

const BIT = {
  uninstallable: 1,
  seen: 2,
  available: 4,
  selectable: 8,
  tagOk: 16,
  tagPreferred: 32,
  dependenciesUsed: 64,
  dependenciesMerged: 128,
  iifTriggered: 256,
  iifFailed: 512,
  inChanges: 1024,
  error: 2048,
} as const;

/** What a package asks for and provides, looked up. */
export type PackageLinks = Pick<PackageNode, 'name' | 'depends' | 'installIf' | 'provides' | 'uninstallable'>;

class CompactPackage implements PackageNode {
  readonly record: PackageRecord;
  readonly name: NameNode;
  readonly depends: readonly Link[];
  readonly installIf: readonly Link[];
  readonly provides: readonly ProvidedName[];
  private readonly origin: Origin;
  contested: readonly ProvidedName[] | undefined = undefined;
  reasons: string | string[] | undefined = undefined;
  repos = 0;
  namesWalked = 0;
  triggersWalked = 0;
  triggersMet = 0;
  triggersListed = 0;
  dependsListed = 0;
  conflicts = 0;
  pinningAllowed = 0;
  flags = 0;
  inheritable = 0;
  private bits: number;

  constructor(
    record: PackageRecord,
    origin: Origin,
    { name, depends, installIf, provides, uninstallable }: PackageLinks,
  ) {
    this.record = record;
    this.name = name;
    this.depends = depends;
    this.installIf = installIf;
    this.provides = provides;
    this.origin = origin;
    this.bits = uninstallable ? BIT.uninstallable : 0;
  }

  get pkg(): PackageNode {
    return this;
  }
  get version(): string {
    return this.record.version;
  }
  get installed(): InstalledPackage | undefined {
    return this.origin.installed;
  }
  get installedTag(): number {
    return this.origin.installedTag;
  }
  get source(): PackageSource | undefined {
    return this.origin.source;
  }
  get cached(): boolean {
    return this.origin.cached;
  }
  get cachedOnly(): boolean {
    return this.origin.cachedOnly;
  }

  get uninstallable(): boolean {
    return (this.bits & BIT.uninstallable) !== 0;
  }
  set uninstallable(on: boolean) {
    this.bits = on ? this.bits | BIT.uninstallable : this.bits & ~BIT.uninstallable;
  }
  get seen(): boolean {
    return (this.bits & BIT.seen) !== 0;
  }
  set seen(on: boolean) {
    this.bits = on ? this.bits | BIT.seen : this.bits & ~BIT.seen;
  }
  get available(): boolean {
    return (this.bits & BIT.available) !== 0;
  }
  set available(on: boolean) {
    this.bits = on ? this.bits | BIT.available : this.bits & ~BIT.available;
  }
  get selectable(): boolean {
    return (this.bits & BIT.selectable) !== 0;
  }
  set selectable(on: boolean) {
    this.bits = on ? this.bits | BIT.selectable : this.bits & ~BIT.selectable;
  }
  get tagOk(): boolean {
    return (this.bits & BIT.tagOk) !== 0;
  }
  set tagOk(on: boolean) {
    this.bits = on ? this.bits | BIT.tagOk : this.bits & ~BIT.tagOk;
  }
  get tagPreferred(): boolean {
    return (this.bits & BIT.tagPreferred) !== 0;
  }
  set tagPreferred(on: boolean) {
    this.bits = on ? this.bits | BIT.tagPreferred : this.bits & ~BIT.tagPreferred;
  }
  get dependenciesUsed(): boolean {
    return (this.bits & BIT.dependenciesUsed) !== 0;
  }
  set dependenciesUsed(on: boolean) {
    this.bits = on ? this.bits | BIT.dependenciesUsed : this.bits & ~BIT.dependenciesUsed;
  }
  get dependenciesMerged(): boolean {
    return (this.bits & BIT.dependenciesMerged) !== 0;
  }
  set dependenciesMerged(on: boolean) {
    this.bits = on ? this.bits | BIT.dependenciesMerged : this.bits & ~BIT.dependenciesMerged;
  }
  get iifTriggered(): boolean {
    return (this.bits & BIT.iifTriggered) !== 0;
  }
  set iifTriggered(on: boolean) {
    this.bits = on ? this.bits | BIT.iifTriggered : this.bits & ~BIT.iifTriggered;
  }
  get iifFailed(): boolean {
    return (this.bits & BIT.iifFailed) !== 0;
  }
  set iifFailed(on: boolean) {
    this.bits = on ? this.bits | BIT.iifFailed : this.bits & ~BIT.iifFailed;
  }
  get inChanges(): boolean {
    return (this.bits & BIT.inChanges) !== 0;
  }
  set inChanges(on: boolean) {
    this.bits = on ? this.bits | BIT.inChanges : this.bits & ~BIT.inChanges;
  }
  get error(): boolean {
    return (this.bits & BIT.error) !== 0;
  }
  set error(on: boolean) {
    this.bits = on ? this.bits | BIT.error : this.bits & ~BIT.error;
  }
}

/** A package that was not looked at yet. */
export const createPackage = (record: PackageRecord, origin: Origin, links: PackageLinks): PackageNode =>
  new CompactPackage(record, origin, links);
