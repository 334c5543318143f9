/**
 * A fetcher that remembers what it downloaded: what cannot change is not downloaded twice, and without a network the
 * last known answer counts.
 */
import { keyOf } from '../core/digest.ts';
import { isAlprootError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { isCount, isSha256Text, isShape } from '../core/json-shape.ts';
import type { BlobRef } from '../store/blobs.ts';
import { recordCodec } from '../store/record-codec.ts';
import type { Store } from '../store/store.ts';
import { isUrl } from '../core/mirror.ts';
import type { Fetcher } from './fetcher.ts';
import type { FetchRequest } from './fetch-request.ts';

export interface RememberOptions {
  readonly store: Pick<Store, 'getRecord' | 'putRecord' | 'hasBlob' | 'openBlob'>;
  readonly emit: Emit;
  /** The last answer counts for everything, since no other can be had. */
  readonly offline: boolean;
  /** Ask again even for what cannot change. */
  readonly refresh: boolean;
}

type Answer = Pick<BlobRef, 'sha256' | 'sizeBytes'> | { /** The mirror did not have it. */ readonly missing: true };

const isBlobRef = isShape<Pick<BlobRef, 'sha256' | 'sizeBytes'>>({ sha256: isSha256Text, sizeBytes: isCount });
const isMissing = isShape<{ readonly missing: true }>({ missing: (value) => value === true });

export const ANSWER_RECORD = recordCodec(1, (value): value is Answer => isBlobRef(value) || isMissing(value));

/** Requests without `remember`, and those to directories, pass through. */
export function rememberFetches(fetcher: Fetcher, { store, emit, offline, refresh }: RememberOptions): Fetcher {
  const nameOf = ({ base, path }: FetchRequest): string => `fetched-${keyOf(base, path)}`;
  const isRemembered = ({ remember, base }: FetchRequest): boolean => remember !== undefined && isUrl(base);
  const lookUp = (request: FetchRequest): Answer | undefined => {
    if (!isRemembered(request) || !(offline || (request.remember === 'fixed' && !refresh))) return undefined;
    const answer = store.getRecord(nameOf(request), ANSWER_RECORD);
    return answer !== undefined && 'sha256' in answer && !store.hasBlob(answer.sha256) ? undefined : answer;
  };
  const keep = async (request: FetchRequest, ref: BlobRef | undefined): Promise<void> => {
    if (!isRemembered(request) || offline) return;
    if (ref !== undefined) await request.verify?.(ref);
    store.putRecord(
      nameOf(request),
      ref === undefined ? { missing: true } : { sha256: ref.sha256, sizeBytes: ref.sizeBytes },
      { codec: ANSWER_RECORD },
    );
  };
  const refOf = (answer: Answer): BlobRef | undefined => ('sha256' in answer ? answer : undefined);
  /** A file that is damaged is asked for again where that is possible; elsewhere its reader says it. */
  const isSound = async (request: FetchRequest, ref: BlobRef): Promise<boolean> => {
    if (offline) return true;
    try {
      if (request.verify !== undefined) await request.verify(ref);
      else store.openBlob(ref.sha256, request.path)?.close();
    } catch (error) {
      if (!isAlprootError(error, 'ALP_STORE_DAMAGED')) throw error;
    }
    const sound = store.hasBlob(ref.sha256);
    if (!sound)
      emit({
        kind: 'note',
        message: `${request.label ?? request.path} was damaged in the store and is fetched again`,
      });
    return sound;
  };
  const fetchOptional = async (request: FetchRequest): Promise<BlobRef | undefined> => {
    const known = lookUp(request);
    const last = known === undefined ? undefined : refOf(known);
    if (known !== undefined && (last === undefined ? offline : await isSound(request, last))) return last;
    const ref = await fetcher.fetchOptional(request);
    await keep(request, ref);
    return ref;
  };
  return {
    fetchOptional,
    fetch: async (request) => {
      const known = lookUp(request);
      const ref = known === undefined ? undefined : refOf(known);
      if (ref !== undefined && (await isSound(request, ref))) return ref;
      const got = await fetcher.fetch(request);
      await keep(request, got);
      return got;
    },
  };
}
