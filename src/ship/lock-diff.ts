/** What moved between two locks, and why, for people and as data. */
import type { Lock, LockedEnvironment, LockedPackage } from '../formats/lock/lockfile.ts';
import { showName } from '../core/redact.ts';

export interface LockChange {
  readonly kind: 'request' | 'environment' | 'minirootfs' | 'index' | 'package' | 'download';
  readonly name: string;
  /** Absent: it is new. */
  readonly from?: string;
  /** Absent: it is gone. */
  readonly to?: string;
  /** Who needs it, or what else explains it. */
  readonly why?: string;
}

/** Every difference, in the order: requests, environments, minirootfs, indexes, packages by name, downloads. */
export function diffLocks(before: Lock, after: Lock): LockChange[] {
  const key = ({ release, arch }: LockedEnvironment): string => `${release} ${arch}`;
  return [
    ...diffMaps(
      'request',
      new Map(before.requests.map((name) => [name, 'asked for'])),
      new Map(after.requests.map((name) => [name, 'asked for'])),
    ),
    ...pairs(
      new Map(before.environments.map((one) => [key(one), one])),
      new Map(after.environments.map((one) => [key(one), one])),
    ).flatMap(([name, from, to]) => diffEnvironments(name, from, to)),
    ...diffMaps('download', digests(before), digests(after)),
  ];
}

const digests = ({ downloads }: Lock): ReadonlyMap<string, string> =>
  new Map(downloads.map(({ url, sha256 }) => [url, `sha256 ${sha256.slice(0, 12)}`]));

function diffEnvironments(
  name: string,
  from: LockedEnvironment | undefined,
  to: LockedEnvironment | undefined,
): LockChange[] {
  const count = (one: LockedEnvironment): string => `${one.packages.length} packages`;
  if (from === undefined || to === undefined) {
    return [
      {
        kind: 'environment',
        name,
        ...(from === undefined ? {} : { from: count(from) }),
        ...(to === undefined ? {} : { to: count(to) }),
      },
    ];
  }
  const rootfs = (one: LockedEnvironment): ReadonlyMap<string, string> =>
    new Map([[one.minirootfs.file, `sha256 ${one.minirootfs.sha256.slice(0, 12)}`]]);
  const indexes = (one: LockedEnvironment): ReadonlyMap<string, string> =>
    new Map(
      one.repositories.map(({ location, description, sha256 }) => [
        location,
        `${description} (sha256 ${sha256.slice(0, 12)})`,
      ]),
    );
  return [
    ...diffMaps('minirootfs', rootfs(from), rootfs(to)),
    ...diffMaps('index', indexes(from), indexes(to)),
    ...diffPackages(from, to),
  ];
}

function diffPackages(from: LockedEnvironment, to: LockedEnvironment): LockChange[] {
  const byName = (one: LockedEnvironment): ReadonlyMap<string, LockedPackage> =>
    new Map(one.packages.map((item) => [item.record.name, item]));
  return pairs(byName(from), byName(to)).flatMap(([name, old, next]): LockChange[] => {
    if (old !== undefined && next !== undefined && isSamePackage(old, next)) return [];
    const rebuilt = old?.record.version === next?.record.version;
    const label = (item: LockedPackage): string =>
      rebuilt ? `${item.record.version} (sha256 ${item.sha256.slice(0, 12)})` : item.record.version;
    return [
      {
        kind: 'package',
        name,
        ...(old === undefined ? {} : { from: label(old) }),
        ...(next === undefined ? {} : { to: label(next) }),
        why: reason({ old, next }),
      },
    ];
  });
}

const isSamePackage = (a: LockedPackage, b: LockedPackage): boolean =>
  a.sha256 === b.sha256 && a.repository === b.repository && a.record.version === b.record.version;

function reason({
  old,
  next,
}: {
  readonly old: LockedPackage | undefined;
  readonly next: LockedPackage | undefined;
}): string {
  if (next === undefined) return `was needed by ${old?.because.join(', ') ?? ''}`;
  if (old !== undefined && old.record.version === next.record.version) {
    return old.repository === next.repository
      ? 'the same version, rebuilt'
      : `moved from ${old.repository} to ${next.repository}`;
  }
  return `needed by ${next.because.join(', ')}`;
}

function diffMaps(
  kind: LockChange['kind'],
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): LockChange[] {
  return pairs(before, after).flatMap(([name, from, to]) =>
    from === to ? [] : [{ kind, name, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }],
  );
}

function pairs<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
): [string, T | undefined, T | undefined][] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .map((name) => [name, before.get(name), after.get(name)]);
}

function moveOf(from: string | undefined, to: string | undefined): readonly [mark: string, move: string] {
  if (from === undefined) return ['+', to ?? ''];
  return to === undefined ? ['-', from] : ['~', `${from} -> ${to}`];
}

/** One line a change: `+ new`, `- gone`, `~ moved`. Names are made safe to print. */
export const formatLockDiff = (changes: readonly LockChange[]): string =>
  changes
    .map(({ kind, name, from, to, why }) => {
      const [mark, move] = moveOf(from, to);
      return showName(`${mark} ${kind} ${name} ${move}${why === undefined || why.endsWith('by ') ? '' : `: ${why}`}`);
    })
    .map((line) => `  ${line}`)
    .join('\n');
