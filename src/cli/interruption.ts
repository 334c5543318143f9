/** What ends the work before it is done: a signal, or a reader of our output that has gone. */
import { setMaxListeners } from 'node:events';

export interface Interruption {
  /** Asks the work to stop and clean up. */
  readonly signal: AbortSignal;
  /** 128 and the signal's number, as a shell says it. */
  readonly status: () => number;
  /** What to say of it; undefined where nobody reads. */
  readonly word: () => string | undefined;
  readonly close: () => void;
}

const STATUSES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
const WORDS: Readonly<Record<number, string>> = { 130: 'interrupted', 143: 'terminated', 129: 'hung up' };
/** Of SIGPIPE, which Node does not let end the process. */
const NOBODY_READS = 141;

/** The first Ctrl-C (or TERM, HUP) asks the work to stop; the second ends the process at once. Output that nobody reads any more (`| head`) is the same as a signal. */
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
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      if (!controller.signal.aborted) stop(NOBODY_READS, 'nobody reads the output any more');
    });
  }
  return {
    signal: controller.signal,
    status: () => status,
    word: () => WORDS[status],
    close: () => {
      for (const [name, handler] of handlers) process.removeListener(name, handler);
    },
  };
}
