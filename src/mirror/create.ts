/**
 * A partial mirror: chosen packages, verified before, copied byte for byte with the signatures of who made them, under
 * an index of our own signing; and a minirootfs with our detached signature beside its digests.
 */
import { SECTIONS } from '../formats/release/release-names.ts';
import { sha256Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { limits } from '../core/limits.ts';
import type { Arch, PackageFile } from '../core/package.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import { quoteName } from '../core/redact.ts';
import { readFileCapped, writeFileAtomic } from '../system/files/files.ts';
import { makeDirectory } from '../system/files/host-directories.ts';
import { writeRelease } from './release.ts';
import { indexDirectory } from './repository.ts';
import type { SigningKey } from './signing.ts';

export interface MirroredPackage {
  readonly file: PackageFile;
  /** Where the bytes are now; they are hashed again against the SHA-256 by which they were verified. */
  readonly path: HostPath;
  /** `main` or `community`. */
  readonly section: string;
}

export interface CreateOptions {
  readonly directory: HostPath;
  readonly arch: Arch;
  /** `v3.19` */
  readonly branch: string;
  readonly packages: readonly MirroredPackage[];
  /** Put under `releases/` when given. */
  readonly minirootfs?: { readonly path: HostPath; readonly release: string; readonly sha256: string } | undefined;
  readonly key: SigningKey;
  /** Seconds since 1970, written into the index. */
  readonly time: number;
  readonly emit: Emit;
}

/**
 * Makes or completes a mirror. Packages that are there already stay in the index.
 *
 * @throws ALP_STORE_DAMAGED when bytes are not those that were verified; ALP_FILE_WRITE
 */
export async function createMirror({
  directory,
  arch,
  branch,
  packages,
  minirootfs,
  key,
  time,
  emit,
}: CreateOptions): Promise<void> {
  const label = `copying ${packages.length} packages`;
  emit({ kind: 'start', id: 'mirror', label, total: packages.length });
  for (const { file, path, section } of packages) {
    const bytes = readChecked(path, file.sha256);
    writeFileAtomic(
      joinHost(directory, branch, section, arch, `${file.record.name}-${file.record.version}.apk`),
      bytes,
    );
  }
  for (const section of new Set([...SECTIONS, ...packages.map((one) => one.section)])) {
    await indexDirectory({
      directory: makeDirectory(joinHost(directory, branch, section, arch)),
      description: `${branch} partial mirror made by alproot`,
      time,
      key,
      arch,
    });
  }
  if (minirootfs !== undefined) {
    const bytes = readChecked(minirootfs.path, minirootfs.sha256);
    writeRelease({
      mirror: directory,
      branch,
      release: minirootfs.release,
      arch,
      minirootfs: bytes,
      title: 'Mini root filesystem',
      time,
      key,
    });
  }
  writeFileAtomic(joinHost(directory, 'keys', key.publicName), key.publicPem);
  emit({ kind: 'done', id: 'mirror', label });
}

function readChecked(path: HostPath, sha256: string): Buffer {
  const bytes = readFileCapped(path, limits.packageFile);
  if (bytes === undefined || sha256Hex(bytes) !== sha256) {
    throw new AlprootError('ALP_STORE_DAMAGED', `${quoteName(path)} is not the file that was verified`, {
      hint: 'run `alproot cache verify`, then try again',
    });
  }
  return bytes;
}
