/** Time and randomness as arguments, so that tests and reproducible outputs decide them. */
export interface Clock {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds that go by, whatever happens to the date and while the machine sleeps; undefined: `now` tells. */
  readonly steady?: (() => number) | undefined;
  /** Resolves after `ms`, or rejects with the signal's reason. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * Milliseconds from some moment on, for durations. The global `performance` would do, and costs a start one of them.
 */
export const steadyMs = (): number => Number(process.hrtime.bigint()) / 1e6;
