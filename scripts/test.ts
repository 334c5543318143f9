/**
 * Runs every check in turn, shows its output, and adds up what their own reporters counted. The totals are never
 * computed from anything else: a check that cannot be counted counts as one.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatLedger, readLedger } from './ledger.ts';
import { addTallies, countVitest, readTally, type Tally } from './tally.ts';

const root = join(import.meta.dirname, '..');
const tool = (name: string): string => join(root, 'node_modules', '.bin', name);
const note = (text: string): void => void process.stderr.write(`== ${text}\n`);

function run(
  argv: readonly string[],
  { capture = false, env = {} }: { readonly capture?: boolean; readonly env?: Readonly<Record<string, string>> } = {},
): { status: number; stdout: string } {
  const [file = '', ...args] = argv;
  const { status, stdout } = spawnSync(file, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 1024 ** 3,
    stdio: ['ignore', capture ? 'pipe' : 'inherit', 'inherit'],
  });
  return { status: status ?? 1, stdout: stdout ?? '' };
}

/** A check that only says yes or no. */
function plain(name: string, argv: readonly string[]): Tally {
  note(name);
  const { status } = run(argv);
  if (status !== 0) note(`${name} failed`);
  return status === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}

function vitest(args: readonly string[]): Tally {
  note('vitest');
  const directory = mkdtempSync(join(tmpdir(), 'alproot-report-'));
  try {
    const report = join(directory, 'report.json');
    const { status } = run(
      [tool('vitest'), 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args],
      { env: { ALPROOT_LEDGER: directory } },
    );
    process.stdout.write(formatLedger(readLedger(directory)));
    return countVitest(existsSync(report) ? readFileSync(report, 'utf8') : undefined, status);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** apk's own cases, where they lie beside the checkout. */
function conformance(): Tally {
  const data = join(root, '..', 'shared', 'conformance');
  if (!existsSync(data) || !existsSync(join(root, 'scripts', 'conformance.ts'))) {
    note('conformance: the data is not here, skipped');
    return { passed: 0, failed: 0, skipped: 1 };
  }
  note('conformance');
  const { status, stdout } = run([tool('tsx'), join(root, 'scripts', 'conformance.ts'), data], { capture: true });
  process.stdout.write(stdout);
  return readTally(stdout, status);
}

const [only] = process.argv.slice(2);
const tallies =
  only === undefined
    ? [
        plain('types', [tool('tsc'), '--noEmit']),
        plain('lint', [tool('eslint'), '.']),
        plain('layers', [tool('tsx'), 'scripts/check-layers.ts']),
        plain('build', [process.execPath, 'scripts/build.mjs']),
        conformance(),
        vitest([]),
      ]
    : [vitest(process.argv.slice(2))];
const { passed, failed, skipped } = tallies.reduce(addTallies);
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
