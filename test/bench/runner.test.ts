/** How the bench sums up, and that it would notice trees that differ. */
import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatDocs, formatRow, verdict } from '../../bench/report.ts';
import type { RowResult } from '../../bench/row.ts';
import { spread } from '../../bench/runner.ts';
import { compareTrees } from '../../bench/trees.ts';
import { projectRoot } from '../helpers/project.ts';

const flat = (value: number) => ({ min: value, median: value, max: value });
const row = (ratio: number): RowResult => ({
  id: 'cold',
  title: 'Cold',
  where: 'tmpfs',
  compares: 'a against b',
  fair: 'The same.',
  goal: 0.55,
  rounds: 3,
  sides: [
    { name: 'alproot', wallMs: flat(100 * ratio), cpuMs: 90, rssKb: 2048 },
    { name: 'apk', wallMs: flat(100), cpuMs: 80, rssKb: 1024, ratio: flat(ratio) },
  ],
});

describe('what comes of the samples', () => {
  it('is the middle one, or the mean of the two in the middle, and both ends', () => {
    expect(spread([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3 });
    expect(spread([4, 1, 2, 3])).toEqual({ min: 1, median: 2.5, max: 4 });
  });

  it('says whether the goal is met, by the ratio or by what it costs more', () => {
    expect(verdict(row(0.5))).toBe('goal 0.55: met (0.50)');
    expect(verdict(row(0.6))).toBe('goal 0.55: missed (0.60)');
    const { goal: _goal, ...plain } = row(1.3);
    expect(verdict({ ...plain, goalMs: 20 })).toBe('goal +20 ms: missed (+30 ms)');
  });

  it('is a table with a ratio, and a page that names each shortfall with its cause', () => {
    expect(formatRow(row(0.6)).join('\n')).toMatchInlineSnapshot(`
      "cold: Cold
          what     ms, median (min–max)  CPU ms  MB             ratio
          alproot            60 (60–60)      90   2                  
          apk             100 (100–100)      80   1  0.60 (0.60–0.60)
          goal 0.55: missed (0.60)"
    `);
    const page = formatDocs(
      [{ date: '2026-01-01', user: 'root', machine: 'a machine', apk: 'apk-tools 2', quick: false, rows: [row(0.6)] }],
      { cold: 'the disk is slow' },
    );
    expect(page).toContain('- **cold**: the disk is slow');
    expect(page).toContain('| cold | 0.60 × apk; goal 0.55: missed |');
  });
});

describe('two trees', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'alproot-trees-'));
    for (const side of ['a', 'b']) {
      mkdirSync(join(directory, side, 'etc'), { recursive: true });
      writeFileSync(join(directory, side, 'etc/one'), 'content');
      linkSync(join(directory, side, 'etc/one'), join(directory, side, 'etc/two'));
      symlinkSync('one', join(directory, side, 'etc/three'));
    }
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));
  const compare = (): string => compareTrees(join(directory, 'a'), join(directory, 'b'));
  const at = (path: string): string => join(directory, 'b', path);

  it('are equal when all their entries are', () => expect(compare()).toMatch(/^4 entries equal/));

  it.each<readonly [string, () => void]>([
    ['content', () => writeFileSync(at('etc/one'), 'changed')],
    ['mode', () => chmodSync(at('etc/one'), 0o600)],
    ['an entry more', () => writeFileSync(at('etc/four'), '')],
    [
      'a link target',
      () => {
        rmSync(at('etc/three'));
        symlinkSync('two', at('etc/three'));
      },
    ],
    [
      'a hard link that is a copy',
      () => {
        rmSync(at('etc/two'));
        writeFileSync(at('etc/two'), 'content');
      },
    ],
  ])('differ by %s', (_what, change) => {
    change();
    expect(compare).toThrow(/entries differ/);
  });
});

it('says what it takes, and runs nothing', () => {
  const help = execFileSync(
    join(projectRoot, 'node_modules/.bin/tsx'),
    [join(projectRoot, 'bench/main.ts'), '--help'],
    { encoding: 'utf8' },
  );
  for (const flag of ['--only', '--quick', '--runs', '--mirror', '--json', '--docs']) expect(help).toContain(flag);
  expect(help).toMatch(/^Rows: .*cold-disk/m);
});
