/**
 * The inside of a data member, verified without writing anything: strict tar, and the rules for a package's entries
 * that installing applies while it unpacks.
 */
import type { ByteSource } from '../core/bytes.ts';
import { AlprootError } from '../core/errors.ts';
import { unpackedBytes } from '../core/limits.ts';
import { quoteName } from '../core/redact.ts';
import type { Verified } from '../core/verified.ts';
import { inflateMember } from '../formats/gzip/gzip-member.ts';
import { checkedEntry, createEntryRules, type EntryContext } from '../formats/apk/package-entries.ts';
import { openChecked } from '../formats/apk/package-data.ts';
import type { TarEntry } from '../formats/tar/tar-entry.ts';
import { createTarReader } from '../formats/tar/tar-reader.ts';
import type { OpenedPackage } from './opened-package.ts';
import { asVerification } from './structure.ts';

/**
 * @param onEntry told of each entry before its content is verified: what it says counts only when this returns
 * @throws ALP_VERIFY_STRUCTURE, ALP_VERIFY_DIGEST, ALP_UNPACK_PATH and ALP_UNPACK_LINK for what no tree can take,
 * ALP_LIMIT_*
 */
export function verifyDataMember(
  source: ByteSource,
  opened: Verified<OpenedPackage>,
  onEntry?: (entry: TarEntry) => void,
): { readonly entries: number } {
  const { data } = opened;
  // A v3 package was verified with its content.
  if (data === undefined) return { entries: 0 };
  let entries = 0;
  const context: EntryContext = { label: `${opened.record.name}-${opened.record.version}`, algorithm: 'sha1' };
  const rules = createEntryRules(context);
  return asVerification(quoteName(source.name), () => {
    const reader = createTarReader(
      {
        entry: (entry) => {
          entries++;
          onEntry?.(entry);
          return checkedEntry(rules, entry, context);
        },
      },
      'data',
    );
    const { end } = inflateMember(source, openChecked(source, data).start, {
      maxBytes: unpackedBytes(opened.record),
      limitName: 'unpacked',
      onInflated: reader.push,
    });
    reader.finish();
    if (end !== source.sizeBytes) throw new AlprootError('ALP_FORMAT_APK', `bytes after the data member at ${end}`);
    return { entries };
  });
}
