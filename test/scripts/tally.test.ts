import { expect, it } from 'vitest';
import { addTallies, countVitest, readTally } from '../../scripts/tally.ts';

const report = (extra: object = {}): string =>
  JSON.stringify({
    numPassedTests: 5,
    numFailedTests: 0,
    numPendingTests: 2,
    numTodoTests: 0,
    testResults: [],
    ...extra,
  });

it('counts what vitest counted', () => {
  expect(countVitest(report(), 0)).toEqual({ passed: 5, failed: 0, skipped: 2 });
  expect(countVitest(report({ numFailedTests: 3 }), 1)).toEqual({ passed: 5, failed: 3, skipped: 2 });
});

it('a test file that could not be loaded is a failure', () => {
  const broken = { name: 'x.test.ts', status: 'failed', assertionResults: [] };
  expect(
    countVitest(
      report({ testResults: [broken, { name: 'y', status: 'passed', assertionResults: [{ status: 'passed' }] }] }),
      1,
    ).failed,
  ).toBe(1);
});

it('a bad exit status without a failed test is a failure, and so is a missing report', () => {
  expect(countVitest(report(), 1).failed).toBe(1);
  expect(countVitest(undefined, 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
});

it('reads the last line of a check that counts by itself', () => {
  expect(readTally('noise\n487 passed, 0 failed\n', 0)).toEqual({ passed: 487, failed: 0, skipped: 0 });
  expect(readTally('1 passed, 2 failed, 3 skipped', 1)).toEqual({ passed: 1, failed: 2, skipped: 3 });
  expect(readTally('487 passed, 0 failed\n', 1).failed).toBe(1);
  expect(readTally('all good', 0).failed).toBe(1);
});

it('adds up', () => {
  expect(addTallies({ passed: 1, failed: 2, skipped: 3 }, { passed: 10, failed: 20, skipped: 30 })).toEqual({
    passed: 11,
    failed: 22,
    skipped: 33,
  });
});
