/** Another thread of this program: jobs go to it as messages, answers come back through a ring or as messages. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { hostPath, type HostPath } from '../core/paths.ts';
import { createRing, ringReader, RingClosed, ringWriter, type RingReader, type RingWriter, type SharedRing } from './ring.ts';

export interface Thread {
  /** A job that answers through the ring. All jobs are done one after another. */
  readonly post: (job: unknown) => void;
  /**
   * A job that answers by a message. Before the first of the others only: the thread may wait for room in the ring, and
   * who empties the ring for this answer. @throws Error of the thread; for a question that comes too late; when the
   * thread has ended, and not before
   */
  readonly ask: (question: unknown) => Promise<unknown>;
  readonly ring: RingReader;
  /** What it still does is dropped. */
  readonly stop: () => void;
}

interface Message {
  readonly job: unknown;
  /** Of a question. */
  readonly id?: number;
}

type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: unknown };

/**
 * Starts the built script of that name beside the running one. undefined where there is none (the sources, run as they
 * are) or where a second thread would only take turns with the first.
 */
export function startThread(name: string): Thread | undefined {
  const path = join(dirname(fileURLToPath(import.meta.url)), `${name}.cjs`);
  return availableParallelism() > 1 && existsSync(path) ? runThread(hostPath(path)) : undefined;
}

/** A thread that runs a script; it keeps the process alive only while it is asked something. */
export function runThread(script: HostPath): Thread {
  const shared = createRing();
  const worker = new Worker(script, { workerData: shared, env: {}, execArgv: [] });
  worker.unref();
  const ring = ringReader(shared);
  const asked = new Map<number, (answer: Answer) => void>();
  let asking = 0;
  let isBusy = false;
  let ended: Error | undefined;
  worker.on('message', (answer: Answer) => asked.get(answer.id)?.(answer));
  worker.on('error', (error) => (ended = error));
  worker.on('exit', () => {
    ended ??= new Error('the thread has ended');
    for (const [id, settle] of asked) settle({ id, error: ended });
  });
  return {
    ring,
    post: (job) => {
      isBusy = true;
      worker.postMessage({ job } satisfies Message);
    },
    ask: async (job) => {
      if (ended !== undefined) throw ended;
      if (isBusy) throw new Error('the thread is asked too late');
      const id = asking++;
      worker.ref();
      const answer = await new Promise<Answer>((settle) => {
        asked.set(id, settle);
        worker.postMessage({ job, id } satisfies Message);
      });
      asked.delete(id);
      if (asked.size === 0) worker.unref();
      if ('error' in answer) throw answer.error;
      return answer.value;
    },
    stop: () => {
      ring.close();
      void worker.terminate();
    },
  };
}

export interface Work {
  readonly job: (job: unknown, ring: RingWriter) => void;
  readonly question: (question: unknown) => unknown;
}

/** In the thread: does each job that is posted, until the other side stops it. */
export function serveJobs(work: Work): void {
  const ring = ringWriter(workerData as SharedRing);
  parentPort?.on('message', ({ job, id }: Message) => {
    if (id === undefined) {
      try {
        work.job(job, ring);
      } catch (error) {
        if (!(error instanceof RingClosed)) throw error;
      }
    } else parentPort?.postMessage(answerOf(id, () => work.question(job)));
  });
}

function answerOf(id: number, find: () => unknown): Answer {
  try {
    return { id, value: find() };
  } catch (error) {
    return { id, error };
  }
}
