/** A GiB in each place where something inflates or is read whole: ends within its cap, in little memory. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { enter } from '../helpers/ledger.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const run = (...args: string[]): unknown =>
  JSON.parse(
    execFileSync(process.execPath, ['--import', 'tsx', join(ROOT, 'test/helpers/bomb-run.ts'), ...args], {
      cwd: ROOT,
      encoding: 'utf8',
    }),
  );
const MOST_MIB = 256;

describe('a GiB from little', () => {
  it.each(run() as string[])('in %s is refused at its cap, below 256 MiB of memory', (place) => {
    const { code, residentMiB } = run(place) as { readonly code: string; readonly residentMiB: number };
    // A bundle's manifest must be whole before it is read, and this one is not.
    expect(code).toBe(place === 'a bundle' ? 'ALP_VERIFY_STRUCTURE' : 'ALP_LIMIT_SIZE');
    expect(residentMiB).toBeLessThan(MOST_MIB);
    enter({ kind: 'invariant', area: 'less than 256 MiB resident', ok: true });
  });
});
