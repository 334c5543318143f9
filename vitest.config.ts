import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const minutes = (count: number): number => count * 60_000;

/** What needs a sandbox, a compiler, real data of Alpine or many processes: not for a check of a minute. */
const SLOW = [
  'build/{injected-network,rules-copy}',
  'formats/adb/adb-dump',
  'formats/apk/cached-index',
  'mirror/{adb-index,small-programs}',
  'pipeline/dockerfile/git',
  'pipeline/environment/prefetch',
  'pipeline/inspect/{static-check,verify-deep}',
  'pipeline/repository/{freshness,minirootfs}',
  'pipeline/session/backend-choice',
  'run/{supervisor,loader,overlay,ownership-database,setuid-bwrap}',
  'ship/{inspect-report,link-failure,lock-upstream}',
  'system/{files/make-directories,process/pipes}',
  'unpack/{unpack-pipeline,tree-contents}',
  'verify/{adb,flips,pgp-signature}',
].map((name) => `test/${name}.test.ts`);

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
