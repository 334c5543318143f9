/**
 * What a row of the bench is, and what comes of it. The first side is alproot; the others are what it is compared
 * with.
 */
import type { Bench, Where } from './bench.ts';
import type { Command } from './measure.ts';

export interface Side {
  readonly name: string;
  /** Everything that is not timed, and then the command. A fresh `round` each time; warm-ups are below 0. */
  readonly start: (round: number) => Command;
  /** After the command, not timed. */
  readonly finish?: (round: number) => void;
  /** How many packages, files, bytes or steps, in a row about growth. */
  readonly units?: number;
}

export interface Prepared {
  readonly sides: readonly Side[];
  /** Compares what the sides made. @throws Error when it differs */
  readonly check?: () => string;
  readonly close?: () => void;
}

export interface Row {
  readonly id: string;
  readonly title: string;
  readonly where: Where;
  readonly compares: string;
  readonly fair: string;
  /** The largest ratio that meets the goal. */
  readonly goal?: number;
  /** Instead of a ratio: at most so much more than the first peer. */
  readonly goalMs?: number;
  /** Counted rounds at most, for rows that take long. */
  readonly rounds?: number;
  readonly prepare: (bench: Bench, where: string) => Prepared | Promise<Prepared>;
}

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export interface SideResult {
  readonly name: string;
  readonly wallMs: Spread;
  readonly cpuMs: number;
  readonly rssKb: number;
  readonly units?: number;
  /** alproot's wall time over this side's, round by round; in a growth row cost per further unit. */
  readonly ratio?: Spread;
}

export interface RowResult extends Omit<Row, 'prepare' | 'rounds'> {
  readonly sides: readonly SideResult[];
  readonly rounds: number;
  readonly checked?: string;
  readonly skipped?: string;
  /** A command failed or the results differ. */
  readonly failed?: string;
}

export interface BenchResult {
  readonly date: string;
  readonly user: string;
  readonly machine: string;
  readonly apk: string;
  readonly quick: boolean;
  readonly rows: readonly RowResult[];
}
