/**
 * Runs the sides of a row in turn, A B A B …, after a warm-up of each, so that drift of the machine meets all alike.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Bench } from './bench.ts';
import { measure, type Sample } from './measure.ts';
import type { Prepared, Row, RowResult, SideResult, Spread } from './row.ts';
import { Skipped } from './skipped.ts';

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1
      ? sorted[middle]
      : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
  return { min: sorted[0] ?? Number.NaN, median: median ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** A row that cannot run here, whose command fails or whose results differ comes back with the reason. */
export async function runRow(row: Row, bench: Bench): Promise<RowResult> {
  const { prepare, rounds: most, ...facts } = row;
  const rounds = Math.min(bench.runs, most ?? bench.runs);
  const where = join(bench.places[row.where] ?? '', row.id.replaceAll(/\W/g, '-'));
  if (bench.places[row.where] === undefined)
    return { ...facts, sides: [], rounds: 0, skipped: 'no tmpfs that may be written' };
  mkdirSync(where, { recursive: true });
  let prepared: Prepared | undefined;
  try {
    prepared = await prepare(bench, where);
    const samples = await interleave(prepared, { rounds, warmUps: bench.quick ? 0 : 1, record: join(where, 'time') });
    const checked = prepared.check?.();
    return { ...facts, sides: summarise(prepared, samples), rounds, ...(checked === undefined ? {} : { checked }) };
  } catch (error) {
    if (error instanceof Skipped) return { ...facts, sides: [], rounds: 0, skipped: error.message };
    return { ...facts, sides: [], rounds: 0, failed: error instanceof Error ? error.message : String(error) };
  } finally {
    prepared?.close?.();
    rmSync(where, { recursive: true, force: true });
  }
}

async function interleave(
  { sides }: Prepared,
  { rounds, warmUps, record }: { readonly rounds: number; readonly warmUps: number; readonly record: string },
): Promise<Sample[][]> {
  const samples = sides.map((): Sample[] => []);
  for (let round = -warmUps; round < rounds; round++) {
    for (const [at, side] of sides.entries()) {
      // A signal that came meanwhile is heard here.
      await setImmediate();
      const sample = measure(side.start(round), record);
      side.finish?.(round);
      if (round >= 0) samples[at]?.push(sample);
    }
  }
  return samples;
}

/** Of the first side's times over those of another, round by round; undefined for the first itself. */
function ratioToFirst(at: number, samples: readonly (readonly Sample[])[]): Spread | undefined {
  if (at === 0) return undefined;
  const own = samples[at] ?? [];
  return spread(own.map(({ wallMs }, round) => (samples[0]?.[round]?.wallMs ?? Number.NaN) / wallMs));
}

function summarise({ sides }: Prepared, samples: readonly (readonly Sample[])[]): SideResult[] {
  const grows = sides[0]?.units !== undefined;
  return sides.map((side, at): SideResult => {
    const own = samples[at] ?? [];
    const units = sides.map((other) => other.units ?? 0);
    const ratio = grows ? growth(units, samples, at) : ratioToFirst(at, samples);
    return {
      name: side.name,
      wallMs: spread(own.map(({ wallMs }) => wallMs)),
      cpuMs: spread(own.map(({ cpuMs }) => cpuMs)).median,
      rssKb: Math.max(...own.map(({ rssKb }) => rssKb)),
      ...(side.units === undefined ? {} : { units: side.units }),
      ...(ratio === undefined ? {} : { ratio }),
    };
  });
}

/** What one more unit costs from the size before to this one, over what it cost one size earlier; from medians. */
function growth(units: readonly number[], samples: readonly (readonly Sample[])[], at: number): Spread | undefined {
  if (at < 2) return undefined;
  const median = (index: number): number => spread((samples[index] ?? []).map(({ wallMs }) => wallMs)).median;
  const each = (index: number): number =>
    (median(index) - median(index - 1)) / ((units[index] ?? 0) - (units[index - 1] ?? 0));
  return spread([each(at) / each(at - 1)]);
}
