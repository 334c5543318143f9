/**
 * Packages that are odd or broken at every level: whatever we take, the real apk takes, and makes the same tree of it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareMutants, makeApkBench, type ApkBench } from '../helpers/apk-comparison.ts';
import { capability } from '../helpers/capabilities.ts';
import { enter } from '../helpers/ledger.ts';

const needs = capability('bwrap', 'chroot', 'upstream');
const BATCHES = 8;
const COUNT = 50;
let bench: ApkBench;
beforeAll(async () => {
  if (!needs.skip) bench = await makeApkBench();
});
afterAll(() => {
  if (!needs.skip) bench.close();
});

describe.skipIf(needs.skip)(`mutants of packages${needs.reason}`, () => {
  it.each(Array.from({ length: BATCHES }, (_, at) => 1 + at * COUNT))(
    'seeds from %i are taken as the real apk takes them, or refused',
    async (seed) => {
      const { differences, taken, refused } = await compareMutants(bench, { seed, count: COUNT });
      enter({ kind: 'attack', area: 'mutants against apk', ok: differences.length === 0, count: COUNT });
      expect(differences).toEqual([]);
      expect(Math.min(taken, refused)).toBeGreaterThan(0);
    },
  );

  it.each([
    ['a time in a pax header', 831422194],
    ['an owner in a pax header', 1768218102],
  ])('%s is taken as the real apk takes it', async (_what, seed) => {
    expect(await compareMutants(bench, { seed, count: 1 })).toEqual({ taken: 1, refused: 0, differences: [] });
  });
});
