/**
 * A v3 package as the entries that a v2 package's tar would have, in the order of its signed block; content comes with
 * the data blocks, which must be those of the block's files, all of them, one after the other.
 *
 * @see apk-tools 3.0 `extract_v3.c`
 */
import type { ByteSource } from '../../core/bytes.ts';
import { quoteName } from '../../core/redact.ts';
import { readAdbBlocks } from './adb-blocks.ts';
import { adbError, type AdbSchema } from './adb-block-reader.ts';
import { adbEntries, type AdbEntry } from './adb-record.ts';
import { ADB_KINDS } from './adb-schema.ts';
import { parseAdbRoot } from './adb-values.ts';
import type { TarEntry, TarHandler, TarSink } from '../tar/tar-entry.ts';

/** Owner of what belongs to somebody whom the tree does not know. */
const NOBODY = 65_534;

export interface AdbArchiveHandler extends TarHandler {
  /** Told of block and signatures before the first entry; what it throws ends the reading. */
  readonly verify: (schema: AdbSchema, block: Buffer, signatures: readonly Buffer[]) => void;
}

/**
 * Reads a v3 file whole. Of an index there are no entries.
 *
 * @param maxBytes cap on the uncompressed size
 * @throws ALP_FORMAT_ADB, ALP_LIMIT_SIZE, and whatever the handler throws
 */
export function readAdbArchive(source: ByteSource, handler: AdbArchiveHandler, maxBytes: number): void {
  let schema: AdbSchema = 'index';
  let block: Buffer = Buffer.alloc(0);
  const signatures: Buffer[] = [];
  let walk: Walk | undefined;
  const begun = (): Walk => {
    if (walk !== undefined) return walk;
    handler.verify(schema, block, signatures);
    walk = createWalk(schema === 'package' ? adbEntries(parseAdbRoot(block, ADB_KINDS.package)) : [], handler);
    return walk;
  };
  readAdbBlocks(
    source,
    {
      adb: (kind, bytes) => {
        schema = kind;
        block = Buffer.from(bytes);
      },
      signature: (bytes) => void signatures.push(Buffer.from(bytes)),
      data: (path, file, sizeBytes) => begun().data(path, file, sizeBytes),
    },
    maxBytes,
  );
  begun().finish();
}

interface Walk {
  readonly data: (path: number, file: number, sizeBytes: number) => TarSink;
  readonly finish: () => void;
}

const NOWHERE: TarSink = { write: () => undefined, close: () => undefined };

function createWalk(entries: readonly AdbEntry[], handler: TarHandler): Walk {
  let next = 0;
  /** Hands on what has no content; the first with content is returned, and passed. */
  const advance = (): AdbEntry | undefined => {
    for (let entry = entries[next]; entry !== undefined; entry = entries[next]) {
      next++;
      if (entry.kind === 'file' && entry.sizeBytes > 0) return entry;
      if (entry.path !== '') handler.entry(tarEntry(entry))?.close();
    }
    return undefined;
  };
  return {
    data: (path, file, sizeBytes) => {
      const entry = advance();
      if (entry?.at[0] !== path || entry.at[1] !== file || entry.sizeBytes !== sizeBytes)
        throw adbError(`a data block that is not the next file's (${path}/${file}, ${sizeBytes} bytes)`);
      return handler.entry(tarEntry(entry)) ?? NOWHERE;
    },
    finish: () => {
      const left = advance();
      if (left !== undefined) throw adbError(`no data for ${quoteName(left.path)}`);
    },
  };
}

const tarEntry = ({
  kind,
  path,
  target,
  mode,
  user,
  group,
  sizeBytes,
  mtime,
  sha256,
  xattrs,
}: AdbEntry): TarEntry => ({
  kind: kind === 'special' ? 'char' : kind,
  path,
  target,
  mode,
  uid: NOBODY,
  gid: NOBODY,
  uname: user,
  gname: group,
  sizeBytes: kind === 'file' ? sizeBytes : 0,
  mtime,
  devMajor: 0,
  devMinor: 0,
  sha1: undefined,
  sha256,
  xattrs,
  offset: 0,
});
