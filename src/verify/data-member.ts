/**
 * The inside of a data member, judged without writing anything: strict tar, every file with its checksum, every
 * name legal. `alproot verify` uses it; installing makes the same checks while it unpacks.
 */
import { createHash } from 'node:crypto';
import type { ByteSource } from '../core/bytes.ts';
import { AlprootError } from '../core/errors.ts';
import { unpackedBytes } from '../core/limits.ts';
import { parseTreePath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import type { Verified } from '../core/verified.ts';
import { inflateMember } from '../formats/gzip-member.ts';
import type { TarEntry } from '../formats/tar-entry.ts';
import { createTarReader } from '../formats/tar-reader.ts';
import type { OpenedPackage } from './package-file.ts';
import { asVerification } from './structure.ts';

/**
 * @param onEntry told of each entry before its content is judged: what it says counts only when this returns
 * @throws ALP_VERIFY_STRUCTURE, ALP_VERIFY_DIGEST, ALP_UNPACK_PATH, ALP_LIMIT_SIZE
 */
export function verifyDataMember(source: ByteSource, opened: Verified<OpenedPackage>, onEntry?: (entry: TarEntry) => void): { readonly entries: number } {
  const { dataStart } = opened;
  // A v3 package was judged with its content.
  if (dataStart === undefined) return { entries: 0 };
  let entries = 0;
  return asVerification(quoteName(source.name), () => {
    const reader = createTarReader(
      {
        entry: (entry) => {
          entries++;
          parseTreePath(entry.path);
          onEntry?.(entry);
          if (entry.kind !== 'file') return undefined;
          if (entry.sha1 === undefined) throw new AlprootError('ALP_VERIFY_DIGEST', `${quoteName(entry.path)} has no checksum`);
          const hash = createHash('sha1');
          return {
            write: (chunk) => void hash.update(chunk),
            close: () => {
              if (hash.digest('hex') !== entry.sha1) throw new AlprootError('ALP_VERIFY_DIGEST', `${quoteName(entry.path)} differs from its checksum`);
            },
          };
        },
      },
      'data',
    );
    const { end } = inflateMember(source, dataStart, { maxBytes: unpackedBytes(opened.record), limitName: 'unpacked', onInflated: reader.push });
    reader.finish();
    if (end !== source.sizeBytes) throw new AlprootError('ALP_FORMAT_APK', `bytes after the data member at ${end}`);
    return { entries };
  });
}
