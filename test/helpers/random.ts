/** Choices that a seed tells wholly, so that a run can be done again. */

/** A whole number from 0 up to and without `count`. */
export type Choose = (count: number) => number;

/** A small generator of 32 bits (mulberry32). */
export function generator(seed: number): Choose {
  let state = seed | 0;
  return (count) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * count);
  };
}

/** One of a list that is not empty. */
export const oneOf = <T>(pick: Choose, list: readonly T[]): T => list[pick(list.length)] as T;
