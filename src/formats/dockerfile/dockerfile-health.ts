/** Durations as Go writes them, and the flags of HEALTHCHECK. */
import type { Healthcheck } from './dockerfile-instruction.ts';

// prettier-ignore
const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9,
};

/** `1m30s` in nanoseconds; undefined when it is not a duration. @see Go's time.ParseDuration */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/gy)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) return undefined;
  return Math.round(parts.reduce((sum, part) => sum + Number(part[1]) * (NANOSECONDS[part[2] ?? ''] ?? 0), 0));
}

const FLAGS = {
  interval: 'interval',
  timeout: 'timeout',
  'start-period': 'startPeriod',
  'start-interval': 'startInterval',
  retries: 'retries',
} as const;

/** @param read a flag's value: nanoseconds, or a count for `retries` */
export function parseHealthFlags(read: (name: string) => number | undefined): Partial<Healthcheck> {
  const entries = Object.entries(FLAGS).flatMap(([flag, key]) => {
    const value = read(flag);
    return value === undefined ? [] : [[key, value] as const];
  });
  return Object.fromEntries(entries);
}
