/** What the readers of both index formats are given, and what they give. */
import type { RepositoryIndex } from '../core/package.ts';
import type { Verified, Signer } from '../core/verified.ts';
import type { TrustedKeys } from './key.ts';

export interface IndexOptions {
  /** Where it came from, as in `/etc/apk/repositories`. */
  readonly location: string;
  readonly keys: TrustedKeys;
  /** Accepts an unsigned index, or one signed by a key that is not trusted. */
  readonly allowUntrusted?: boolean;
  /** What `form` gave when an index was verified before; ignored when it is of another index. */
  readonly form?: Buffer | undefined;
}

export interface VerifiedIndex {
  readonly index: Verified<RepositoryIndex>;
  readonly signers: readonly Signer[];
  /**
   * Makes the form in which it can be verified again without inflating and parsing it; absent where it came from one.
   */
  readonly form?: () => Buffer | undefined;
}
