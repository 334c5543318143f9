/**
 * One command run once, as a whole process: wall time from outside, CPU and peak memory from the kernel's accounts.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

export interface Command {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface Sample {
  readonly wallMs: number;
  /** User and system time of the process and all children that it waited for; to 10 ms. */
  readonly cpuMs: number;
  /** Of the largest single process. */
  readonly rssKb: number;
}

const GNU_TIME = '/usr/bin/time';
export const canAccount = (): boolean => existsSync(GNU_TIME);

/** PATH and a plain locale: no NODE_EXTRA_CA_CERTS, which adds some 50 ms to every start of Node. */
export const plainEnv = (home: string): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  HOME: home,
  LC_ALL: 'C.UTF-8',
});

/** @throws Error with the end of its standard error when it fails */
export function runOnce(command: Command): void {
  const [file = '', ...args] = command.argv;
  const { status, error, stderr } = spawnSync(file, args, { ...processOptions(command), encoding: 'latin1' });
  if (error !== undefined || status !== 0)
    throw new Error(
      `${command.argv.join(' ')}: ${error?.message ?? `status ${String(status)}`}\n${(stderr ?? '').slice(-2000)}`,
    );
}

const processOptions = ({
  env,
  cwd,
}: Command): {
  env: NodeJS.ProcessEnv;
  cwd: string | undefined;
  stdio: ['ignore', 'ignore', 'pipe'];
  maxBuffer: number;
} => ({
  env: { ...(env ?? plainEnv('/nonexistent')) },
  cwd,
  stdio: ['ignore', 'ignore', 'pipe'],
  maxBuffer: 64 << 20,
});

/** @param record a file of the caller's that GNU time writes its line to */
export function measure(command: Command, record: string): Sample {
  const accounted = canAccount();
  const argv = accounted ? [GNU_TIME, '-q', '-o', record, '-f', '%U %S %M', ...command.argv] : command.argv;
  const start = performance.now();
  runOnce({ ...command, argv });
  const wallMs = performance.now() - start;
  if (!accounted) return { wallMs, cpuMs: Number.NaN, rssKb: Number.NaN };
  const [user = 0, system = 0, rssKb = 0] = readFileSync(record, 'utf8').trim().split(' ').map(Number);
  return { wallMs, cpuMs: (user + system) * 1000, rssKb };
}
