/**
 * Alpine's `latest-releases.yaml` and the file names of minirootfs releases. The listing is unsigned: it only
 * proposes a name, which must match the grammar here, and the file is judged by its own digest or signature.
 */
import { parse } from 'yaml';
import { AlprootError } from '../core/errors.ts';
import type { Arch } from '../core/package.ts';

export interface MinirootfsName {
  readonly file: string;
  /** `3.19.4`, `20240329` on edge. */
  readonly version: string;
  readonly arch: string;
}

const NAME = /^alpine-minirootfs-(\d{1,3}(?:\.\d{1,3}){1,3}(?:_[a-z]+\d*)?|\d{8})-([a-z0-9_]+)\.tar\.gz$/;

/** Takes a file name apart; undefined when it is none of a minirootfs. */
export function parseMinirootfsName(file: string): MinirootfsName | undefined {
  const match = NAME.exec(file);
  return match === null ? undefined : { file, version: match[1] ?? '', arch: match[2] ?? '' };
}

export const minirootfsFile = (version: string, arch: Arch): string => `alpine-minirootfs-${version}-${arch}.tar.gz`;

/**
 * The minirootfs that a listing proposes for `arch`.
 *
 * @param text the YAML, a list of entries with `flavor`, `file`, `arch`
 * @throws ALP_FORMAT_TEXT when it is no such list
 */
export function parseLatestReleases(text: string, arch: Arch): MinirootfsName | undefined {
  let entries: unknown;
  try {
    entries = parse(text, { maxAliasCount: 0 });
  } catch (error) {
    throw new AlprootError('ALP_FORMAT_TEXT', 'latest-releases.yaml is not YAML', { cause: error });
  }
  if (!Array.isArray(entries)) throw new AlprootError('ALP_FORMAT_TEXT', 'latest-releases.yaml is not a list of releases');
  for (const entry of entries as unknown[]) {
    if (typeof entry !== 'object' || entry === null) continue;
    const { flavor, file } = entry as Record<string, unknown>;
    if (flavor !== 'alpine-minirootfs' || typeof file !== 'string') continue;
    const name = parseMinirootfsName(file);
    if (name !== undefined && name.arch === arch) return name;
  }
  return undefined;
}

/** `3.19.4` → `v3.19`, `edge` → `edge`. */
export function branchOf(release: string): string {
  if (release === 'edge') return 'edge';
  const [major = '', minor] = release.split('.');
  return minor === undefined ? `v${major}` : `v${major}.${minor}`;
}

/** True for `3.19.4`, false for `3.19` and `edge`. */
export const isPointRelease = (release: string): boolean => /^\d+\.\d+\.\d+/.test(release);

/** Orders `v3.9` before `v3.10`. */
export function compareBranches(a: string, b: string): number {
  const numbers = (text: string): number[] => (text.match(/\d+/g) ?? []).map(Number);
  const [x, y] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    if ((x[i] ?? -1) !== (y[i] ?? -1)) return (x[i] ?? -1) - (y[i] ?? -1);
  }
  return 0;
}
