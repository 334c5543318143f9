/**
 * The mark that only `verify/` may put on a value (lint forbids `as Verified` elsewhere): it passed every check
 * that its kind asks for. Stages that act on foreign data accept nothing else.
 */

declare const verifiedMark: unique symbol;

export type Verified<T> = T & { readonly [verifiedMark]: true };

/** Who signed a verified value; printed by `alproot verify` and recorded in locks. */
export type Signer =
  | { readonly kind: 'key'; readonly keyName: string; readonly algorithm: 'sha1' | 'sha256' | 'sha512' }
  | { readonly kind: 'pin'; readonly algorithm: 'sha256' | 'sha512'; readonly source: string }
  | { readonly kind: 'index'; readonly repository: string }
  | { readonly kind: 'pgp'; readonly fingerprint: string };
