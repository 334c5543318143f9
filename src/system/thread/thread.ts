/** Another thread of this program: jobs go to it as messages, answers come back through a ring or as messages. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { AlprootError, isAlprootError, type ErrorCode } from '../../core/errors.ts';
import { hostPath, type HostPath } from '../../core/paths.ts';
import {
  createRing,
  ringReader,
  RingClosed,
  ringWriter,
  type RingReader,
  type RingWriter,
  type SharedRing,
} from './ring.ts';

export interface Thread {
  /**
   * Begins a job that returns bytes. All jobs are done one after another, and must be received in the same order.
   */
  readonly begin: (job: unknown) => Receive;
  /**
   * Has a job done that answers at once. Only while nothing is left to receive: the thread may wait for room in the
   * ring, and who empties the ring for this answer. @throws Error of the thread; when it is asked too late; when the
   * thread has ended, and not before
   */
  readonly ask: (query: unknown) => Promise<unknown>;
  /** False when it is known to have ended, for want of memory for example: nothing should be begun any more. */
  readonly isAlive: () => boolean;
  /** What it still does is dropped. */
  readonly stop: () => void;
}

/** The bytes of a job, each piece valid during the call; returns what the job returned. @throws as the job */
export type Receive = (onBytes: (bytes: Uint8Array) => void) => unknown;

type Message = { readonly job: unknown } | { readonly query: unknown };

/** Kinds of slots in the ring: bytes, then one JSON text, the outcome of the job. */
const [BYTES, END] = [0, 1];

type Outcome =
  | { readonly kind: 'done'; readonly value: unknown }
  /** `code` is ours or Node's. */
  | {
      readonly kind: 'failed';
      readonly code: string | undefined;
      readonly isOurs: boolean;
      readonly message: string;
      readonly facts: Readonly<Record<string, unknown>>;
    };

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
  /** Who waits for an answer, in the order of the questions, which is that of the answers. */
  const asked: { readonly resolve: (outcome: Outcome) => void; readonly reject: (error: Error) => void }[] = [];
  let begun = 0;
  let ended: Error | undefined;
  worker.on('message', (outcome: Outcome) => asked.shift()?.resolve(outcome));
  worker.on('error', (error) => (ended = error));
  worker.on('exit', () => {
    ended ??= new Error('the thread has ended');
    for (const { reject } of asked.splice(0)) reject(ended);
  });
  return {
    begin: (job) => {
      begun++;
      worker.postMessage({ job } satisfies Message);
      return (onBytes) => {
        const outcome = receive(ring, onBytes);
        begun--;
        return valueOf(outcome);
      };
    },
    ask: async (query) => {
      if (ended !== undefined) throw ended;
      if (begun > 0) throw new Error('the thread is asked too late');
      worker.ref();
      const outcome = await new Promise<Outcome>((resolve, reject) => {
        asked.push({ resolve, reject });
        worker.postMessage({ query } satisfies Message);
      });
      if (asked.length === 0) worker.unref();
      return valueOf(outcome);
    },
    isAlive: () => ended === undefined,
    stop: () => {
      ring.close();
      void worker.terminate();
    },
  };
}

function receive(ring: RingReader, onBytes: (bytes: Uint8Array) => void): Outcome {
  for (;;) {
    const { kind, bytes } = ring.take();
    if (kind === END) {
      const outcome = JSON.parse(Buffer.from(bytes).toString()) as Outcome;
      ring.release();
      return outcome;
    }
    onBytes(bytes);
    ring.release();
  }
}

function valueOf(outcome: Outcome): unknown {
  if (outcome.kind === 'done') return outcome.value;
  const { code, isOurs, message, facts } = outcome;
  throw isOurs
    ? new AlprootError(code as ErrorCode, message, { facts })
    : Object.assign(new Error(message), code === undefined ? {} : { code });
}

/** In the thread: where the bytes of a job go. */
export interface BytesWriter {
  /** Room for the next bytes. */
  readonly room: () => Uint8Array;
  /** Hands over the first `length` bytes of the room. */
  readonly write: (length: number) => void;
}

export interface Work {
  /** Both return what JSON can say. */
  readonly job: (job: unknown, output: BytesWriter) => unknown;
  readonly query: (query: unknown) => unknown;
}

/** In the thread: does each job that is posted, until the other side stops it. */
export function serveJobs(work: Work): void {
  const ring = ringWriter(workerData as SharedRing);
  parentPort?.on('message', (message: Message) => {
    if ('job' in message)
      serve(ring, () => work.job(message.job, { room: ring.room, write: (length) => ring.commit(BYTES, length) }));
    else parentPort?.postMessage(outcomeOf(() => work.query(message.query)));
  });
}

function serve(ring: RingWriter, work: () => unknown): void {
  try {
    const text = JSON.stringify(outcomeOf(work));
    ring.commit(END, new TextEncoder().encodeInto(text, ring.room()).written);
  } catch (error) {
    if (!(error instanceof RingClosed)) throw error;
  }
}

function outcomeOf(work: () => unknown): Outcome {
  try {
    return { kind: 'done', value: work() };
  } catch (error) {
    if (!(error instanceof Error) || error instanceof RingClosed) throw error;
    if (isAlprootError(error))
      return { kind: 'failed', code: error.code, isOurs: true, message: error.message, facts: error.facts };
    return {
      kind: 'failed',
      code: (error as NodeJS.ErrnoException).code,
      isOurs: false,
      message: error.message,
      facts: {},
    };
  }
}
