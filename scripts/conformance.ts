/**
 * Runs apk-tools' own solver cases and version comparisons: every `*.test` and `version.data` under a directory.
 * A failure is shown as a diff; the last line is `N passed, N failed`.
 */
import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runSolverCase, runVersionData, type CaseResult } from './conformance-cases.ts';

/** The files to run, in order; a file stands for itself. */
function findCases(directory: string): string[] {
  if (statSync(directory).isFile()) return [directory];
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test') || basename(path) === 'version.data')
    .sort()
    .map((path) => join(directory, path));
}

/** Lines that are only in one of two texts, in the order of both. */
function diff(expected: readonly string[], actual: readonly string[]): string[] {
  const table = Array.from({ length: expected.length + 1 }, () => new Array<number>(actual.length + 1).fill(0));
  const at = (i: number, j: number): number => table[i]?.[j] ?? 0;
  for (let i = expected.length - 1; i >= 0; i--) {
    for (let j = actual.length - 1; j >= 0; j--) {
      (table[i] ?? [])[j] = expected[i] === actual[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: string[] = [];
  for (let i = 0, j = 0; i < expected.length || j < actual.length;) {
    if (i < expected.length && j < actual.length && expected[i] === actual[j]) {
      lines.push(`  ${expected[i]}`);
      i++;
      j++;
    } else if (j >= actual.length || (i < expected.length && at(i + 1, j) >= at(i, j + 1)))
      lines.push(`- ${expected[i++]}`);
    else lines.push(`+ ${actual[j++]}`);
  }
  return lines;
}

/** Every case of one file. */
export function runFile(path: string): CaseResult[] {
  return basename(path) === 'version.data' ? runVersionData(path) : [runSolverCase(path)];
}

export { findCases };

function main(directory: string | undefined): void {
  if (directory === undefined) {
    process.stderr.write('usage: npm run conformance -- DIR\n');
    process.exitCode = 2;
    return;
  }
  const results = findCases(directory).flatMap(runFile);
  for (const { name, expected, actual } of results.filter(({ passed }) => !passed)) {
    process.stdout.write(
      `${name}\n${diff(expected, actual)
        .map((line) => `  ${line}\n`)
        .join('')}`,
    );
  }
  const passed = results.filter((result) => result.passed).length;
  process.stdout.write(`${passed} passed, ${results.length - passed} failed\n`);
  process.exitCode = passed === results.length ? 0 : 1;
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(`/${basename(process.argv[1])}`)) main(process.argv[2]);
