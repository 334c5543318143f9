/** Content written with holes where it is all zeros, so that a large empty file takes no more room in a copy. */
import { ftruncateSync, writeSync } from 'node:fs';
import { isZero } from '../../core/bytes.ts';

/** Shorter runs of zeros are written: finding them would cost more than they take. */
const LEAST_HOLE = 64 * 1024;

export interface HoleWriter {
  readonly write: (chunk: Uint8Array) => void;
  /** Gives the file its length, should it end in a hole; returns the length. */
  readonly finish: () => number;
}

/** @param fd of a new, empty file; its position is not used */
export function createHoleWriter(fd: number): HoleWriter {
  let at = 0;
  let written = 0;
  return {
    write: (chunk) => {
      if (chunk.length < LEAST_HOLE || !isZero(chunk)) {
        for (let done = 0; done < chunk.length;) done += writeSync(fd, chunk, done, chunk.length - done, at + done);
        written = at + chunk.length;
      }
      at += chunk.length;
    },
    finish: () => {
      if (written < at) ftruncateSync(fd, at);
      return at;
    },
  };
}
