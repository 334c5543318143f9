/**
 * APKINDEX.tar.gz, written: a signature member, then one member with DESCRIPTION and APKINDEX. Entries are sorted by
 * name and version, so that the same packages give the same bytes.
 */
import { compareText } from '../core/text-order.ts';
import { formatGzipMember } from '../formats/gzip/gzip-writer.ts';
import { formatTar } from '../formats/tar/tar-writer.ts';
import { signatureMember, type SignatureKind, type SigningKey } from './signing.ts';

export interface IndexInput {
  /** Texts from `formatIndexEntryText`. */
  readonly entries: readonly string[];
  /** One line, shown by `apk update`: `v3.19.4-12-gabcdef`. */
  readonly description: string;
  /** Seconds since 1970. */
  readonly time: number;
  /** undefined: an unsigned index, for somebody else to sign. */
  readonly key: SigningKey | undefined;
  readonly signatureKind?: SignatureKind;
}

/** The bytes of an APKINDEX.tar.gz. */
export async function formatIndexFile({
  entries,
  description,
  time,
  key,
  signatureKind,
}: IndexInput): Promise<Buffer> {
  const text = [...entries].sort(compareEntries).join('');
  const file = (path: string, content: string) =>
    ({ kind: 'file', path, mode: 0o644, mtime: time, bytes: Buffer.from(content, 'latin1') }) as const;
  const member = await formatGzipMember(formatTar([file('DESCRIPTION', description), file('APKINDEX', text)]), 9);
  return key === undefined ? member : Buffer.concat([await signatureMember(member, key, signatureKind), member]);
}

function compareEntries(a: string, b: string): number {
  const keyOf = (entry: string): string =>
    `${/^P:(.*)$/m.exec(entry)?.[1] ?? ''}\0${/^V:(.*)$/m.exec(entry)?.[1] ?? ''}`;
  return compareText(keyOf(a), keyOf(b));
}
