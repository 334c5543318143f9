/** Reads the counts that reporters give. A reporter that gives none, or contradicts its exit status, is a failure. */

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const addTallies = (a: Tally, b: Tally): Tally => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

const atLeastOne = (tally: Tally, status: number): Tally =>
  status !== 0 && tally.failed === 0 ? { ...tally, failed: 1 } : tally;

/**
 * Counts of vitest's JSON report. A file that failed without a failed test in it (it could not be loaded, a hook
 * threw) counts as one failure.
 *
 * @param json undefined when vitest wrote no report
 * @param status vitest's exit status
 */
export function countVitest(json: string | undefined, status: number): Tally {
  if (json === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const report = JSON.parse(json) as VitestReport;
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  return atLeastOne(
    {
      passed: report.numPassedTests,
      failed: report.numFailedTests + broken,
      skipped: report.numPendingTests + report.numTodoTests,
    },
    status,
  );
}

/** The counts of a last line `N passed, N failed[, N skipped]`. */
export function readTally(text: string, status: number): Tally {
  const match = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(text.trimEnd().split('\n').at(-1) ?? '');
  if (match === null) return { passed: 0, failed: 1, skipped: 0 };
  return atLeastOne({ passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3] ?? 0) }, status);
}
