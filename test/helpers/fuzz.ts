/**
 * How long and from which seed everything in test/fuzz is tried: ALPROOT_FUZZ_SECONDS for each target (5 unless set;
 * CI takes 60) and ALPROOT_FUZZ_SEED, both said at the start, so that a run can be had again.
 */
import { randomInt } from 'node:crypto';

export const SECONDS = Number(process.env['ALPROOT_FUZZ_SECONDS'] ?? 5);
const SEED = Number(process.env['ALPROOT_FUZZ_SEED'] ?? randomInt(2 ** 31));
if (!(SECONDS > 0) || !Number.isInteger(SEED))
  throw new Error('ALPROOT_FUZZ_SECONDS and ALPROOT_FUZZ_SEED are numbers');

/** For fast-check: as many runs as there is time for. */
export const BOX = {
  numRuns: 100_000_000,
  seed: SEED,
  interruptAfterTimeLimit: SECONDS * 1000,
  markInterruptAsFailure: false,
};

process.stderr.write(`fuzz: ${SECONDS} s for each target, ALPROOT_FUZZ_SEED=${SEED}\n`);
