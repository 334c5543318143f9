/** What the installing thread and the one that helps it with packages say to each other. */
import type { Sha256Hex } from '../core/digest.ts';
import { AlprootError, isAlprootError, type ErrorCode } from '../core/errors.ts';
import type { MemberEnd } from '../formats/gzip-member.ts';

/** One gzip member of an open file. */
export interface InflateJob {
  /** Open until the job is done. */
  readonly descriptor: number;
  /** Of the file, for messages. */
  readonly name: string;
  /** Where the member begins. */
  readonly start: number;
  /** Cap on the inflated size. */
  readonly maxBytes: number;
  /** What the SHA-256 of the bytes from `start` to the end must be, before any of them is inflated. */
  readonly sha256: Sha256Hex | undefined;
}

/** Kinds of slots in the ring: inflated bytes, then one JSON text that ends the job. */
export const DATA_SLOT = 0;
export const END_SLOT = 1;

export type InflateOutcome =
  | { readonly kind: 'done'; readonly end: MemberEnd }
  /** `code` is ours or Node's. */
  | { readonly kind: 'failed'; readonly code: string | undefined; readonly isOurs: boolean; readonly message: string; readonly facts: Readonly<Record<string, unknown>> };

export const outcomeOf = (error: Error): InflateOutcome =>
  isAlprootError(error)
    ? { kind: 'failed', code: error.code, isOurs: true, message: error.message, facts: error.facts }
    : { kind: 'failed', code: (error as NodeJS.ErrnoException).code, isOurs: false, message: error.message, facts: {} };

/** @throws what the other thread met */
export function endOf(outcome: InflateOutcome): MemberEnd {
  if (outcome.kind === 'done') return outcome.end;
  const { code, isOurs, message, facts } = outcome;
  throw isOurs ? new AlprootError(code as ErrorCode, message, { facts }) : Object.assign(new Error(message), code === undefined ? {} : { code });
}
