/**
 * Speed against what people would use instead, both sides set up here.
 *
 *     npm run bench -- [--only ROW] [--quick] [--runs N] [--mirror DIR] [--json FILE]
 *     npm run bench -- --docs FILE…      docs/benchmarks.md from results, without running anything
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, userInfo } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openBench, type BenchOptions } from './bench.ts';
import { canAccount } from './measure.ts';
import { formatDocs, formatRow } from './report.ts';
import type { BenchResult, RowResult } from './row.ts';
import { runRow } from './runner.ts';
import { buildRows } from './rows-build.ts';
import { compileRows } from './rows-compile.ts';
import { growthRows } from './rows-growth.ts';
import { installRows } from './rows-install.ts';
import { networkRows } from './rows-network.ts';
import { resolveRows } from './rows-resolve.ts';
import { startRows } from './rows-start.ts';
import { SHORTFALLS } from './shortfalls.ts';

const ROWS = [
  ...installRows,
  ...startRows,
  ...resolveRows,
  ...buildRows,
  ...compileRows,
  ...networkRows,
  ...growthRows,
];
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** @param save called with all results so far, after each row */
async function run({
  only,
  save,
  ...options
}: BenchOptions & { readonly only: readonly string[]; readonly save: (result: BenchResult) => void }): Promise<void> {
  const chosen = only.length === 0 ? ROWS : ROWS.filter(({ id }) => only.some((word) => id.startsWith(word)));
  if (chosen.length === 0) throw new Error(`no such row; there are ${ROWS.map(({ id }) => id).join(', ')}`);
  const bench = await openBench(options);
  const stop = (): never => {
    bench.close();
    process.exit(130);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const rows: RowResult[] = [];
    for (const row of chosen) {
      const result = await runRow(row, bench);
      for (const line of formatRow(result)) say(line);
      rows.push(result);
      save({
        date: new Date().toISOString(),
        user: bench.isRoot ? 'root' : 'an ordinary user',
        machine: machine(),
        apk: bench.realApk?.version ?? 'not there',
        quick: options.quick,
        rows,
      });
    }
  } finally {
    bench.close();
  }
}

const machine = (): string =>
  [
    `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}`,
    `Linux ${release()}`,
    `Node ${process.versions.node}`,
    `load ${loadavg()[0]?.toFixed(1) ?? ''}`,
  ].join(', ');

/** Runs of one user become one; of a row that was run again the last run counts. */
const merged = (results: readonly BenchResult[]): BenchResult[] =>
  [...new Set(results.map(({ user }) => user))].flatMap((user) => {
    const own = results.filter((result) => result.user === user);
    const rows = ROWS.flatMap(({ id }) =>
      own.flatMap((result) => result.rows.filter((row) => row.id === id)).slice(-1),
    );
    return own.slice(0, 1).map((first) => ({ ...first, rows }));
  });

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    mirror: { type: 'string' },
    json: { type: 'string' },
    docs: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const HELP = `npm run bench -- [options]

  --only ROW     rows whose names begin so; may be repeated
  --quick        each row once, small
  --runs N       turns of each row (default: 7)
  --mirror DIR   packages for the rows that install (ALPROOT_BENCH_MIRROR)
  --json FILE    write all results
  --docs FILE…   docs/benchmarks.md from results, without running anything

Rows: ${ROWS.map(({ id }) => id).join(', ')}`;

if (values.help) say(HELP);
else if (values.docs) {
  const results = merged(positionals.map((file) => JSON.parse(readFileSync(file, 'utf8')) as BenchResult));
  writeFileSync(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), formatDocs(results, SHORTFALLS));
} else {
  const accounts = canAccount() ? '' : '; no /usr/bin/time (package time), so no CPU and memory';
  say(`as ${userInfo().username} on ${machine()}${accounts}`);
  const mirror = values.mirror ?? process.env['ALPROOT_BENCH_MIRROR'];
  const save = (result: BenchResult): void => {
    if (result.rows.some(({ failed }) => failed !== undefined)) process.exitCode = 1;
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(result, null, 1)}\n`);
  };
  await run({
    only: values.only,
    quick: values.quick,
    runs: Number(values.runs ?? (values.quick ? 1 : 7)),
    mirror,
    save,
  });
}
