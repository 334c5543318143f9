/**
 * A repository on disk: `DIR/BRANCH/{main,community}/ARCH/*.apk` with its signed index. Packages come first and the
 * index last, so that a reader never sees an index of files that are not there.
 */
import { limits } from '../core/limits.ts';
import type { Arch } from '../core/package.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import { readFileCapped, writeFileAtomic } from '../system/files/files.ts';
import { namesOf } from '../system/files/host-directories.ts';
import { formatAdbIndex, readIndexedFile } from './adb-index.ts';
import { formatIndexFile } from './index-writer.ts';
import { readApkControl } from './control-member.ts';
import { formatIndexEntryText, parsePkginfoText } from './pkginfo-text.ts';
import type { SignatureKind, SigningKey } from './signing.ts';

export interface IndexDirectoryOptions {
  /** Holds the .apk files; the index is written there as `APKINDEX.tar.gz`. */
  readonly directory: HostPath;
  readonly description: string;
  /** Seconds since 1970. */
  readonly time: number;
  /** undefined: unsigned. */
  readonly key: SigningKey | undefined;
  readonly signatureKind?: SignatureKind;
  /** Architecture that packages must have, besides noarch; others are left out. */
  readonly arch?: Arch;
}

/**
 * Indexes all .apk files of a directory, whoever made them.
 *
 * @returns what the index now holds, as `name-version`
 * @throws ALP_FORMAT_APK for a file that is not an .apk of version 2
 */
export async function indexDirectory(options: IndexDirectoryOptions): Promise<string[]> {
  const names = namesOf(options.directory).filter((name) => name.endsWith('.apk'));
  const indexed: string[] = [];
  const entries: string[] = [];
  for (const name of names) {
    const path = joinHost(options.directory, name);
    const bytes = readFileCapped(path, limits.packageFile);
    if (bytes === undefined) continue;
    const { pkginfo, controlSha1Hex } = readApkControl(bytes, path);
    const fields = parsePkginfoText(pkginfo);
    const arch = fields.get('arch')?.[0];
    if (options.arch !== undefined && arch !== options.arch && arch !== 'noarch') continue;
    entries.push(formatIndexEntryText({ pkginfo, controlSha1Hex, sizeBytes: bytes.length }));
    indexed.push(`${fields.get('pkgname')?.[0] ?? ''}-${fields.get('pkgver')?.[0] ?? ''}`);
  }
  const { description, time, key, signatureKind } = options;
  const index = await formatIndexFile({
    entries,
    description,
    time,
    key,
    ...(signatureKind === undefined ? {} : { signatureKind }),
  });
  writeFileAtomic(joinHost(options.directory, 'APKINDEX.tar.gz'), index);
  return indexed;
}

/**
 * The same as a v3 index, `Packages.adb`, of packages of either format.
 *
 * @returns what the index now holds, as `name-version`
 * @throws ALP_FORMAT_APK, ALP_FORMAT_ADB for a file that is not an .apk
 */
export function indexAdbDirectory({ directory, description, key, arch }: IndexDirectoryOptions): string[] {
  const files = namesOf(directory)
    .filter((name) => name.endsWith('.apk'))
    .sort()
    .flatMap((name) => {
      const path = joinHost(directory, name);
      const bytes = readFileCapped(path, limits.packageFile);
      return bytes === undefined ? [] : [readIndexedFile(bytes, path)];
    });
  const fitting = files.filter((file) => arch === undefined || [arch, 'noarch', ''].includes(file.arch));
  writeFileAtomic(joinHost(directory, 'Packages.adb'), formatAdbIndex(fitting, description, key));
  return fitting.map(({ name, version }) => `${name}-${version}`);
}
