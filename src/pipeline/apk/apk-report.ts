/** What a call of apk prints: its two streams line by line, and the summary at the end. */
import type { ApkAnswer } from '../../build/host.ts';
import type { AlpEvent } from '../../core/events.ts';
import type { ApkOutcome } from '../../solve/apk-command.ts';
import { formatSummary } from '../../solve/plan-lines.ts';
import type { Database } from '../../unpack/database.ts';
import type { TreeRepositories } from '../repository/tree-repositories.ts';

export interface Report {
  readonly out: string[];
  readonly err: string[];
}

/** With what is known before anything is installed. */
export const beginReport = ({ lines }: ApkOutcome, { warnings }: TreeRepositories): Report => ({
  out: textsOf(lines, 'stdout'),
  err: [...warnings.map((text) => `WARNING: ${text}`), ...textsOf(lines, 'stderr')],
});

const textsOf = (lines: ApkOutcome['lines'], stream: 'stdout' | 'stderr'): string[] =>
  lines.filter((line) => line.stream === stream).map(({ text }) => text);

/** What package scripts print, and what the installer notes. */
export function addEvent({ out, err }: Report, event: AlpEvent): void {
  if (event.kind === 'note') out.push(event.message);
  else if (event.kind === 'output') (event.stream === 'stdout' ? out : err).push(event.text.replace(/\n$/, ''));
}

/** `OK: 8 MiB in 15 packages`, or how many errors there were. */
export function addSummary(
  { out }: Report,
  { verbosity }: ApkOutcome,
  { totals, errors }: { readonly totals: Totals; readonly errors: number },
): void {
  out.push(formatSummary(totals, { verbose: verbosity >= 2, errors }));
}

export function finishReport({ out, err }: Report, { verbosity }: ApkOutcome, status: number): ApkAnswer {
  return { kind: 'done', status, stdout: verbosity === 0 ? '' : joinLines(out), stderr: joinLines(err) };
}

const joinLines = (lines: readonly string[]): string => (lines.length === 0 ? '' : `${lines.join('\n')}\n`);

export type Totals = Parameters<typeof formatSummary>[0];

export function totalsOf({ packages }: Database): Totals {
  const directories = new Set(packages.flatMap((entry) => entry.directories.map(({ path }) => path)));
  return {
    packages: packages.length,
    bytes: packages.reduce((sum, { record }) => sum + record.installedSizeBytes, 0),
    dirs: directories.size,
    files: packages.reduce(
      (sum, entry) => sum + entry.directories.reduce((count, { files }) => count + files.length, 0),
      0,
    ),
  };
}
