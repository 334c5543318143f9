/**
 * The only place that starts processes of the host: an argv, never a shell; an explicit environment; no
 * descriptor but the three streams.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { watchFirstChild } from './first-child.ts';
import { AlprootError, errnoOf } from '../../core/errors.ts';
import type { HostPath } from '../../core/paths.ts';
import { noexecMountOf } from './mounts.ts';
import { RAISE_PROCESSES, TOO_MANY_PROCESSES } from './process-limit.ts';
import { reopenableOutput, socketOutput, type OnOutput } from './pipes.ts';
import { quoteName } from '../../core/redact.ts';

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
    const child = underUmask(options.umask, () =>
      spawn(file, args, {
        env: options.env,
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        stdio:
          options.stdio === 'inherit' ? 'inherit' : [options.stdin === undefined ? 'ignore' : 'pipe', ...output.stdio],
        detached: options.detached ?? false,
      }),
    );
    output.attach(child, (stream, bytes) => options.onOutput?.(stream, bytes));
    const kill = (): void => {
      if (child.pid !== undefined) sendSignal(options.detached === true ? -child.pid : child.pid, 'SIGKILL');
    };
    const requestExit = (
      how: NodeJS.Signals,
      { graceMs, pid = child.pid ?? 0 }: { readonly graceMs: number; readonly pid?: number | undefined },
    ): void => {
      sendSignal(pid, how);
      const grace = setTimeout(kill, graceMs);
      child.once('exit', () => clearTimeout(grace));
    };
    const end = (): void => {
      if (supervisor !== undefined) requestExit('SIGTERM', { graceMs: SUPERVISOR_GRACE_MS });
      else if (options.endSignal !== undefined) requestExit(options.endSignal, { graceMs: GRACE_MS });
      else kill();
    };
    signal?.addEventListener('abort', end, { once: true });
    if (options.outlivesCommand !== undefined && child.pid !== undefined) {
      const finish = (pid: number): void => requestExit(options.endSignal ?? 'SIGKILL', { graceMs: GRACE_MS, pid });
      child.once(
        'exit',
        watchFirstChild(child.pid, {
          below: options.outlivesCommand + (supervisor === undefined ? 0 : 1),
          onEnd: finish,
        }),
      );
    }
    child.once('error', (error) => {
      signal?.removeEventListener('abort', end);
      output.abandon();
      reject(spawnError(file, error));
    });
    child.stdin?.on('error', () => undefined);
    if (options.stdin !== undefined) child.stdin?.end(options.stdin);
    child.once(
      'close',
      (code, endedBy) =>
        void output
          .drained()
          .then(() => {
            signal?.removeEventListener('abort', end);
            // Whoever is left of the session ends with it.
            if (options.detached === true) kill();
            if (signal?.aborted === true) reject(signal.reason as Error);
            else
              resolve({
                status: code ?? 128 + (endedBy === null ? 0 : constants.signals[endedBy]),
                signal: endedBy ?? undefined,
              });
          })
          .catch(reject),
    );
  });
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

function spawnError(file: string, error: Error): AlprootError {
  const errno = errnoOf(error);
  if (errno === 'ENOENT')
    return new AlprootError('ALP_RUN_NOT_FOUND', `cannot start ${quoteName(file)}: not found`, { cause: error });
  const { reason = errno ?? error.message, hint } = explainSpawnFailure(file, errno);
  return new AlprootError('ALP_RUN_EXEC', `cannot start ${quoteName(file)}: ${reason}`, { cause: error, hint });
}

function explainSpawnFailure(
  file: string,
  errno: string | undefined,
): { readonly reason?: string; readonly hint?: string } {
  switch (errno) {
    case 'EAGAIN':
      return { reason: `${TOO_MANY_PROCESSES} (EAGAIN)`, hint: RAISE_PROCESSES };
    case 'ENOMEM':
      return {
        reason: 'there is not enough memory (ENOMEM)',
        hint: 'end something that uses memory, or raise the limit (ulimit -v, or that of the container)',
      };
    case 'EACCES': {
      const mount = noexecMountOf(file);
      if (mount === undefined)
        return {
          reason: 'permission denied (EACCES)',
          hint: 'check that the file and the directories above it may be read and executed',
        };
      return {
        reason: `its file system (${quoteName(mount)}) is mounted noexec`,
        hint: 'choose a place on another file system; ALPROOT_CACHE says where the store is',
      };
    }
    default:
      return {};
  }
}
