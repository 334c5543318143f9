/**
 * The only place that starts processes of the host: an argv, never a shell; an explicit environment; no
 * descriptor but the three streams.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { watchFirstChild } from './first-child.ts';
import type { HostPath } from '../../core/paths.ts';
import { reopenableOutput, socketOutput, type OnOutput, type Output } from './pipes.ts';
import { spawnError } from './spawn-failure.ts';

const GRACE_MS = 1000;
/** The supervisor gives up by itself after some six seconds. */
const SUPERVISOR_GRACE_MS = 10_000;

export interface SpawnOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Bytes for standard input; otherwise it is empty, or ours with `inherit`. */
  readonly stdin?: Uint8Array;
  /** `reopenable`: pipes that the program can open again by name. */
  readonly stdio: 'inherit' | 'pipe' | 'reopenable';
  readonly onOutput?: OnOutput;
  readonly signal?: AbortSignal;
  /** Asks the program to end before it is killed, which it is after a second. */
  readonly endSignal?: NodeJS.Signals;
  /** Ends the program, or its descendant of so many generations below, when the first child of that one has ended. */
  readonly outlivesCommand?: number;
  /** Starts a session of its own, so that the whole group can be ended. */
  readonly detached?: boolean;
  /** Ours unless given. */
  readonly umask?: number;
  /** The program (src/run/supervisor/supervisor.c) that starts it, and ends all of it when we end or ask. */
  readonly supervisor?: HostPath | undefined;
}

export interface ExitResult {
  /** 128 + the signal's number when a signal ended it. */
  readonly status: number;
  readonly signal: NodeJS.Signals | undefined;
}

/**
 * Runs `argv` to its end.
 *
 * @throws ALP_RUN_NOT_FOUND or ALP_RUN_EXEC when the program cannot be started
 */
export function runProcess(argv: readonly string[], options: SpawnOptions): Promise<ExitResult> {
  const { supervisor, signal } = options;
  if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const output = options.stdio === 'reopenable' ? reopenableOutput(supervisor !== undefined) : socketOutput();
    const [file = '', ...args] =
      supervisor === undefined ? argv : [supervisor, String(process.pid), ...output.supervisorArguments, ...argv];
    const child = startChild([file, ...args], options, output);
    output.attach(child, (stream, bytes) => options.onOutput?.(stream, bytes));
    const running: RunningProcess = { child, options };
    const end = (): void => endEarly(running);
    signal?.addEventListener('abort', end, { once: true });
    endWithCommand(running);
    child.once('error', (error) => {
      signal?.removeEventListener('abort', end);
      output.abandon();
      reject(spawnError(file, error));
    });
    child.stdin?.on('error', () => undefined);
    if (options.stdin !== undefined) child.stdin?.end(options.stdin);
    child.once('close', (code, endedBy) => {
      const result = output.drained().then(() => {
        signal?.removeEventListener('abort', end);
        // Whoever is left of the session ends with it.
        if (options.detached === true) kill(running);
        if (signal?.aborted === true) throw signal.reason as Error;
        return exitResult(code, endedBy);
      });
      result.then(resolve, reject);
    });
  });
}

interface RunningProcess {
  readonly child: ChildProcess;
  readonly options: SpawnOptions;
}

const startChild = ([file = '', ...args]: readonly string[], options: SpawnOptions, output: Output): ChildProcess =>
  underUmask(options.umask, () =>
    spawn(file, args, {
      env: options.env,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio:
        options.stdio === 'inherit' ? 'inherit' : [options.stdin === undefined ? 'ignore' : 'pipe', ...output.stdio],
      detached: options.detached ?? false,
    }),
  );

const exitResult = (code: number | null, endedBy: NodeJS.Signals | null): ExitResult => ({
  status: code ?? 128 + (endedBy === null ? 0 : constants.signals[endedBy]),
  signal: endedBy ?? undefined,
});

function kill({ child, options }: RunningProcess): void {
  if (child.pid !== undefined) sendSignal(options.detached === true ? -child.pid : child.pid, 'SIGKILL');
}

interface ExitRequest {
  readonly how: NodeJS.Signals;
  /** When it is killed. */
  readonly graceMs: number;
  /** The program itself unless given. */
  readonly pid?: number;
}

function requestExit(running: RunningProcess, { how, graceMs, pid = running.child.pid ?? 0 }: ExitRequest): void {
  sendSignal(pid, how);
  const grace = setTimeout(() => kill(running), graceMs);
  running.child.once('exit', () => clearTimeout(grace));
}

/** The caller wants it no more. */
function endEarly(running: RunningProcess): void {
  const { supervisor, endSignal } = running.options;
  if (supervisor !== undefined) requestExit(running, { how: 'SIGTERM', graceMs: SUPERVISOR_GRACE_MS });
  else if (endSignal !== undefined) requestExit(running, { how: endSignal, graceMs: GRACE_MS });
  else kill(running);
}

function endWithCommand(running: RunningProcess): void {
  const { child, options } = running;
  const { outlivesCommand, supervisor, endSignal = 'SIGKILL' } = options;
  if (outlivesCommand === undefined || child.pid === undefined) return;
  child.once(
    'exit',
    watchFirstChild(child.pid, {
      below: outlivesCommand + (supervisor === undefined ? 0 : 1),
      onEnd: (pid) => requestExit(running, { how: endSignal, graceMs: GRACE_MS, pid }),
    }),
  );
}

/** The child gets what is ours at the moment of its start. */
function underUmask<T>(umask: number | undefined, start: () => T): T {
  if (umask === undefined) return start();
  const before = process.umask(umask);
  try {
    return start();
  } finally {
    process.umask(before);
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}

export interface Captured extends ExitResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `argv` and keeps what it printed, at most `maxBytes` of each stream. */
export async function captureProcess(
  argv: readonly string[],
  options: Omit<SpawnOptions, 'stdio' | 'onOutput'> & { readonly maxBytes?: number },
): Promise<Captured> {
  const kept = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const sizes = { stdout: 0, stderr: 0 };
  const maxBytes = options.maxBytes ?? 16 * 1024 * 1024;
  const result = await runProcess(argv, {
    ...options,
    stdio: 'pipe',
    onOutput: (stream, bytes) => {
      if (sizes[stream] + bytes.length <= maxBytes) kept[stream].push(bytes);
      sizes[stream] += bytes.length;
    },
  });
  return { ...result, stdout: Buffer.concat(kept.stdout).toString(), stderr: Buffer.concat(kept.stderr).toString() };
}
