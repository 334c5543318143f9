/**
 * What ends the work before it is done: a signal, a reader of our output that has gone, or an error that nobody waited
 * for.
 */
import { setMaxListeners } from 'node:events';

export interface Interruption {
  /** Asks the work to stop and clean up. */
  readonly signal: AbortSignal;
  /** 128 and the signal's number, as a shell says it. */
  readonly status: () => number;
  /**
   * What was thrown where nothing caught it: a bug of ours. The work is asked to stop and clean up then, as after a
   * signal.
   */
  readonly uncaught: () => unknown;
  /** What to say of it; undefined where nobody reads. */
  readonly word: () => string | undefined;
  readonly close: () => void;
}

const STATUSES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** Of a bug. */
const UNCAUGHT = 70;
/** For the clean-up after one, which may wait for what will never come. */
const CLEAN_UP_MS = 15_000;
const WORDS: Readonly<Record<number, string>> = { 130: 'interrupted', 143: 'terminated', 129: 'hung up' };
/** Of SIGPIPE, which Node does not let end the process. */
const NOBODY_READS = 141;

/**
 * The first Ctrl-C (or TERM, HUP) asks the work to stop; the second ends the process at once. Output that nobody reads
 * any more (`| head`) is the same as a signal.
 */
export function watchInterruption(): Interruption {
  const controller = new AbortController();
  // Each transfer listens to it, and there are many at once.
  setMaxListeners(0, controller.signal);
  let status = 130;
  const stop = (value: number, reason: string): void => {
    status = value;
    controller.abort(new Error(reason));
  };
  const handlers = Object.entries(STATUSES).map(([name, value]) => {
    const handler = (): void => {
      if (controller.signal.aborted) process.exit(value);
      stop(value, `interrupted by ${name}`);
    };
    process.on(name, handler);
    return [name, handler] as const;
  });
  let uncaught: unknown;
  const onUncaught = (error: unknown): void => {
    if (uncaught !== undefined) return;
    uncaught = error;
    // Nothing may be left that sets another status.
    process.exitCode = UNCAUGHT;
    if (controller.signal.aborted) process.exit(UNCAUGHT);
    stop(UNCAUGHT, 'an error of alproot itself');
    setTimeout(() => process.exit(UNCAUGHT), CLEAN_UP_MS).unref();
  };
  process.on('uncaughtException', onUncaught);
  process.on('unhandledRejection', onUncaught);
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      if (!controller.signal.aborted) stop(NOBODY_READS, 'nobody reads the output any more');
    });
  }
  return {
    signal: controller.signal,
    status: () => status,
    uncaught: () => uncaught,
    word: () => WORDS[status],
    close: () => {
      process.removeListener('uncaughtException', onUncaught);
      process.removeListener('unhandledRejection', onUncaught);
      for (const [name, handler] of handlers) process.removeListener(name, handler);
    },
  };
}
