/** Every small file below a directory, read: where something must not lie, whatever it is called. */
import { readdirSync } from 'node:fs';
import { hostPath, joinHost, type HostPath } from '../../core/paths.ts';
import { closeDescriptor, descriptorSource, openRegular } from './hashed-file.ts';

export interface SmallFileOptions {
  readonly maxBytes: number;
  /** Files whose name it is true for are passed over unread. */
  readonly skips: (name: string) => boolean;
}

/** The first that `test` is true for. Links are not followed; what cannot be read is passed over. */
export function findSmallFile(
  directory: HostPath,
  options: SmallFileOptions,
  test: (bytes: Buffer) => boolean,
): HostPath | undefined {
  for (const entry of entriesOf(directory)) {
    if (entry.name.includes('\ufffd')) continue;
    const path = joinHost(hostPath(directory), entry.name);
    if (entry.isDirectory()) {
      const found = findSmallFile(path, options, test);
      if (found !== undefined) return found;
    } else if (entry.isFile() && !options.skips(entry.name) && test(readSmall(path, options.maxBytes))) return path;
  }
  return undefined;
}

function entriesOf(
  directory: HostPath,
): { readonly name: string; readonly isDirectory: () => boolean; readonly isFile: () => boolean }[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return [];
  }
}

function readSmall(path: HostPath, maxBytes: number): Buffer {
  const fd = openRegular(path);
  if (fd === undefined) return Buffer.alloc(0);
  try {
    const source = descriptorSource(fd, path);
    if (source.sizeBytes > maxBytes) return Buffer.alloc(0);
    const bytes = Buffer.alloc(source.sizeBytes);
    return bytes.subarray(0, source.read(bytes, 0));
  } finally {
    closeDescriptor(fd);
  }
}
