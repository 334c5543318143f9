/**
 * What a run used, gathered piece by piece: a lock is the whole of it. The pieces of one run agree, since each
 * repository is looked at once.
 */
import { isArch } from '../core/arch.ts';
import { isSha512Hex } from '../core/digest.ts';
import { AlprootError } from '../core/errors.ts';
import { isAbsentOr, isCount, isListOf, isSha256Text, isShape, isText } from '../core/json-shape.ts';
import { isDependency, isPackageRecord } from '../core/package-shape.ts';
import { quoteName, redactUrl } from '../core/redact.ts';
import { formatDependency } from '../formats/apk/dependency.ts';
import type {
  Lock,
  LockedDownload,
  LockedEnvironment,
  LockedMinirootfs,
  LockedPackage,
  LockedRepository,
} from '../formats/lock/lockfile.ts';

/** An environment of which perhaps only some packages are known. */
export interface RecordedEnvironment extends Omit<LockedEnvironment, 'minirootfs'> {
  readonly minirootfs?: LockedEnvironment['minirootfs'];
}

export interface Recorded {
  readonly requests: readonly string[];
  readonly environments: readonly RecordedEnvironment[];
  readonly downloads?: readonly LockedDownload[];
}

const isRepository = isShape<LockedRepository>({
  location: isText,
  tag: isAbsentOr(isText),
  description: isText,
  sha256: isSha256Text,
  sizeBytes: isCount,
});

const isPackage = isShape<LockedPackage>({
  record: isPackageRecord,
  repository: isText,
  sha256: isSha256Text,
  datahash: isAbsentOr(isSha256Text),
  because: isListOf(isText),
});

const isMinirootfs = isShape<LockedMinirootfs>({
  file: isText,
  sizeBytes: isCount,
  sha256: isSha256Text,
  sha512: (value) => isText(value) && isSha512Hex(value),
});

const isEnvironment = isShape<RecordedEnvironment>({
  release: isText,
  arch: (value) => isText(value) && isArch(value),
  minirootfs: isAbsentOr(isMinirootfs),
  repositories: isListOf(isRepository),
  world: isListOf(isDependency),
  packages: isListOf(isPackage),
});

const isDownload = isShape<LockedDownload>({ url: isText, sha256: isSha256Text, sizeBytes: isCount });

/** Whether JSON that was kept is a record of a run, all the way down. */
export const isRecorded = isShape<Recorded>({
  requests: isListOf(isText),
  environments: isListOf(isEnvironment),
  downloads: isAbsentOr(isListOf(isDownload)),
});

export interface Recording {
  /** A function is called when the whole is asked for. */
  readonly add: (part: Recorded | (() => Recorded)) => void;
  readonly whole: () => Recorded;
}

export function createRecording(): Recording {
  const parts: (Recorded | (() => Recorded))[] = [];
  return {
    add: (part) => void parts.push(part),
    whole: () => mergeRecorded(parts.map((part) => (typeof part === 'function' ? part() : part))),
  };
}

/** Everything that any of `parts` has, sorted. */
export function mergeRecorded(parts: readonly Recorded[]): Recorded {
  const environments = new Map<string, RecordedEnvironment>();
  for (const next of parts.flatMap((part) => part.environments)) {
    const key = `${next.release} ${next.arch}`;
    const before = environments.get(key);
    environments.set(key, before === undefined ? next : mergeEnvironments(before, next));
  }
  return {
    requests: [...new Set(parts.flatMap(({ requests }) => requests))].sort(),
    environments: [...environments].sort(byFirst).map(([, environment]) => environment),
    downloads: union(
      parts.flatMap(({ downloads = [] }) => downloads),
      ({ url }) => url,
    ),
  };
}

function mergeEnvironments(a: RecordedEnvironment, b: RecordedEnvironment): RecordedEnvironment {
  const minirootfs = b.minirootfs ?? a.minirootfs;
  return {
    release: a.release,
    arch: a.arch,
    ...(minirootfs === undefined ? {} : { minirootfs }),
    repositories: union([...a.repositories, ...b.repositories], ({ location }) => location),
    world: union([...a.world, ...b.world], (item) => formatDependency(item, { tag: true })),
    packages: union(
      [...a.packages, ...b.packages],
      ({ record, repository }) => `${record.name}-${record.version} ${repository}`,
      (one, other) => ({ ...other, because: [...new Set([...one.because, ...other.because])].sort() }),
    ),
  };
}

/** One for each key, in the order of the keys. */
function union<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  merge: (one: T, other: T) => T = (_one, other) => other,
): T[] {
  const found = new Map<string, T>();
  for (const item of items) {
    const before = found.get(keyOf(item));
    found.set(keyOf(item), before === undefined ? item : merge(before, item));
  }
  return [...found].sort(byFirst).map(([, item]) => item);
}

const byFirst = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

/**
 * @throws ALP_USAGE_ARGUMENT for what a lock cannot name: a repository of the host's own or without TLS
 */
export function lockOfRecording({ requests, environments, downloads = [] }: Recorded): Lock {
  const secret = downloads.find(({ url }) => /^[a-z]+:\/\/[^/?#]*@/i.test(url));
  if (secret !== undefined)
    throw new AlprootError(
      'ALP_USAGE_ARGUMENT',
      `${redactUrl(secret.url)} cannot be locked: its address holds a password`,
      { hint: 'keep the password in a netrc file' },
    );
  return {
    requests,
    downloads,
    environments: environments.map(({ minirootfs, ...rest }) => {
      if (minirootfs === undefined) throw new Error(`nothing was recorded of the minirootfs of ${rest.release}`);
      const stray = rest.repositories.find(
        ({ location }) => !/^(?:https:\/\/|v\d|edge\/|latest-stable\/)/.test(location),
      );
      if (stray !== undefined)
        throw new AlprootError('ALP_USAGE_ARGUMENT', `the repository ${quoteName(stray.location)} cannot be locked`, {
          hint: 'a lock names repositories below the mirror, or by an https URL',
        });
      return { ...rest, minirootfs };
    }),
  };
}
