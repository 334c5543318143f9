/**
 * Pipes for a program's output that it can open again (`echo >/dev/stdout`, `tee /dev/stderr`). What Node makes for a
 * child are sockets, which nobody can open by /proc/self/fd.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isProcessAlive } from './process-identity.ts';

export interface OutputPipe {
  /** For the child; to be closed here when it was started. */
  readonly writeFd: number;
  readonly stream: Socket;
}

const PREFIX = 'alproot-pipe-';

/** Directories of processes that were killed in the moment when they had one. */
function clearLeftovers(): void {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    if (isProcessAlive({ pid: Number(name.slice(PREFIX.length).split('-', 1)[0]), started: '' })) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // Another user's: theirs to clear.
    }
  }
}

/** undefined where the host has no mkfifo: sockets must do then. */
export function makePipes(count: number): OutputPipe[] | undefined {
  clearLeftovers();
  const directory = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
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
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { writeFd: openSync(path, constants.O_WRONLY), stream: new Socket({ fd: readFd, readable: true, writable: false }) };
}

export const closePipeEnds = (pipes: readonly OutputPipe[]): void => {
  for (const { writeFd } of pipes) closeSync(writeFd);
};
