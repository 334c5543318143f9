/**
 * How long one file may take, all its attempts and resumptions together: ten minutes, and beyond them the time that
 * its bytes need at a minimum mean rate. Whoever sends a byte now and then, never stalling, is left after minutes and
 * not after days; a large file over a slow line has the time that it needs.
 *
 * @see The Update Framework 1.0.33 §1.5.2, slow retrieval attacks
 */
import type { Clock } from '../core/clock.ts';
import { AlprootError } from '../core/errors.ts';

/** On average over a whole transfer, unless the user says otherwise. */
export const MIN_MEAN_RATE_BYTES = 8 * 1024;
const GRACE_MS = 10 * 60_000;
/** At any time within one attempt, unless the mean rate is lower. */
const MIN_RATE_BYTES = 1024;
const WINDOW_MS = 60_000;

export interface PaceOptions {
  readonly clock: Clock;
  /** Mean bytes a second; 0: any rate will do. */
  readonly minRateBytes?: number | undefined;
  /** What the file may have at most; what is sent beyond it earns no time. */
  readonly wantedBytes: number;
  /** Of whoever sends, for messages. */
  readonly where: string;
}

export interface Pace {
  /** An attempt begins to receive. */
  readonly begin: () => void;
  /** Bytes came. @throws ALP_FETCH_SLOW when they are too few for the time that went by */
  readonly receive: (bytes: number) => void;
  /** The size is known better now; it never becomes larger. */
  readonly expect: (wantedBytes: number) => void;
  /** @throws ALP_FETCH_SLOW when there is no time left, for another attempt either */
  readonly check: () => void;
  /** No attempt may follow. */
  readonly isOver: () => boolean;
}

/** The time of one file begins. */
export function createPace({ clock, where, wantedBytes, minRateBytes = MIN_MEAN_RATE_BYTES }: PaceOptions): Pace {
  const now = clock.steady ?? clock.now;
  const start = now();
  const windowRate = Math.min(MIN_RATE_BYTES, minRateBytes);
  let wanted = wantedBytes;
  let total = 0;
  let windowStart = start;
  let windowBytes = 0;

  const elapsedMs = (): number => now() - start;
  const allowedMs = (): number =>
    minRateBytes === 0 ? Infinity : GRACE_MS + (Math.min(total, wanted) * 1000) / minRateBytes;
  const isOver = (): boolean => elapsedMs() > allowedMs();

  function tooSlow(rate: number): AlprootError {
    const seconds = Math.max(1, Math.round(elapsedMs() / 1000));
    const mean = Math.floor(total / seconds);
    const rest = `${total} bytes in ${seconds} seconds, ${mean} bytes a second`;
    return new AlprootError('ALP_FETCH_SLOW', `${where} is too slow: ${rest}, less than ${rate} bytes a second`, {
      hint: 'name another --mirror, or accept a slower one with a smaller --min-rate (0: any)',
      facts: { receivedBytes: total, elapsedSeconds: seconds, meanRateBytes: mean, minRateBytes: rate },
    });
  }

  const check = (): void => {
    if (isOver()) throw tooSlow(minRateBytes);
  };

  return {
    check,
    isOver,
    begin: () => {
      windowStart = now();
      windowBytes = 0;
    },
    expect: (bytes) => void (wanted = Math.min(wanted, bytes)),
    receive: (bytes) => {
      total += bytes;
      windowBytes += bytes;
      check();
      const at = now();
      if (at - windowStart < WINDOW_MS) return;
      if ((windowBytes * 1000) / (at - windowStart) < windowRate) throw tooSlow(windowRate);
      windowStart = at;
      windowBytes = 0;
    },
  };
}
