/**
 * The solver's graph: names, the packages that provide them, and what packages ask of names. Nodes live for one
 * solve and carry its working state; records are never changed.
 */
import type { Dependency, InstalledPackage, PackageRecord, PackageSource } from '../core/package.ts';

/** Bits of `PackageNode.flags`. @see apk-tools 3.0 src/apk_solver.h */
export const FLAG = {
  upgrade: 1,
  available: 2,
  reinstall: 4,
  latest: 8,
  ignoreConflict: 16,
  installed: 32,
  remove: 64,
} as const;

/** The mask of packages that have no repository tag. */
export const DEFAULT_PIN = 1;

/** A package under one of the names it goes by. */
export interface Provider {
  /** undefined only in NOBODY, the choice of a name that stays empty. */
  readonly pkg: PackageNode | undefined;
  /** Empty when the name is provided without one. */
  readonly version: string;
}

export const NOBODY: Provider = { pkg: undefined, version: '' };

/** A dependency whose name has been looked up. */
export interface Link {
  readonly name: NameNode;
  readonly dep: Dependency;
}

/** A provided name that has been looked up. */
export interface ProvidedName {
  readonly name: NameNode;
  readonly version: string;
}

/** Where a name waits to be decided. */
export type Waiting = 'nowhere' | 'now' | 'selectable' | 'unresolved';

export interface NameNode {
  readonly name: string;
  /** Every package that goes by this name, in the order in which apk would have loaded them. */
  providers: readonly OwnedProvider[];
  /** Those of them that have a version. */
  versioned: readonly OwnedProvider[];
  /** Names whose packages depend on this one; `dependentsOf` gives them in apk's order. */
  rdepends: readonly NameNode[];
  rdependsSorted: boolean;
  /** Names whose packages wait for this one to be installed, in apk's order. */
  rinstallIf: readonly NameNode[];
  /** What every package that needs any version of it shares; undefined while none does. */
  plainLink: Link | undefined;
  /** How many of them discovery has walked to. */
  waitingWalked: number;
  /** Place in apk's table of names; -1 when not computed yet. */
  bucket: number;
  opened: boolean;
  /** The user named it: it is decided before others. */
  flagged: boolean;

  seen: boolean;
  locked: boolean;
  chosen: Provider;
  order: number;
  requirers: number;
  mergeDepends: number;
  mergeProvides: number;
  waiting: Waiting;
  dirty: boolean;
  reevaluateDeps: boolean;
  reevaluateIif: boolean;
  hasIif: boolean;
  noIif: boolean;
  iifNeeded: boolean;
  hasOptions: boolean;
  hasAutoSelectable: boolean;
  hasVirtualProvides: boolean;
  /** What all of its packages have inherited so far: bits of FLAG and of pins. */
  inheritedFlags: number;
  inheritedLockPolicy: number;
  reverseDepsDone: boolean;

  changeProcessed: boolean;
  changeRemoved: boolean;
  installedName: NameNode | undefined;
  installedPkg: PackageNode | undefined;
}

export interface OwnedProvider extends Provider {
  readonly pkg: PackageNode;
}

/** Where a package came from, when no repository offers it or it is installed. */
export interface Origin {
  readonly installed: InstalledPackage | undefined;
  /** Index of the installed package's repository tag. */
  readonly installedTag: number;
  /** A file or a virtual package of this very run, or one from the cache's list. */
  readonly source: PackageSource | undefined;
  readonly cached: boolean;
  readonly cachedOnly: boolean;
}

/** It is itself what provides its own name. */
export interface PackageNode extends Origin, OwnedProvider {
  readonly record: PackageRecord;
  readonly name: NameNode;
  readonly depends: readonly Link[];
  readonly installIf: readonly Link[];
  readonly provides: readonly ProvidedName[];
  /** Of the names that it provides those that others go by, too, once all are known; `contestedOf` gives them. */
  contested: readonly ProvidedName[] | undefined;
  /** One bit for each repository that has it. */
  repos: number;
  readonly uninstallable: boolean;

  /** How many of its other names, and of those that it waits for, discovery has walked to. */
  namesWalked: number;
  triggersWalked: number;
  /** Of those that it waits for: how many from the first on have come, as decided, and as listed. */
  triggersMet: number;
  triggersListed: number;
  /** Of its dependencies, how many are listed before it. */
  dependsListed: number;

  seen: boolean;
  available: boolean;
  selectable: boolean;
  conflicts: number;
  pinningAllowed: number;
  tagOk: boolean;
  tagPreferred: boolean;
  flags: number;
  inheritable: number;
  dependenciesUsed: boolean;
  dependenciesMerged: boolean;
  iifTriggered: boolean;
  iifFailed: boolean;
  inChanges: boolean;
  error: boolean;
  /** Who needs it, for the plan: see plan.ts. Some may be there twice. */
  reasons: string | string[] | undefined;
}

export const isReinstall = ({ flags }: PackageNode): boolean => (flags & FLAG.reinstall) !== 0;

/** One change of the plan, before it is told to the outside. */
export interface RawChange {
  readonly old: PackageNode | undefined;
  readonly next: PackageNode | undefined;
  readonly nextTag: number;
}
