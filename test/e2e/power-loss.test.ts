/**
 * Power that fails in the middle: what the disk may have kept then, and whether the next command gets along with it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { makeFaultBench, type Bench } from '../helpers/faults.ts';
import { enter } from '../helpers/ledger.ts';
import { checkTrace, makePowerBench, type PowerBench, tryPowerLoss } from '../helpers/power-loss.ts';

const needs = capability('upstream', 'bwrap', 'strace');
const STATES = 50;
const GROUP = 5;
let bench: Bench;
let power: PowerBench;
beforeAll(async () => {
  if (needs.skip) return;
  bench = await makeFaultBench([]);
  power = await makePowerBench(bench);
});
afterAll(async () => {
  if (needs.skip) return;
  await power.close();
  bench.close();
});

describe.skipIf(needs.skip)(`a power failure${needs.reason}`, () => {
  it('is made from a trace that tells all: where nothing is lost, everything is there', () =>
    expect(checkTrace(power)).toEqual([]));

  it.each(Array.from({ length: STATES / GROUP }, (_, at) => 1 + at * GROUP))(
    'is got over: states %i and four more',
    async (first) => {
      const losses = await Promise.all(Array.from({ length: GROUP }, (_, at) => tryPowerLoss(power, first + at)));
      for (const { wrong } of losses) enter({ kind: 'fault', area: 'power loss', ok: wrong.length === 0 });
      expect(losses.filter(({ wrong }) => wrong.length > 0)).toEqual([]);
    },
  );
});
