/**
 * What `npm run torture -- --only large` tries in full: sizes that are more than may be resident, and one beyond 31
 * bits.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { type LargeBench, makeLargeBench, tryContext, tryEntries, tryPackage } from '../helpers/large.ts';
import { enter } from '../helpers/ledger.ts';

const needs = capability('upstream', 'bwrap');

describe.skipIf(needs.skip)(`large things${needs.reason}`, () => {
  let bench: LargeBench;
  beforeAll(async () => void (bench = await makeLargeBench()));
  afterAll(() => bench.close());

  it.each([
    ['a file of 300 MB in a context', () => tryContext(bench, 300_000_001)],
    ['a file of 2 GiB and a byte in a package', () => tryPackage(bench, 2 ** 31 + 1)],
    ['a package of 8,000 entries', () => tryEntries(bench, 8000)],
  ] as const)('%s come through whole, as holes, and in little memory', async (_what, attempt) => {
    const { wrong } = await attempt();
    enter({ kind: 'invariant', area: 'large things in little memory', ok: wrong.length === 0 });
    expect(wrong).toEqual([]);
  });
});
