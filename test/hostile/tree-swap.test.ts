/**
 * A process in the tree that swaps a directory for a link while we write, change and remove: nothing outside is
 * touched.
 */
import { describe, expect, it } from 'vitest';
import { ROADS, raceTree } from '../helpers/tree-race.ts';

const ROUNDS = 1000;

describe('while a directory is swapped for a link out of the tree', () => {
  it.each(Object.keys(ROADS))('%s touches nothing outside', async (road) => {
    const { wrong, shut, rounds } = await raceTree(road, ROUNDS);
    expect(wrong).toEqual([]);
    // The link was met, and the directory too.
    expect(shut).toBeGreaterThan(0);
    expect(shut).toBeLessThan(rounds);
  });
});
