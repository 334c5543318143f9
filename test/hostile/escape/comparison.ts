/** Compares what was tried with what was promised, in words. */
import { exceptionsAtFull, promisedBelowFull, promisedToWork, type Circumstances } from './expected.ts';
import type { Results } from './results.ts';
import type { Level } from './worlds.ts';

/** One line for each attempt that ended otherwise than promised; sorted, empty when all is as it should be. */
export function differences(results: Results, level: Level, circumstances: Circumstances): readonly string[] {
  const lines: string[] = [];
  const exceptions = exceptionsAtFull(circumstances);
  const refused =
    level === 'full'
      ? [...results.keys()].filter((name) => !exceptions.has(name))
      : promisedBelowFull(level, circumstances);
  for (const name of refused) {
    const result = results.get(name);
    if (result === undefined) lines.push(`${name}: promised to be refused at ${level}, and never tried`);
    if (result?.outcome === 'succeeded')
      lines.push(`${name}: promised to be refused at ${level}, and succeeded: ${result.detail}`);
  }
  for (const name of promisedToWork(circumstances)) {
    const result = results.get(name);
    if (result?.outcome !== 'succeeded')
      lines.push(`${name}: promised to work, and was refused: ${result?.detail ?? 'never tried'}`);
  }
  return lines.sort();
}
