import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const minutes = (count: number): number => count * 60_000;

export default defineConfig({
  test: {
    // Of two processors vitest uses one by itself, and the fuzzers take minutes.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/{e2e,oracle,hostile,fuzz,conformance}/**'],
          testTimeout: minutes(2),
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/{e2e,oracle,hostile,conformance}/**/*.test.ts'],
          globalSetup: ['test/helpers/packed-setup.ts'],
          setupFiles: ['test/helpers/ledger-setup.ts'],
          testTimeout: minutes(10),
          hookTimeout: minutes(15),
        },
      },
      { test: { name: 'fuzz', include: ['test/fuzz/**/*.test.ts'], testTimeout: minutes(5) + 1000 * Number(process.env['ALPROOT_FUZZ_SECONDS'] ?? 0) } },
    ],
  },
});
