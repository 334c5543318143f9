/**
 * Raw inflate, fed and drained by hand into buffers that are used again: what Node's streams cost in copies is
 * what makes them slower than zlib. Uses the handle under `zlib.createInflateRaw()`; where a Node does not have it
 * in the known shape (tried once), the public call does the same work with more memory.
 */
import { createInflateRaw, inflateRawSync, constants } from 'node:zlib';

export interface InflateStep {
  /** Input bytes used up. */
  readonly consumed: number;
  /** Output bytes made. */
  readonly produced: number;
}

export interface Inflater {
  /**
   * Inflates as much as fits. Neither consumed nor produced while there is input and room means: the stream ended.
   *
   * @throws Error when the data are not a deflate stream
   */
  readonly step: (input: Uint8Array, output: Uint8Array) => InflateStep;
  /** Once, when nothing more is wanted of it. */
  readonly close: () => void;
}

interface Handle {
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
  onerror: (message: string, errno: number, code: string) => void;
  close(): void;
}

/** A new raw-inflate stream: the fast one where this Node has it. */
export function createInflater(): Inflater {
  return handleInflater() ?? bufferedInflater();
}

interface Stream {
  readonly _handle?: Handle;
  readonly _writeState?: Uint32Array;
  reset(): void;
  close(): void;
}

/** One that is used again: making one takes longer than inflating what a package says of itself. */
let idle: Stream | undefined;

function handleInflater(): Inflater | undefined {
  const stream = idle ?? (createInflateRaw() as unknown as Stream);
  idle = undefined;
  const { _handle: handle, _writeState: state } = stream;
  if (typeof handle?.writeSync !== 'function' || !(state instanceof Uint32Array)) return undefined;
  let failure: string | undefined;
  handle.onerror = (message) => {
    failure = message;
  };
  return {
    step: (input, output) => {
      handle.writeSync(constants.Z_NO_FLUSH, input, 0, input.length, output, 0, output.length);
      if (failure !== undefined) throw new Error(failure);
      const [roomLeft = 0, inputLeft = 0] = state;
      return { consumed: input.length - inputLeft, produced: output.length - roomLeft };
    },
    close: () => {
      if (idle !== undefined || failure !== undefined) return stream.close();
      stream.reset();
      idle = stream;
    },
  };
}

/** Keeps all input until the stream is whole, inflates it once, then hands it out. */
export function bufferedInflater(): Inflater {
  let input = Buffer.alloc(0);
  let inflated: Buffer | undefined;
  let given = 0;
  return {
    step: (chunk, output) => {
      if (inflated !== undefined) return { consumed: 0, produced: take() };
      const before = input.length;
      input = Buffer.concat([input, chunk]);
      const end = tryInflate();
      return { consumed: end === undefined ? chunk.length : end - before, produced: end === undefined ? 0 : take() };

      function take(): number {
        const part = inflated?.subarray(given, given + output.length) ?? new Uint8Array(0);
        output.set(part);
        given += part.length;
        return part.length;
      }
    },
    close: () => undefined,
  };

  function tryInflate(): number | undefined {
    try {
      const { buffer, engine } = inflateRawSync(input, { info: true } as never) as unknown as {
        buffer: Buffer;
        engine: { bytesWritten: number };
      };
      inflated = buffer;
      return engine.bytesWritten;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR') return undefined;
      throw error;
    }
  }
}
