/** Results as a table for the terminal and as docs/benchmarks.md. */
import type { BenchResult, RowResult, SideResult } from './row.ts';

const ms = (value: number): string => (value < 10 ? value.toFixed(1) : value.toFixed(0));
const mb = (kb: number): string => (Number.isNaN(kb) ? '-' : (kb / 1024).toFixed(0));
const times = ({ ratio }: SideResult): string =>
  ratio === undefined ? '' : `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`;
const HEAD = ['what', 'ms, median (min–max)', 'CPU ms', 'MB', 'ratio'];

const cells = (side: SideResult): string[] => [
  side.name,
  `${ms(side.wallMs.median)} (${ms(side.wallMs.min)}–${ms(side.wallMs.max)})`,
  Number.isNaN(side.cpuMs) ? '-' : ms(side.cpuMs),
  mb(side.rssKb),
  times(side),
];

/** Whether the goal is met, in words; empty for a row without a goal. */
export function verdict({ sides, goal, goalMs }: RowResult): string {
  const [ours, peer] = sides;
  const ratio = (sides.find((side) => side.ratio !== undefined)?.ratio ?? peer?.ratio)?.median;
  if (ours === undefined || peer === undefined || ratio === undefined) return '';
  if (goal !== undefined) return `goal ${goal}: ${ratio <= goal ? 'met' : 'missed'} (${ratio.toFixed(2)})`;
  if (goalMs === undefined) return '';
  const more = ours.wallMs.median - peer.wallMs.median;
  return `goal +${goalMs} ms: ${more <= goalMs ? 'met' : 'missed'} (${more >= 0 ? '+' : ''}${more.toFixed(0)} ms)`;
}

/** Lines for the terminal. */
export function formatRow(row: RowResult): string[] {
  const head = `${row.id}: ${row.title}`;
  if (row.failed !== undefined) return [head, `    failed: ${row.failed}`];
  if (row.skipped !== undefined) return [head, `    skipped: ${row.skipped}`];
  const table = [HEAD, ...row.sides.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...table.map((line) => (line[column] ?? '').length)));
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0);
  return [
    head,
    ...table.map((line) => `    ${line.map((cell, column) => pad(cell, column)).join('  ')}`),
    ...[row.checked, verdict(row)].filter((text) => text !== undefined && text !== '').map((text) => `    ${text}`),
  ];
}

function section(row: RowResult): string[] {
  const facts = [`### ${row.title}`, '', `\`npm run bench -- --only ${row.id}\`: ${row.compares}.`, '', row.fair, ''];
  if (row.failed !== undefined) return [...facts, `Failed: ${row.failed.split('\n').at(-1) ?? ''}.`, ''];
  if (row.skipped !== undefined) return [...facts, `Not run: ${row.skipped}.`, ''];
  const table = [HEAD, HEAD.map(() => '---'), ...row.sides.map(cells)].map((line) => `| ${line.join(' | ')} |`);
  const remarks = [`${row.rounds} round${row.rounds === 1 ? '' : 's'}`, verdict(row), row.checked ?? '']
    .filter((text) => text !== '')
    .map((text) => `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}.`);
  return [...facts, ...table, '', ...(remarks.length === 0 ? [] : [remarks.join(' '), ''])];
}

const summary = (results: readonly BenchResult[]): string[] => [
  `| row | ${results.map(({ user }) => `as ${user}`).join(' | ')} |`,
  `|---|${results.map(() => '---').join('|')}|`,
  ...(results[0]?.rows ?? []).map(
    ({ id }) => `| ${id} | ${results.map(({ rows }) => overview(rows.find((row) => row.id === id))).join(' | ')} |`,
  ),
];

function overview(row: RowResult | undefined): string {
  if (row === undefined) return '';
  if (row.failed !== undefined) return 'failed';
  if (row.skipped !== undefined) return 'not run';
  const ratios = row.sides
    .flatMap(({ name, ratio, units }) =>
      ratio === undefined ? [] : [`${ratio.median.toFixed(2)}${units === undefined ? ` × ${name}` : ''}`],
    )
    .join(', ');
  return `${ratios}${verdict(row) === '' ? '' : `; ${verdict(row).replace(/ \(.*/, '')}`}`;
}

/** @param notes what to say about rows that miss their goal, by id; Markdown */
export function formatDocs(results: readonly BenchResult[], notes: Readonly<Record<string, string>>): string {
  const missed = [
    ...new Set(
      results.flatMap(({ rows }) => rows.filter((row) => verdict(row).includes('missed')).map(({ id }) => id)),
    ),
  ];
  return (
    [
      '# Benchmarks',
      '',
      "Made by `npm run bench -- --json FILE` and `npm run bench -- --docs FILE…`. The sides of a row run in turn after a warm-up; figures are whole processes, medians with the smallest and the largest; the ratio is alproot over the other side, round by round, so below 1 alproot is faster. CPU is user and system time, MB the peak of the largest process; what runs in a sandbox with a PID namespace of its own is not in alproot's CPU time. Where the load below is above the number of processors, others worked on the machine meanwhile: read the ratios and the CPU time then, not the wall time, and take few rounds for a hint, not for a figure.",
      '',
      ...results.map(
        ({ user, date, machine, apk }) => `- as ${user}: ${date.slice(0, 10)}, ${machine}; the real apk is ${apk}`,
      ),
      '',
      '## At a glance',
      '',
      ...summary(results),
      '',
      ...(missed.length === 0
        ? []
        : [
            '## Shortfalls',
            '',
            'Causes as far as they are known; where none was profiled, it says so or names what is likely.',
            '',
            ...missed.map((id) => `- **${id}**: ${notes[id] ?? 'not explained yet'}`),
            '',
          ]),
      ...results.flatMap(({ user, rows }) => [`## As ${user}`, '', ...rows.flatMap(section)]),
    ]
      .join('\n')
      .trimEnd() + '\n'
  );
}
