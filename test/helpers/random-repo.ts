/** Small random repositories, worlds and command lines, the same for the same seed. */
import type { PackageRecord } from '../../src/core/package.ts';
import { pkg } from './packages.ts';

export interface Random {
  /** A whole number below `limit`. */
  readonly below: (limit: number) => number;
  readonly chance: (probability: number) => boolean;
  readonly pick: <T>(items: readonly T[]) => T;
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    chance: (probability) => next() < probability,
    pick: <T>(items: readonly T[]) => items[below(items.length)] as T,
  };
}

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'app', 'lib'];
/** Provided names: the first ones without version, to be asked for by name only. */
const BARE = ['v1', 'v2'];
const VERSIONED = ['so:x.1', 'so:y.2'];
const OPERATORS = ['=', '<', '>', '>=', '<=', '~'];

const nameOf = (word: string): string => word.replace(/^!|[<>=~].*/g, '');

function randomName(random: Random, bare: boolean): string {
  if (bare) return random.pick(BARE);
  return random.pick(random.chance(0.15) ? VERSIONED : NAMES);
}

/** A dependency as text. */
export function randomDependency(random: Random): string {
  const bare = random.chance(0.1);
  const name = randomName(random, bare);
  const conflict = random.chance(0.08) ? '!' : '';
  return `${conflict}${name}${bare || random.chance(0.6) ? '' : `${random.pick(OPERATORS)}${1 + random.below(3)}`}`;
}

/** Up to `count` dependencies on different names, none on `own`. */
export function randomDependencies(random: Random, count: number, own = ''): string[] {
  const words = new Map<string, string>();
  for (let i = random.below(count + 1); i > 0; i--) {
    const word = randomDependency(random);
    if (nameOf(word) !== own) words.set(nameOf(word), word);
  }
  return [...words.values()];
}

function randomPackage(random: Random, name: string, version: number): PackageRecord {
  const provides = [
    ...(random.chance(0.12) ? [random.pick(BARE)] : []),
    ...(random.chance(0.15) ? [`${random.pick(VERSIONED)}=${version}`] : []),
  ];
  const depends = random.chance(0.5) ? [] : randomDependencies(random, 2, name);
  const triggers = random.chance(0.12)
    ? [...new Set([random.pick(NAMES), random.pick(NAMES)])].filter((item) => item !== name)
    : [];
  return pkg(`${name}-${version}`, {
    provides: provides.join(' '),
    installIf: triggers.join(' '),
    priority: random.chance(0.15) ? 1 + random.below(3) : 0,
    // A package that forbids what it provides is a matter of taste between versions of apk.
    depends: depends
      .filter((word) => !word.startsWith('!') || !provides.some((item) => nameOf(item) === nameOf(word)))
      .join(' '),
    build: String(random.below(1000)),
  });
}

export function randomPackages(random: Random): PackageRecord[] {
  return NAMES.flatMap((name) =>
    [1, 2, 3].filter(() => random.chance(0.5)).map((version) => randomPackage(random, name, version)),
  );
}

export const randomNames = (random: Random, count: number): string[] => [
  ...new Set(Array.from({ length: count }, () => random.pick(NAMES))),
];
