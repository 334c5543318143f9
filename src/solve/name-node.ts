/**
 * Names as nodes of the graph. A class, with one number for all that is yes or no: an index may bring a hundred
 * thousand names, and an object with a field for each answer takes 130 bytes more.
 */
import {
  NOBODY,
  type Link,
  type NameNode,
  type OwnedProvider,
  type PackageNode,
  type Provider,
  type Waiting,
} from './model.ts';

const BIT = {
  rdependsSorted: 1,
  opened: 2,
  flagged: 4,
  seen: 8,
  locked: 16,
  dirty: 32,
  reevaluateDeps: 64,
  reevaluateIif: 128,
  hasIif: 256,
  noIif: 512,
  iifNeeded: 1024,
  hasOptions: 2048,
  hasAutoSelectable: 4096,
  hasVirtualProvides: 8192,
  reverseDepsDone: 16384,
  changeProcessed: 32768,
  changeRemoved: 65536,
} as const;

const NONE: readonly never[] = Object.freeze([]);

class CompactName implements NameNode {
  readonly name: string;
  providers: readonly OwnedProvider[] = NONE;
  versioned: readonly OwnedProvider[] = NONE;
  rdepends: readonly NameNode[] = NONE;
  rinstallIf: readonly NameNode[] = NONE;
  plainLink: Link | undefined = undefined;
  waitingWalked = 0;
  bucket = -1;
  chosen: Provider = NOBODY;
  order = 0;
  requirers = 0;
  mergeDepends = 0;
  mergeProvides = 0;
  waiting: Waiting = 'nowhere';
  inheritedFlags = 0;
  inheritedLockPolicy = 0;
  installedName: NameNode | undefined = undefined;
  installedPkg: PackageNode | undefined = undefined;
  private bits = 0;

  constructor(name: string) {
    this.name = name;
  }

  get rdependsSorted(): boolean {
    return (this.bits & BIT.rdependsSorted) !== 0;
  }
  set rdependsSorted(on: boolean) {
    this.bits = on ? this.bits | BIT.rdependsSorted : this.bits & ~BIT.rdependsSorted;
  }
  get opened(): boolean {
    return (this.bits & BIT.opened) !== 0;
  }
  set opened(on: boolean) {
    this.bits = on ? this.bits | BIT.opened : this.bits & ~BIT.opened;
  }
  get flagged(): boolean {
    return (this.bits & BIT.flagged) !== 0;
  }
  set flagged(on: boolean) {
    this.bits = on ? this.bits | BIT.flagged : this.bits & ~BIT.flagged;
  }
  get seen(): boolean {
    return (this.bits & BIT.seen) !== 0;
  }
  set seen(on: boolean) {
    this.bits = on ? this.bits | BIT.seen : this.bits & ~BIT.seen;
  }
  get locked(): boolean {
    return (this.bits & BIT.locked) !== 0;
  }
  set locked(on: boolean) {
    this.bits = on ? this.bits | BIT.locked : this.bits & ~BIT.locked;
  }
  get dirty(): boolean {
    return (this.bits & BIT.dirty) !== 0;
  }
  set dirty(on: boolean) {
    this.bits = on ? this.bits | BIT.dirty : this.bits & ~BIT.dirty;
  }
  get reevaluateDeps(): boolean {
    return (this.bits & BIT.reevaluateDeps) !== 0;
  }
  set reevaluateDeps(on: boolean) {
    this.bits = on ? this.bits | BIT.reevaluateDeps : this.bits & ~BIT.reevaluateDeps;
  }
  get reevaluateIif(): boolean {
    return (this.bits & BIT.reevaluateIif) !== 0;
  }
  set reevaluateIif(on: boolean) {
    this.bits = on ? this.bits | BIT.reevaluateIif : this.bits & ~BIT.reevaluateIif;
  }
  get hasIif(): boolean {
    return (this.bits & BIT.hasIif) !== 0;
  }
  set hasIif(on: boolean) {
    this.bits = on ? this.bits | BIT.hasIif : this.bits & ~BIT.hasIif;
  }
  get noIif(): boolean {
    return (this.bits & BIT.noIif) !== 0;
  }
  set noIif(on: boolean) {
    this.bits = on ? this.bits | BIT.noIif : this.bits & ~BIT.noIif;
  }
  get iifNeeded(): boolean {
    return (this.bits & BIT.iifNeeded) !== 0;
  }
  set iifNeeded(on: boolean) {
    this.bits = on ? this.bits | BIT.iifNeeded : this.bits & ~BIT.iifNeeded;
  }
  get hasOptions(): boolean {
    return (this.bits & BIT.hasOptions) !== 0;
  }
  set hasOptions(on: boolean) {
    this.bits = on ? this.bits | BIT.hasOptions : this.bits & ~BIT.hasOptions;
  }
  get hasAutoSelectable(): boolean {
    return (this.bits & BIT.hasAutoSelectable) !== 0;
  }
  set hasAutoSelectable(on: boolean) {
    this.bits = on ? this.bits | BIT.hasAutoSelectable : this.bits & ~BIT.hasAutoSelectable;
  }
  get hasVirtualProvides(): boolean {
    return (this.bits & BIT.hasVirtualProvides) !== 0;
  }
  set hasVirtualProvides(on: boolean) {
    this.bits = on ? this.bits | BIT.hasVirtualProvides : this.bits & ~BIT.hasVirtualProvides;
  }
  get reverseDepsDone(): boolean {
    return (this.bits & BIT.reverseDepsDone) !== 0;
  }
  set reverseDepsDone(on: boolean) {
    this.bits = on ? this.bits | BIT.reverseDepsDone : this.bits & ~BIT.reverseDepsDone;
  }
  get changeProcessed(): boolean {
    return (this.bits & BIT.changeProcessed) !== 0;
  }
  set changeProcessed(on: boolean) {
    this.bits = on ? this.bits | BIT.changeProcessed : this.bits & ~BIT.changeProcessed;
  }
  get changeRemoved(): boolean {
    return (this.bits & BIT.changeRemoved) !== 0;
  }
  set changeRemoved(on: boolean) {
    this.bits = on ? this.bits | BIT.changeRemoved : this.bits & ~BIT.changeRemoved;
  }
}

/** A name of which nothing is known yet. */
export const newName = (name: string): NameNode => new CompactName(name);
