/** The real clock. */
import { setTimeout as delay } from 'node:timers/promises';
import { steadyMs, type Clock } from '../../core/clock.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  steady: steadyMs,
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
  random: () => Math.random(),
};
