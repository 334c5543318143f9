/** The `datahash` of a v2 package: SHA-256 of the data member's raw bytes, which reach to the end of the file. */
import { createHash, type Hash } from 'node:crypto';
import { eachChunk, type ByteSource } from '../../core/bytes.ts';
import type { Sha256Hex } from '../../core/digest.ts';
import { AlprootError } from '../../core/errors.ts';
import { quoteName } from '../../core/redact.ts';

export interface DataHash {
  readonly expected: Sha256Hex;
  /** Is given the same bytes. */
  readonly whole?: Hash | undefined;
}

/** @param start where the member begins @throws ALP_VERIFY_DIGEST */
export function requireDataHash(source: ByteSource, start: number, { expected, whole }: DataHash): void {
  const data = createHash('sha256');
  eachChunk(
    source,
    (chunk) => {
      data.update(chunk);
      whole?.update(chunk);
    },
    start,
  );
  compareDataHash(source, { expected, got: data.digest('hex') as Sha256Hex });
}

/** @throws ALP_VERIFY_DIGEST when they differ */
export function compareDataHash(
  source: ByteSource,
  { expected, got }: { readonly expected: Sha256Hex; readonly got: Sha256Hex },
): void {
  if (got !== expected)
    throw new AlprootError(
      'ALP_VERIFY_DIGEST',
      `${quoteName(source.name)}: data hash differs from the signed control part`,
      { facts: { expected, got } },
    );
}
