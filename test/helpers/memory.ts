/** What a piece of synchronous work takes, told apart from what the test runner and earlier garbage take. */
import { readFileSync } from 'node:fs';

const taken = (): number => {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** Bytes that `work` allocated and that no collection has taken back while it ran; never less than what it keeps. */
export function growthOf(work: () => void): number {
  const before = taken();
  work();
  return taken() - before;
}

/**
 * Most that was resident of this process since its program was started; getrusage(2) counts the one that it was forked
 * from.
 */
export const residentMiB = (): number =>
  Math.round(Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024);
