/**
 * `lib/apk/db/scripts.tar`: the scripts of installed packages, in the tar dialect that apk 2.14 writes (GNU magic,
 * twelve octal digits where there is room). Named `NAME-VERSION.CHECKSUM.KIND`.
 */
import { createTarReader } from '../tar/tar-reader.ts';

export interface StoredScript {
  readonly name: string;
  readonly mtime: number;
  readonly content: Buffer;
}

const BLOCK = 512;

/** @throws ALP_FORMAT_TAR */
export function parseScripts(bytes: Buffer): StoredScript[] {
  const scripts: StoredScript[] = [];
  const reader = createTarReader(
    {
      entry: (entry) => {
        const chunks: Buffer[] = [];
        return {
          write: (chunk) => void chunks.push(Buffer.from(chunk)),
          close: () => void scripts.push({ name: entry.path, mtime: entry.mtime, content: Buffer.concat(chunks) }),
        };
      },
    },
    'rootfs',
  );
  if (bytes.length === 0) return [];
  reader.push(bytes);
  reader.finish();
  return scripts;
}

export function formatScripts(scripts: readonly StoredScript[]): Buffer {
  const parts = scripts.flatMap(({ name, mtime, content }) => [
    headerOf(name, content.length, mtime),
    content,
    Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK),
  ]);
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function headerOf(name: string, size: number, mtime: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number): void =>
    void block.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
  block.write(name, 0, 100, 'latin1');
  octal(0o755, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 12);
  octal(mtime, 136, 12);
  block.write('0', 156);
  block.write('ustar  \0root', 257, 'latin1');
  block.write('root', 297, 'latin1');
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
