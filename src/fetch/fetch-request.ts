/** What is fetched, and with what. */
import type { Clock } from '../core/clock.ts';
import type { Sha256Hex } from '../core/digest.ts';
import type { Emit } from '../core/events.ts';
import type { BlobRef } from '../store/blobs.ts';
import type { Store } from '../store/store.ts';
import type { DescriptorSource } from '../system/files/hashed-file.ts';
import type { HttpClient } from '../system/http/http.ts';

export interface FetchRequest {
  /** Base of the mirror: http(s) URL or absolute directory. */
  readonly base: string;
  /** Below it, slash-separated, no `..`. */
  readonly path: string;
  readonly maxBytes: number;
  /** What is already known of it; a blob of this hash is taken from the store without asking. */
  readonly sha256?: Sha256Hex | undefined;
  readonly sizeBytes?: number | undefined;
  /**
   * 'fixed': this path never changes, one answer is enough; 'offline': the last answer counts when there is no
   * network.
   */
  readonly remember?: 'fixed' | 'offline';
  /**
   * Called with what was downloaded, and awaited, before it is remembered: what it throws is thrown, and the last
   * good answer stays. Also with a remembered file that need not be downloaded: where that is damaged, it is.
   */
  readonly verify?: (ref: BlobRef) => unknown;
  /** For the progress display. */
  readonly label?: string;
  /** Attempts at a network file, the first included. */
  readonly attempts?: number;
  /** Milliseconds that may pass without a byte before a network file is given up, since another mirror has it too. */
  readonly patienceMs?: number;
  /** What ends this transfer, in place of what ends all of them. */
  readonly signal?: AbortSignal;
  /** Copies a large file of a directory in place of the thread that asks. */
  readonly copy?: CopyFile | undefined;
}

/** Copies all of an open file to another, and tells what it has read. @throws Error */
export type CopyFile = (from: DescriptorSource, to: number) => Promise<BlobRef>;

export interface FetcherOptions {
  readonly store: Store;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
  /** Mean bytes a second that a transfer must have; 0: any. @see MIN_MEAN_RATE_BYTES */
  readonly minRateBytes?: number | undefined;
}
