/** Files that a Dockerfile ADDs by URL: pinned by their checksum or by a lock, else by nothing but the last answer. */
import { keyOf, type Sha256Hex } from '../../core/digest.ts';
import { AlprootError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { redactUrl } from '../../core/redact.ts';
import type { DownloadedFile } from '../../build/host.ts';
import { download } from '../../fetch/download.ts';
import type { LockedDownload } from '../../formats/lock/lockfile.ts';
import { BLOB_RECORD, type BlobRef } from '../../store/blobs.ts';
import { systemClock } from '../../system/process/system-clock.ts';
import type { Session } from '../session/session.ts';
import type { InstallContext } from './install-context.ts';

/**
 * The body of a URL, in the store.
 *
 * @param checksum `sha256:…` of `ADD --checksum`
 * @throws ALP_STALE_LOCK when a strict lock does not have it, ALP_VERIFY_DIGEST, ALP_FETCH_*
 */
export async function downloadFile(
  session: InstallContext,
  url: string,
  checksum: string | undefined,
): Promise<DownloadedFile> {
  const { store, lockPolicy, config } = session;
  const pinned = lockPolicy?.lock.downloads.find((entry) => entry.url === url);
  const given = checksum?.replace(/^sha256:/, '');
  if (pinned === undefined && given === undefined && lockPolicy?.strict === true)
    throw new AlprootError('ALP_STALE_LOCK', `${lockPolicy.name} does not pin ${redactUrl(url)}`, {
      hint: lockPolicy.hint,
    });
  const record = `download-${keyOf(url)}`;
  const last = config.offline ? store.getRecord(record, BLOB_RECORD)?.sha256 : undefined;
  const ref = await downloadBlob(session, { url, sha256: (given ?? pinned?.sha256 ?? last) as Sha256Hex | undefined });
  store.putRecord(record, { sha256: ref.sha256 }, { codec: BLOB_RECORD });
  session.recording.add({ requests: [], environments: [], downloads: [{ url, ...ref }] });
  return { file: store.blobPath(ref.sha256), sha256: ref.sha256 };
}

/** Where a bundle keeps it. */
export const downloadPath = ({ sha256 }: Pick<LockedDownload, 'sha256'>): string => `downloads/${sha256}`;

export interface DownloadRequest {
  readonly url: string;
  /** What it must be; it is not asked for when the store has it. */
  readonly sha256: Sha256Hex | undefined;
}

/** @throws ALP_VERIFY_DIGEST, ALP_FETCH_* */
export async function downloadBlob(session: Session, { url, sha256 }: DownloadRequest): Promise<BlobRef> {
  const { store, config } = session;
  const name = redactUrl(url);
  const known = sha256 === undefined ? undefined : store.openBlob(sha256, name);
  known?.close();
  if (known !== undefined && sha256 !== undefined) return { sha256, sizeBytes: known.sizeBytes };
  if (config.bundle !== undefined && sha256 !== undefined)
    return session.fetcher.fetch({
      base: config.bundle,
      path: downloadPath({ sha256 }),
      maxBytes: limits.packageFile,
      sha256,
      label: name,
    });
  const ref = await download(
    new URL(url),
    { base: url, path: name, maxBytes: limits.packageFile, label: name },
    {
      store,
      http: session.http,
      clock: systemClock,
      emit: config.emit,
      signal: config.signal,
      minRateBytes: config.minRateBytes,
    },
  );
  if (sha256 !== undefined && sha256 !== ref.sha256)
    throw new AlprootError('ALP_VERIFY_DIGEST', `${name} has SHA-256 ${ref.sha256}, expected ${sha256}`);
  return ref;
}
