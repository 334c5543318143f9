/** Standard input, whole. */
import { readSync } from 'node:fs';
import { AlprootError, errnoOf } from '../../core/errors.ts';

/** @throws ALP_LIMIT_SIZE */
export function readStandardInput(maxBytes: number): string {
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const chunk = Buffer.alloc(64 * 1024);
    const count = readOnce(chunk);
    if (count === 0) return Buffer.concat(chunks).toString('utf8');
    size += count;
    if (size > maxBytes) throw new AlprootError('ALP_LIMIT_SIZE', `standard input is larger than ${maxBytes} bytes`);
    chunks.push(chunk.subarray(0, count));
  }
}

function readOnce(chunk: Buffer): number {
  for (;;) {
    try {
      return readSync(0, chunk);
    } catch (error) {
      if (errnoOf(error) === 'EOF') return 0;
      if (errnoOf(error) !== 'EAGAIN') throw error;
    }
  }
}
