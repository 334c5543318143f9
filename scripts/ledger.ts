/** The table of what the hostile and torture tests did: attacks refused, invariants held, faults recovered from. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LedgerRow } from '../test/helpers/ledger.ts';

/** All rows that test processes left in `directory`. */
export const readLedger = (directory: string): LedgerRow[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) =>
      readFileSync(join(directory, name), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as LedgerRow),
    );

const HEADINGS = {
  attack: ['attacks', 'tried', 'refused with the right code'],
  invariant: ['invariants', 'checked', 'held'],
  fault: ['faults', 'injected', 'recovered'],
} as const satisfies Record<LedgerRow['kind'], readonly string[]>;

/** Text of a table for each kind that has rows; empty without any. */
export function formatLedger(rows: readonly LedgerRow[]): string {
  const kinds = (Object.keys(HEADINGS) as LedgerRow['kind'][]).filter((kind) => rows.some((row) => row.kind === kind));
  return kinds
    .map((kind) => {
      const own = rows.filter((row) => row.kind === kind);
      const areas = [...new Set(own.map(({ area }) => area))].sort();
      const lines = areas.map((area) => [area, ...sums(own.filter((row) => row.area === area))]);
      return formatTable([HEADINGS[kind], ...lines, ['all', ...sums(own)]]);
    })
    .join('\n');
}

function sums(rows: readonly LedgerRow[]): [string, string] {
  const sum = (some: readonly LedgerRow[]): string => String(some.reduce((total, { count = 1 }) => total + count, 0));
  return [sum(rows), sum(rows.filter(({ ok }) => ok))];
}

function formatTable(lines: readonly (readonly string[])[]): string {
  const widths = [0, 1, 2].map((column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const pad = (cell: string, at: number): string =>
    at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0);
  return lines.map((line) => `${line.map((cell, at) => pad(cell, at)).join('  ')}\n`).join('');
}
