/** Names of releases and branches, and the file names of minirootfs releases. */
import type { Arch } from '../../core/package.ts';

/** Of a branch, in the order of Alpine's own repositories file. */
export const SECTIONS = ['main', 'community'];

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
