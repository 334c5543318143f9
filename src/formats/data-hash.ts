/** The `datahash` of a v2 package: SHA-256 of the data member's raw bytes, which reach to the end of the file. */
import { createHash, type Hash } from 'node:crypto';
import { bufferFor, type ByteSource } from '../core/bytes.ts';
import type { Sha256Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { quoteName } from '../core/redact.ts';

export interface DataHash {
  readonly expected: Sha256Hex;
  /** Is given the same bytes. */
  readonly whole?: Hash | undefined;
}

/** @param start where the member begins @throws ALP_VERIFY_DIGEST */
export function demandDataHash(source: ByteSource, start: number, { expected, whole }: DataHash): void {
  const data = createHash('sha256');
  const buffer = bufferFor(source);
  for (let at = start; ; ) {
    const count = source.read(buffer, at);
    if (count === 0) break;
    data.update(buffer.subarray(0, count));
    whole?.update(buffer.subarray(0, count));
    at += count;
  }
  compareDataHash(source, { expected, got: data.digest('hex') as Sha256Hex });
}

/** @throws ALP_VERIFY_DIGEST when they differ */
export function compareDataHash(source: ByteSource, { expected, got }: { readonly expected: Sha256Hex; readonly got: Sha256Hex }): void {
  if (got !== expected) throw new AlprootError('ALP_VERIFY_DIGEST', `${quoteName(source.name)}: data hash differs from the signed control part`, { facts: { expected, got } });
}
