/**
 * Pipes for a program's output that it can open again (`echo >/dev/stdout`, `tee /dev/stderr`). What Node makes for a
 * child are sockets, which nobody can open by /proc/self/fd. The supervisor that starts the program makes them where
 * there is one; `mkfifo`, a process more, elsewhere.
 */
import { spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileError } from '../../core/file-error.ts';
import { isProcessAlive } from './process-identity.ts';
import { temporaryRoot } from './temporary-root.ts';

export type OnOutput = (stream: 'stdout' | 'stderr', bytes: Buffer) => void;

/** How what a child prints comes to us. */
export interface Output {
  /** For its standard output and error. */
  readonly stdio: readonly ['pipe' | number, 'pipe' | number];
  /** For the supervisor, before the program's words. */
  readonly supervisorArguments: readonly string[];
  /** Once, right after its start. */
  readonly attach: (child: ChildProcess, onOutput: OnOutput) => void;
  /**
   * When it has ended, resolves as soon as all that it has printed was read.
   *
   * @throws ALP_FILE_READ when it could not be read
   */
  readonly drained: () => Promise<void>;
  /** It was not started. */
  readonly abandon: () => void;
}

const NAMES = ['stdout', 'stderr'] as const;

/** @param streams as in NAMES */
function listen(streams: readonly (Readable | null)[], onOutput: OnOutput): void {
  for (const [at, name] of NAMES.entries()) streams[at]?.on('data', (bytes: Buffer) => onOutput(name, bytes));
}

export const socketOutput = (): Output => ({
  stdio: ['pipe', 'pipe'],
  supervisorArguments: [],
  attach: ({ stdout, stderr }, onOutput) => listen([stdout, stderr], onOutput),
  drained: () => Promise.resolve(),
  abandon: () => undefined,
});

/** @param hasSupervisor whether src/run/supervisor/supervisor.c starts the child */
export const reopenableOutput = (hasSupervisor: boolean): Output =>
  hasSupervisor ? supervisedOutput() : fifoOutput();

const PREFIX = 'alproot-pipe-';

function makePipeDirectory(): string {
  const root = temporaryRoot();
  try {
    clearLeftovers(root);
    return mkdtempSync(join(root, `${PREFIX}${process.pid}-`));
  } catch (error) {
    throw fileError('make', root, error);
  }
}

/** Directories of processes that were killed in the moment when they had one. */
function clearLeftovers(root: string): void {
  for (const name of readdirSync(root).filter((entry) => entry.startsWith(PREFIX))) {
    if (isProcessAlive({ pid: Number(name.slice(PREFIX.length).split('-', 1)[0]), started: '' })) continue;
    try {
      rmSync(join(root, name), { recursive: true, force: true });
    } catch {
      // Another user's: theirs to clear.
    }
  }
}

const openToRead = (path: string): Socket =>
  new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true, writable: false });

const whenClosed = (stream: Socket): Promise<void> => new Promise((done) => stream.once('close', () => done()));

const YES = 'y'.charCodeAt(0);

/**
 * The supervisor tells through the first socket that the pipes are there, and that they are connected; see open_pipes
 * of supervisor.c. It removes the directory.
 */
function supervisedOutput(): Output {
  const directory = makePipeDirectory();
  const streams: Socket[] = [];
  const closed: Promise<void>[] = [];
  let answer: 'pipes' | 'sockets' | undefined;
  let isConnected = false;
  let failure: unknown;
  const open = (onOutput: OnOutput): void => {
    for (const at of NAMES.keys()) {
      const stream = openToRead(join(directory, String(at + 1)));
      streams.push(stream);
      closed.push(whenClosed(stream));
    }
    listen(streams, onOutput);
  };
  return {
    stdio: ['pipe', 'pipe'],
    supervisorArguments: ['-p', directory],
    attach: (child, onOutput) => {
      child.stderr?.on('data', (bytes: Buffer) => onOutput('stderr', bytes));
      child.stdout?.on('data', (bytes: Buffer) => {
        const rest = answer === undefined ? bytes.subarray(1) : bytes;
        if (answer === undefined) {
          answer = bytes[0] === YES ? 'pipes' : 'sockets';
          try {
            if (answer === 'pipes') open(onOutput);
          } catch (error) {
            failure = fileError('read', directory, error);
            child.kill('SIGTERM');
          }
        }
        if (rest.length === 0) return;
        if (answer === 'pipes') isConnected = true;
        else onOutput('stdout', rest);
      });
    },
    drained: async () => {
      // Of a pipe that nobody has opened for writing the end never comes.
      if (!isConnected) for (const stream of streams) stream.destroy();
      await Promise.all(closed);
      if (!isConnected) rmSync(directory, { recursive: true, force: true });
      if (failure !== undefined) throw failure;
    },
    abandon: () => rmSync(directory, { recursive: true, force: true }),
  };
}

interface OutputPipe {
  /** For the child; to be closed here when it was started. */
  readonly writeFd: number;
  readonly stream: Socket;
}

/** Sockets where the host has no mkfifo. */
function fifoOutput(): Output {
  const pipes = makePipes(2);
  const [out, error] = pipes ?? [];
  if (pipes === undefined || out === undefined || error === undefined) return socketOutput();
  const streams = pipes.map(({ stream }) => stream);
  const closed = streams.map(whenClosed);
  return {
    stdio: [out.writeFd, error.writeFd],
    supervisorArguments: [],
    attach: (_child, onOutput) => {
      closePipeEnds(pipes);
      listen(streams, onOutput);
    },
    drained: async () => void (await Promise.all(closed)),
    abandon: () => streams.forEach((stream) => stream.destroy()),
  };
}

function makePipes(count: number): OutputPipe[] | undefined {
  const directory = makePipeDirectory();
  const paths = Array.from({ length: count }, (_, at) => join(directory, String(at)));
  const pipes: OutputPipe[] = [];
  try {
    try {
      // Whatever user the program becomes may open it; the directory keeps others away.
      if (spawnSync('mkfifo', ['-m', '666', ...paths], { stdio: 'ignore' }).status !== 0) return undefined;
      for (const path of paths) pipes.push(openPipe(path));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  } catch (error) {
    // Who reads from a pipe that is open for writing too waits for ever.
    closePipeEnds(pipes);
    for (const { stream } of pipes) stream.destroy();
    throw error;
  }
  return pipes;
}

function openPipe(path: string): OutputPipe {
  const stream = openToRead(path);
  return { writeFd: openSync(path, constants.O_WRONLY), stream };
}

const closePipeEnds = (pipes: readonly OutputPipe[]): void => {
  for (const { writeFd } of pipes) closeSync(writeFd);
};
