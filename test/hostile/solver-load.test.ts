/** Indexes whose dependencies are made to keep a machine busy: a solve takes work and memory that grow as they do, or is refused. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isAlprootError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import { countSteps, createState } from '../../src/solve/state.ts';

interface Load {
  readonly planned: number;
  readonly errors: number;
  readonly steps: number;
  readonly residentMiB: number;
}

const ROOT = join(import.meta.dirname, '..', '..');
const run = (...args: string[]): unknown => JSON.parse(execFileSync(process.execPath, ['--import', 'tsx', join(ROOT, 'test/helpers/solve-load.ts'), ...args], { cwd: ROOT, encoding: 'utf8' }));

describe('twice as many', () => {
  it.each(run() as string[])('%s take about twice the work', (shape) => {
    const [once, twice] = run(shape, '3000', '6000') as [Load, Load];
    expect(once.planned + once.errors).toBeGreaterThan(0);
    expect(twice.steps / Math.max(once.steps, 1000)).toBeLessThan(2.5);
  });
});

describe('an index of hostile size', () => {
  it.each([['packages that wait for one name', '30000'], ['names that one package waits for', '30000'], ['names that one package provides', '60000'], ['packages in a chain', '30000'], ['packages with thirty dependencies each', '20000']])('%s (%s) takes less than 256 MiB', (shape, n) => {
    const [load] = run(shape, n) as [Load];
    expect(load.errors).toBe(0);
    expect(load.residentMiB).toBeLessThan(256);
  });

  it('ends with the limit that it has met', () => {
    const state = createState({ tags: { reposOf: () => 0 } } as never, [], { flags: 0, preupgrade: false });
    countSteps(state, limits.solverSteps);
    expect(() => countSteps(state, 1)).toThrow(expect.objectContaining({ code: 'ALP_LIMIT_COUNT', exitStatus: 5 }));
    try {
      countSteps(state, 1);
    } catch (error) {
      expect(isAlprootError(error) && error.message).toContain('solverSteps');
    }
  });
});
