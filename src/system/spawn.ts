/**
 * The only place that starts processes of the host: an argv, never a shell; an explicit environment; no
 * descriptor but the three streams.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { watchFirstChild } from './first-child.ts';
import { AlprootError, errnoOf } from '../core/errors.ts';
import { closePipeEnds, makePipes } from './pipes.ts';
import { quoteName } from '../core/redact.ts';

export interface SpawnOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Bytes for standard input; otherwise it is empty, or ours with `inherit`. */
  readonly stdin?: Uint8Array;
  /** `reopenable`: pipes that the program can open again by name. */
  readonly stdio: 'inherit' | 'pipe' | 'reopenable';
  readonly onOutput?: (stream: 'stdout' | 'stderr', bytes: Buffer) => void;
  readonly signal?: AbortSignal;
  /** Asks the program to end before it is killed, which it is after a second. */
  readonly endSignal?: NodeJS.Signals;
  /** Ends the program when its first child has ended. */
  readonly outlivesCommand?: boolean;
  /** Starts a session of its own, so that the whole group can be ended. */
  readonly detached?: boolean;
  /** Ours unless given. */
  readonly umask?: number;
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
  const [file = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const pipes = options.stdio === 'reopenable' ? makePipes(2) : undefined;
    const child = underUmask(options.umask, () => spawn(file, args, {
      env: options.env,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: options.stdio === 'inherit' ? 'inherit' : [options.stdin === undefined ? 'ignore' : 'pipe', pipes?.[0]?.writeFd ?? 'pipe', pipes?.[1]?.writeFd ?? 'pipe'],
      detached: options.detached ?? false,
    }));
    closePipeEnds(pipes ?? []);
    const [stdout, stderr] = pipes === undefined ? [child.stdout, child.stderr] : pipes.map(({ stream }) => stream);
    const kill = (): void => {
      try {
        if (options.detached === true && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
        else child.kill('SIGKILL');
      } catch {
        // It has ended already.
      }
    };
    const end = (): void => {
      if (options.endSignal === undefined) return kill();
      child.kill(options.endSignal);
      const grace = setTimeout(kill, 1000);
      child.once('exit', () => clearTimeout(grace));
    };
    options.signal?.addEventListener('abort', end, { once: true });
    if (options.outlivesCommand === true && child.pid !== undefined) child.once('exit', watchFirstChild(child.pid, end));
    child.once('error', (error) => {
      options.signal?.removeEventListener('abort', end);
      for (const { stream } of pipes ?? []) stream.destroy();
      reject(spawnError(file, error));
    });
    stdout?.on('data', (bytes: Buffer) => options.onOutput?.('stdout', bytes));
    stderr?.on('data', (bytes: Buffer) => options.onOutput?.('stderr', bytes));
    const drained = (pipes ?? []).map(({ stream }) => new Promise<void>((done) => stream.once('close', () => done())));
    child.stdin?.on('error', () => undefined);
    if (options.stdin !== undefined) child.stdin?.end(options.stdin);
    child.once('close', (code, signal) => void Promise.all(drained).then(() => {
      options.signal?.removeEventListener('abort', end);
      // Whoever is left of the session ends with it.
      if (options.detached === true) kill();
      if (options.signal?.aborted === true) reject(options.signal.reason as Error);
      else resolve({ status: code ?? 128 + (signal === null ? 0 : constants.signals[signal]), signal: signal ?? undefined });
    }));
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
  return errno === 'ENOENT'
    ? new AlprootError('ALP_RUN_NOT_FOUND', `cannot start ${quoteName(file)}: not found`, { cause: error })
    : new AlprootError('ALP_RUN_EXEC', `cannot start ${quoteName(file)}: ${errno ?? error.message}`, { cause: error });
}
