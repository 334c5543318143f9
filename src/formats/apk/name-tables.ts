/**
 * Tables of names over a list of packages. Nearly all names have one package: a bare number saves tens of thousands of
 * little arrays.
 */
import type { NameTables, PositionTable } from '../../core/package.ts';

export interface NameTablesWriter extends NameTables {
  /** A package goes by the name. Positions come in rising order. */
  readonly addName: (name: string, position: number) => void;
  /** A package waits for the name to be installed. */
  readonly addTrigger: (name: string, position: number) => void;
  /** Every name with each of its positions. */
  readonly eachName: (use: (name: string, position: number) => void) => void;
  readonly eachTrigger: (use: (name: string, position: number) => void) => void;
}

type Positions = Map<string, number | number[]>;

const NONE: readonly number[] = Object.freeze([]);

function add(map: Positions, key: string, value: number): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, value);
  else if (typeof known === 'object') {
    if (known[known.length - 1] !== value) known.push(value);
  } else if (known !== value) map.set(key, [known, value]);
}

function each(map: Positions, use: (name: string, position: number) => void): void {
  for (const [name, found] of map) {
    if (typeof found === 'number') use(name, found);
    else for (const position of found) use(name, position);
  }
}

const tableOf = (map: Positions): PositionTable => ({
  of: (name) => {
    const found = map.get(name);
    if (found === undefined) return NONE;
    return typeof found === 'object' ? found : [found];
  },
  has: (name) => map.has(name),
});

/** Empty tables. */
export function createNameTables(): NameTablesWriter {
  const byName: Positions = new Map();
  const byTrigger: Positions = new Map();
  return {
    byName: tableOf(byName),
    byTrigger: tableOf(byTrigger),
    addName: (name, position) => add(byName, name, position),
    addTrigger: (name, position) => add(byTrigger, name, position),
    eachName: (use) => each(byName, use),
    eachTrigger: (use) => each(byTrigger, use),
  };
}
