/** The preloaded library, as bytes; a sandbox only ever gets a copy of them. */
import { openNative, type NativeOptions } from '../native.ts';
import { OWNERS } from '../native-parts.ts';

export type OwnersLibrary =
  | { readonly kind: 'library'; readonly bytes: Buffer }
  /** In words, why owners cannot be kept here. */
  | { readonly kind: 'absent'; readonly reason: string };

/**
 * Finds or makes the library. Its absence is not an error: builds without foreign owners do without.
 *
 * @throws ALP_STORE_WRITE when the cache cannot be written
 */
export async function openOwnersLibrary(options: NativeOptions): Promise<OwnersLibrary> {
  const found = await openNative(OWNERS, options);
  return found.kind === 'file' ? { kind: 'library', bytes: found.bytes } : found;
}
