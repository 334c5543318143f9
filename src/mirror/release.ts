/**
 * The `releases/ARCH/` part of a mirror: the minirootfs, its digests, its signature, and the listing that names it.
 */
import { createHash } from 'node:crypto';
import { sha256Hex, sha512Hex } from '../core/digest.ts';
import type { Arch } from '../core/package.ts';
import { joinHost, type HostPath } from '../core/paths.ts';
import { minirootfsFile } from '../formats/release/release-names.ts';
import { writeFileAtomic } from '../system/files/files.ts';
import { signBytes, type SigningKey } from './signing.ts';

export interface ReleaseInput {
  /** The mirror's root. */
  readonly mirror: HostPath;
  /** `v3.19` */
  readonly branch: string;
  /** `3.19.900` */
  readonly release: string;
  readonly arch: Arch;
  readonly minirootfs: Buffer;
  /** For the listing: one line that says what this is. */
  readonly title: string;
  /** Seconds since 1970. */
  readonly time: number;
  readonly key: SigningKey;
}

/** Suffix of the detached signature: `FILE.rsa256.KEY.rsa.pub` is the raw RSA-SHA256 signature of FILE. */
export const signatureSuffix = (publicName: string): string => `.rsa256.${publicName}`;

/** Writes the minirootfs and what belongs to it, the listing last. @returns the minirootfs's path */
export function writeRelease({ mirror, branch, release, arch, minirootfs, title, time, key }: ReleaseInput): HostPath {
  const file = minirootfsFile(release, arch);
  const directory = joinHost(mirror, branch, 'releases', arch);
  const path = joinHost(directory, file);
  writeFileAtomic(path, minirootfs);
  writeFileAtomic(joinHost(directory, `${file}.sha256`), `${sha256Hex(minirootfs)}  ${file}\n`);
  writeFileAtomic(joinHost(directory, `${file}.sha512`), `${sha512Hex(minirootfs)}  ${file}\n`);
  writeFileAtomic(
    joinHost(directory, `${file}${signatureSuffix(key.publicName)}`),
    signBytes(minirootfs, key, 'RSA256'),
  );
  writeFileAtomic(
    joinHost(directory, 'latest-releases.yaml'),
    formatListing({ file, branch, release, arch, title, time, minirootfs }),
  );
  return path;
}

type ListingInput = Pick<ReleaseInput, 'branch' | 'release' | 'arch' | 'title' | 'time' | 'minirootfs'> & {
  readonly file: string;
};

function formatListing({ file, branch, release, arch, title, time, minirootfs }: ListingInput): string {
  const [date = '', clock = ''] = new Date(time * 1000).toISOString().split(/[T.]/);
  const sha1 = createHash('sha1').update(minirootfs).digest('hex');
  const fields = [
    `title: ${JSON.stringify(title)}`,
    `branch: ${branch}`,
    `arch: ${arch}`,
    `version: ${release}`,
    'flavor: alpine-minirootfs',
    `file: ${file}`,
    `iso: ${file}`,
    `date: ${date}`,
    `time: "${clock}"`,
    `size: ${minirootfs.length}`,
    `sha1: ${sha1}`,
    `sha256: ${sha256Hex(minirootfs)}`,
    `sha512: ${sha512Hex(minirootfs)}`,
  ];
  return `---\n-\n${fields.map((field) => `  ${field}\n`).join('')}`;
}
