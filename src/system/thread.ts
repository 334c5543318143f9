/** Another thread of this program: jobs go to it as messages, answers come back through a ring. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { hostPath, type HostPath } from '../core/paths.ts';
import { createRing, ringReader, RingClosed, ringWriter, type RingReader, type RingWriter, type SharedRing } from './ring.ts';

export interface Thread {
  /** Done one after another. */
  readonly post: (job: unknown) => void;
  readonly ring: RingReader;
  /** What it still does is dropped. */
  readonly stop: () => void;
}

/**
 * Starts the built script of that name beside the running one. undefined where there is none (the sources, run as they
 * are) or where a second thread would only take turns with the first.
 */
export function startThread(name: string): Thread | undefined {
  const path = join(dirname(fileURLToPath(import.meta.url)), `${name}.cjs`);
  return availableParallelism() > 1 && existsSync(path) ? runThread(hostPath(path)) : undefined;
}

/** A thread that runs a script; it does not keep the process alive. */
export function runThread(script: HostPath): Thread {
  const shared = createRing();
  const worker = new Worker(script, { workerData: shared, env: {}, execArgv: [] });
  worker.unref();
  const ring = ringReader(shared);
  return {
    ring,
    post: (job) => worker.postMessage(job),
    stop: () => {
      ring.close();
      void worker.terminate();
    },
  };
}

/** In the thread: does each job that is posted, until the other side stops it. */
export function serveJobs(work: (job: unknown, ring: RingWriter) => void): void {
  const ring = ringWriter(workerData as SharedRing);
  parentPort?.on('message', (job: unknown) => {
    try {
      work(job, ring);
    } catch (error) {
      if (!(error instanceof RingClosed)) throw error;
    }
  });
}
