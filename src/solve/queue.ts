/**
 * What is still to be done: names whose options changed (first come, first served) and names to be decided
 * (those with one road first, then those that may choose by themselves, then the rest; within a group the
 * highest order number).
 *
 * Entries are not removed but outlived: a name says itself whether and where it waits.
 */
import type { NameNode, Waiting } from './model.ts';

interface Heap {
  readonly push: (name: NameNode) => void;
  readonly pop: () => NameNode | undefined;
}

/** A heap of names, the highest order number on top. */
function createHeap(): Heap {
  const items: NameNode[] = [];
  const orderAt = (at: number): number => items[at]?.order ?? Number.NEGATIVE_INFINITY;
  const swap = (a: number, b: number): void => {
    [items[a], items[b]] = [items[b] as NameNode, items[a] as NameNode];
  };
  const sift = (): void => {
    for (let at = 0; ;) {
      const left = at * 2 + 1;
      const child = orderAt(left + 1) > orderAt(left) ? left + 1 : left;
      if (orderAt(child) <= orderAt(at)) return;
      swap(at, child);
      at = child;
    }
  };
  return {
    push: (name) => {
      let at = items.push(name) - 1;
      for (; at > 0; at = (at - 1) >> 1) {
        const parent = (at - 1) >> 1;
        if (orderAt(parent) >= orderAt(at)) return;
        swap(at, parent);
      }
    },
    pop: () => {
      const [top] = items;
      const last = items.pop();
      if (last === undefined || top === undefined || items.length === 0) return top;
      items[0] = last;
      sift();
      return top;
    },
  };
}

export interface Queues {
  readonly markDirty: (name: NameNode) => void;
  readonly nextDirty: () => NameNode | undefined;
  /** Puts the name into the right group, or moves it there. */
  readonly markUnresolved: (name: NameNode, reevaluate: boolean) => void;
  readonly nextUnresolved: () => NameNode | undefined;
}

const hasOneRoad = (name: NameNode): boolean =>
  name.reverseDepsDone && name.requirers > 0 && name.hasAutoSelectable && !name.hasOptions;

/** Where the name should wait now; 'nowhere' when nothing asks for it, undefined when it may stay. */
function placeFor(name: NameNode, reevaluate: boolean): Waiting | undefined {
  const group = (): Waiting => (name.hasAutoSelectable ? 'selectable' : 'unresolved');
  if (name.waiting === 'now') return undefined;
  if (name.waiting !== 'nowhere') {
    if (hasOneRoad(name)) return 'now';
    return reevaluate ? group() : undefined;
  }
  if (name.requirers === 0 && !name.hasIif && !name.iifNeeded) return undefined;
  return hasOneRoad(name) ? 'now' : group();
}

/** @see apk-tools 3.0 src/solver.c queue_dirty, queue_unresolved, dequeue_next_name */
export function createQueues(): Queues {
  const dirty: NameNode[] = [];
  let dirtyAt = 0;
  const now: NameNode[] = [];
  let nowAt = 0;
  const heaps = { selectable: createHeap(), unresolved: createHeap() };

  const nextOf = (group: 'selectable' | 'unresolved'): NameNode | undefined => {
    for (let name = heaps[group].pop(); name !== undefined; name = heaps[group].pop()) {
      if (!name.locked && name.waiting === group) return name;
    }
    return undefined;
  };
  const nextNow = (): NameNode | undefined => {
    while (nowAt < now.length) {
      const name = now[nowAt++];
      if (name !== undefined && !name.locked) return name;
    }
    return undefined;
  };
  return {
    markDirty: (name) => {
      if (name.dirty || name.locked || (name.requirers === 0 && !name.reevaluateIif)) return;
      name.dirty = true;
      dirty.push(name);
    },
    nextDirty: () => {
      while (dirtyAt < dirty.length) {
        const name = dirty[dirtyAt++];
        if (name === undefined) continue;
        name.dirty = false;
        if (!name.locked) return name;
      }
      // All are done: a queue that only grows would keep every name that was ever in it.
      dirty.length = 0;
      dirtyAt = 0;
      return undefined;
    },
    markUnresolved: (name, reevaluate) => {
      if (name.locked) return;
      const place = placeFor(name, reevaluate);
      if (place === undefined || place === 'nowhere') return;
      name.waiting = place;
      if (place === 'now') now.push(name);
      else heaps[place].push(name);
    },
    nextUnresolved: () => {
      const name = nextNow() ?? nextOf('selectable') ?? nextOf('unresolved');
      if (name !== undefined) name.waiting = 'nowhere';
      return name;
    },
  };
}
