import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const minutes = (count: number): number => count * 60_000;

/** Helpers that bring a sandbox, a compiler, real data of Alpine, or the packed program. */
const HEAVY =
  /\/helpers\/(?:build-host|capabilities|cli|compile|install-raw|packed|release-mirror|sandbox|upstream)\.ts'/;

/** By what they import, so that a new test is in the right project by itself. */
const heavy = readdirSync(join(import.meta.dirname, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts') && !/^(?:e2e|oracle|hostile|fuzz|conformance)\//.test(name))
  .map((name) => `test/${name}`)
  .filter((path) => HEAVY.test(readFileSync(join(import.meta.dirname, path), 'utf8')))
  .sort();

/** Long for another reason: a hundred thousand files, processes of their own, many certificates. */
const LONG = [
  'bench/runner',
  'pipeline/inspect/{network-report,static-check,verify-deep}',
  'pipeline/session/network',
  'run/{ownership-database,setuid-bwrap}',
  'system/{files/hard-link,files/make-directories,files/remove-tree,process/pipes}',
].map((name) => `test/${name}.test.ts`);

/** Not for a check of a minute. */
const SLOW = [...heavy, ...LONG];

export default defineConfig({
  test: {
    // Of two processors vitest uses one by itself, and the fuzzers take minutes.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/{e2e,oracle,hostile,fuzz,conformance}/**', ...SLOW],
          testTimeout: minutes(2),
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/{e2e,oracle,hostile,conformance}/**/*.test.ts', ...SLOW],
          globalSetup: ['test/helpers/packed-setup.ts'],
          setupFiles: ['test/helpers/ledger-setup.ts'],
          testTimeout: minutes(10),
          hookTimeout: minutes(15),
        },
      },
      {
        test: {
          name: 'fuzz',
          include: ['test/fuzz/**/*.test.ts'],
          testTimeout: minutes(5) + 1000 * Number(process.env['ALPROOT_FUZZ_SECONDS'] ?? 0),
        },
      },
    ],
  },
});
