/** What a piece of synchronous work takes, told apart from what the test runner and earlier garbage take. */

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
