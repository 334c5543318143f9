/**
 * What the hostile and the torture tests did, for the table that `bin/test` prints: one JSON line each, in a file of
 * this process under the directory that ALPROOT_LEDGER names. Without the variable nothing is written.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

export interface LedgerRow {
  /**
   * `attack`: tried, `ok` when refused with the right code. `invariant`: `ok` when it held. `fault`: injected, `ok`
   * when recovered.
   */
  readonly kind: 'attack' | 'invariant' | 'fault';
  /** What the table groups by: `index`, `bombs`, `kill at a syscall`. */
  readonly area: string;
  readonly ok: boolean;
  /** How many at once; 1 unless given. */
  readonly count?: number;
}

export function enter(row: LedgerRow): void {
  const directory = process.env['ALPROOT_LEDGER'];
  if (directory !== undefined) appendFileSync(join(directory, `${process.pid}.jsonl`), `${JSON.stringify(row)}\n`);
}
