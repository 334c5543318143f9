/**
 * The data member of a v2 package, which ends with the file: checked, or pending until somebody reads it. What is
 * pending says nothing of where its bytes are; `openChecked` alone tells, after comparing them with the hash that the
 * signed control part promises.
 */
import type { ByteSource } from '../../core/bytes.ts';
import type { Sha256Hex } from '../../core/digest.ts';
import { requireDataHash } from './data-hash.ts';

export type PackageData = CheckedData | PendingData;

/** Its bytes have the promised SHA-256. */
export interface CheckedData {
  readonly kind: 'checked';
  /** Where it begins in the file. */
  readonly start: number;
}

declare const sealed: unique symbol;

/** Opaque. Plain data, so that another thread can be sent it and check it in place of this one. */
export interface PendingData {
  readonly kind: 'pending';
  readonly [sealed]: true;
}

interface PromisedData {
  readonly kind: 'pending';
  readonly start: number;
  readonly sha256: Sha256Hex;
}

/** @param start where the member begins @param sha256 what its bytes must have */
export const pendingData = (start: number, sha256: Sha256Hex): PendingData =>
  ({ kind: 'pending', start, sha256 }) satisfies PromisedData as unknown as PendingData;

/** Reads and hashes what is pending; what is checked is returned as it is. @throws ALP_VERIFY_DIGEST */
export function openChecked(source: ByteSource, data: PackageData): CheckedData {
  if (data.kind === 'checked') return data;
  const { start, sha256 } = data as unknown as PromisedData;
  requireDataHash(source, start, { expected: sha256 });
  return { kind: 'checked', start };
}
