/** The bench itself is kept alive: once, small. No figure of it is compared here. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { BenchResult } from '../../bench/row.ts';
import { capability } from '../helpers/capabilities.ts';
import { projectRoot } from '../helpers/cli.ts';

const needs = capability('upstream', 'bwrap');

it.skipIf(needs.skip)(
  `the bench runs small from end to end: a ratio in each row that runs, trees equal to the real apk's${needs.reason}`,
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'alproot-bench-test-'));
    try {
      const file = join(directory, 'result.json');
      const table = execFileSync('npm', ['run', '--silent', 'bench', '--', '--quick', '--json', file], {
        cwd: projectRoot,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const { rows } = JSON.parse(readFileSync(file, 'utf8')) as BenchResult;
      expect(rows.flatMap(({ id, failed }) => (failed === undefined ? [] : [`${id}: ${failed}`]))).toEqual([]);
      for (const { id, skipped, sides } of rows) {
        expect(table).toContain(`${id}: `);
        if (skipped === undefined)
          expect(
            sides.some(({ ratio }) => Number.isFinite(ratio?.median)),
            id,
          ).toBe(true);
      }
      for (const id of ['cold-disk', 'small-add', 'network'])
        expect(rows.find((row) => row.id === id)?.checked, id).toMatch(/entries equal/);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
);
