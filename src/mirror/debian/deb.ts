/**
 * The files of a .deb, which apt has verified, as tar entries in our own form: relative names, owned by root. Device
 * nodes and sockets, which no package that we take has, are refused.
 */
import { Parser, type ReadEntry } from 'tar';
import { AlprootError } from '../../core/errors.ts';
import { parseTreePath, type HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import type { TarItem } from '../../formats/tar/tar-writer.ts';
import { runProcess } from '../../system/process/spawn.ts';

/**
 * Reads a .deb through dpkg-deb, whatever its compression.
 *
 * @returns entries in archive order, the root directory left out
 * @throws ALP_FORMAT_TAR when dpkg-deb or the tar reader refuses it
 */
export async function readDebFiles(path: HostPath, searchPath: string): Promise<TarItem[]> {
  const parts: Buffer[] = [];
  const errors: Buffer[] = [];
  const { status } = await runProcess(['dpkg-deb', '--fsys-tarfile', path], {
    env: { PATH: searchPath, LC_ALL: 'C.UTF-8' },
    stdio: 'pipe',
    onOutput: (stream, bytes) => void (stream === 'stdout' ? parts : errors).push(bytes),
  });
  if (status !== 0)
    throw new AlprootError(
      'ALP_FORMAT_TAR',
      `cannot read ${quoteName(path)}: ${Buffer.concat(errors).toString().trim()}`,
    );
  return parseTarFiles(parts, path);
}

/** Entries of an uncompressed tar. @param source for messages */
export function parseTarFiles(parts: readonly Buffer[], source: string): Promise<TarItem[]> {
  return new Promise((resolve, reject) => {
    const items: TarItem[] = [];
    const parser = new Parser({ strict: true, maxMetaEntrySize: 1024 * 1024 });
    parser.on('entry', (entry: ReadEntry) => {
      const chunks: Buffer[] = [];
      entry.on('data', (chunk: Buffer) => chunks.push(chunk));
      entry.on('end', () => {
        const item = itemOf(entry, chunks, source);
        if (item !== undefined) items.push(item);
      });
    });
    parser.on('error', (error: Error) => {
      reject(new AlprootError('ALP_FORMAT_TAR', `cannot read ${quoteName(source)}`, { cause: error }));
    });
    parser.on('end', () => {
      resolve(items);
    });
    for (const part of parts) parser.write(part);
    parser.end();
  });
}

const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

function itemOf(entry: ReadEntry, chunks: readonly Buffer[], source: string): TarItem | undefined {
  const plain = latin1(entry.path)
    .replace(/^(?:\.\/)+/, '')
    .replace(/\/+$/, '');
  if (plain === '' || plain === '.') return undefined;
  const path = parseTreePath(plain);
  const shared = {
    path,
    mode: (entry.mode ?? 0o644) & 0o7777,
    mtime: Math.floor((entry.mtime?.getTime() ?? 0) / 1000),
  };
  switch (entry.type) {
    case 'File':
    case 'OldFile':
    case 'ContiguousFile':
      return {
        ...shared,
        kind: 'file',
        bytes: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks),
      };
    case 'Directory':
      return { ...shared, kind: 'directory' };
    case 'SymbolicLink':
      return { ...shared, kind: 'symlink', mode: 0o777, target: latin1(entry.linkpath ?? '') };
    case 'Link':
      return { ...shared, kind: 'hardlink', target: latin1(entry.linkpath ?? '').replace(/^(?:\.\/)+/, '') };
    default:
      throw new AlprootError(
        'ALP_FORMAT_TAR',
        `${quoteName(source)} has an entry of type ${entry.type}, ${quoteName(plain)}`,
      );
  }
}
