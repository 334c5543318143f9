/**
 * Indexes whose dependencies are made to keep a machine busy: a solve takes work and memory that grow as they do, or
 * is refused.
 */
import { buildSync } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isAlprootError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import { countSteps, createState } from '../../src/solve/solver-state.ts';

interface Load {
  readonly planned: number;
  readonly errors: number;
  readonly steps: number;
  readonly residentMiB: number;
}

const ROOT = join(import.meta.dirname, '..', '..');
/** As it ships: in one file, without what compiles it on the way in. */
const directory = mkdtempSync(join(tmpdir(), 'alproot-load-'));
const program = join(directory, 'solve-load.mjs');
buildSync({
  entryPoints: [join(ROOT, 'test/helpers/solve-load.ts')],
  outfile: program,
  bundle: true,
  format: 'esm',
  platform: 'node',
  minify: true,
  logLevel: 'error',
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const run = (...args: string[]): unknown =>
  JSON.parse(execFileSync(process.execPath, [program, ...args], { encoding: 'utf8' }));

describe('twice as many', () => {
  it.each(run() as string[])('%s take about twice the work', (shape) => {
    const [once, twice] = run(shape, '3000', '6000') as [Load, Load];
    expect(once.planned + once.errors).toBeGreaterThan(0);
    expect(twice.steps / Math.max(once.steps, 1000)).toBeLessThan(2.5);
  });
});

describe('an index of hostile size', () => {
  // Resident in MiB, that of an empty process (some 45) included; with room for how late a collector may come.
  it.each([
    ['packages that wait for one name', '100000', 248],
    ['packages in a chain', '100000', 268],
    ['packages with thirty dependencies each', '30000', 240],
    ['names that one package waits for', '30000', 176],
    ['names that one package provides', '60000', 176],
  ])('%s (%s) takes less than %d MiB', (shape, n, most) => {
    const [load] = run(shape, n) as [Load];
    expect(load.errors).toBe(0);
    expect(load.residentMiB).toBeLessThan(most);
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
