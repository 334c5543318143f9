/** The table of a bundle's tar: plain files only, each name once. Nothing is unpacked; content is read in place. */
import type { ByteSource } from '../core/bytes.ts';
import { AlprootError } from '../core/errors.ts';
import { quoteName } from '../core/redact.ts';
import { BLOCK_BYTES, isZeroBlock, parseTarHeader } from '../formats/tar/tar-header.ts';

export interface BundleEntry {
  readonly name: string;
  /** Of its first byte in the file. */
  readonly offset: number;
  readonly sizeBytes: number;
}

const MAX_ENTRIES = 200_000;
const NAME = /^(?:manifest\.json(?:\.[\w.@+-]{1,128}\.sig)?|blobs\/sha256\/[0-9a-f]{64}|tool\/[A-Za-z0-9_.+-]{1,80})$/;

/**
 * All entries by name, in the file's order.
 *
 * @throws ALP_VERIFY_STRUCTURE for links, odd names, duplicate entries, a cut or trailing bytes; ALP_FORMAT_TAR;
 * ALP_LIMIT_COUNT
 */
export function readBundleEntries(source: ByteSource): ReadonlyMap<string, BundleEntry> {
  const entries = new Map<string, BundleEntry>();
  const block = Buffer.alloc(BLOCK_BYTES);
  const fail = (why: string): never => {
    throw new AlprootError('ALP_VERIFY_STRUCTURE', `${quoteName(source.name)} is not a sound bundle: ${why}`);
  };
  for (let at = 0; ;) {
    if (source.read(block, at) !== BLOCK_BYTES) fail(`it is cut off at byte ${at}`);
    if (isZeroBlock(block)) {
      if (
        source.sizeBytes !== at + 2 * BLOCK_BYTES ||
        source.read(block, at + BLOCK_BYTES) !== BLOCK_BYTES ||
        !isZeroBlock(block)
      )
        fail(`something follows its end at byte ${at}`);
      return entries;
    }
    const { name, type, sizeBytes } = parseTarHeader(block, at, 'data');
    if (type !== '0') fail(`${quoteName(name)} is not a regular file`);
    if (!NAME.test(name)) fail(`it holds ${quoteName(name)}, which no bundle has`);
    if (entries.has(name)) fail(`${quoteName(name)} is there twice`);
    if (entries.size === 0 && name !== 'manifest.json') fail('it does not begin with its manifest');
    if (entries.size >= MAX_ENTRIES)
      throw new AlprootError('ALP_LIMIT_COUNT', `the bundle has more than ${MAX_ENTRIES} entries`);
    const offset = at + BLOCK_BYTES;
    if (offset + sizeBytes > source.sizeBytes) fail(`${quoteName(name)} is cut off`);
    entries.set(name, { name, offset, sizeBytes });
    at = offset + Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
    const padding = block.subarray(0, at - offset - sizeBytes);
    if (source.read(padding, offset + sizeBytes) !== padding.length || padding.some((byte) => byte !== 0))
      fail(`the padding of ${quoteName(name)} is not zero`);
  }
}

/** One entry as a source of its own. */
export const entrySource = (source: ByteSource, { name, offset, sizeBytes }: BundleEntry): ByteSource => ({
  name,
  sizeBytes,
  read: (target, position) => {
    const left = Math.max(0, sizeBytes - position);
    return left === 0 ? 0 : source.read(target.subarray(0, Math.min(target.length, left)), offset + position);
  },
});
