/** ELF files and static libraries of the host, opened for a look inside. */
import type { ByteSource } from '../../core/bytes.ts';
import { AlprootError } from '../../core/errors.ts';
import type { HostPath } from '../../core/paths.ts';
import { findGlibcObjects, type GlibcObject } from '../../ship/glibc-objects.ts';
import { inspectElf, type InspectReport } from '../../ship/inspect-report.ts';
import { closeDescriptor, descriptorSource } from '../../system/files/hashed-file.ts';
import { openNamedFile } from '../../system/files/named-file.ts';

/** The report of an ELF file; undefined for any other file. */
export function inspectElfFile(path: HostPath): InspectReport | undefined {
  try {
    return withFile(path, inspectElf);
  } catch (error) {
    if (error instanceof AlprootError) return undefined;
    throw error;
  }
}

/** Objects and archive members that were compiled with glibc's headers; damaged files are passed over. */
export const findGlibcObjectsIn = (paths: readonly HostPath[]): GlibcObject[] =>
  paths.flatMap((path) => {
    try {
      return withFile(path, (source) => findGlibcObjects([source]));
    } catch (error) {
      if (error instanceof AlprootError) return [];
      throw error;
    }
  });

/** @throws ALP_USAGE_ARGUMENT when there is no such file */
export function withFile<T>(path: HostPath, work: (source: ByteSource) => T): T {
  const fd = openNamedFile(path);
  try {
    return work(descriptorSource(fd, path));
  } finally {
    closeDescriptor(fd);
  }
}
