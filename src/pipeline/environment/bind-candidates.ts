/**
 * Which directories of the host a command sees, and which of them it may write: its working directory with the project
 * around it, and what arguments and variables name. All is decided from names alone, before anything is fetched.
 */
import { dirname } from 'node:path';
import { AlprootError } from '../../core/errors.ts';
import { hostPath, treePathFromUser, type HostPath } from '../../core/paths.ts';
import { quoteName } from '../../core/redact.ts';
import type { Mount } from '../../core/run-description.ts';
import { exists, realPath } from '../../system/files/host-paths.ts';

const MARKERS = ['.git', '.hg', 'configure', 'configure.ac', 'CMakeLists.txt', 'Makefile', 'meson.build'];

/** With all that is below: programs, libraries and headers that the tree has of its own, and files of the kernel. */
const SYSTEM_TREES = new RegExp(
  [
    String.raw`^/(?:(?:usr/)?(?:s?bin|libexec|include)|lib(?:32|64|x32)?|usr/lib(?:32|64|x32)`,
    String.raw`|usr/lib/(?:gcc|gcc-cross|\w+-linux-gnu\w*)|proc|sys|dev(?!/shm(?:/|$))|var/(?:run|lock))(?:/|$)`,
  ].join(''),
);
/** Themselves: what is below may be shown. */
const SYSTEM_DIRECTORIES =
  /^\/(?:etc|run|usr|usr\/lib|usr\/share|usr\/local|usr\/local\/(?:s?bin|lib(?:32|64|exec)?|include|share|etc))?$/;
/** What the host's packages brought is read, not written. */
const READ_ONLY = /^\/(?:usr|etc)\//;

/** Whether a path means the tree's own and can't be the host's. */
export const isSystemPath = (path: string): boolean => SYSTEM_TREES.test(path) || SYSTEM_DIRECTORIES.test(path);

export interface BindCandidate {
  /** Absolute; its name inside too. */
  readonly path: string;
  readonly access: 'read' | 'write';
}

/** @throws ALP_RUN_MOUNT when a command cannot work in `directory` of the host */
export function requireShowable(directory: string): void {
  treePathFromUser(directory);
  if (!isSystemPath(directory)) return;
  throw new AlprootError(
    'ALP_RUN_MOUNT',
    `the working directory ${quoteName(directory)} cannot be shown inside: ` +
      `the environment has its own ${quoteName(directory)}`,
    {
      hint:
        'work in another directory, such as one below your home or /tmp; ' +
        'for `run` and `shell`, --workdir names one of the environment',
    },
  );
}

/**
 * The highest directory above `directory` that looks like the top of a project, else `directory`. The home directory,
 * directories right under the root and the system's own are never taken.
 */
export function projectRoot(directory: string, home: string | undefined): string {
  let best = directory;
  for (let at = directory; at !== home && at.split('/').length > 2; at = dirname(at)) {
    if (!isSystemPath(at) && MARKERS.some((marker) => exists(`${at}/${marker}`))) best = at;
  }
  return best;
}

export interface BindRequest {
  /** Absolute working directory. */
  readonly directory: string;
  readonly home: string | undefined;
  /** Other directories that are wanted; those that mean the tree's own are left out. */
  readonly named: readonly string[];
  /** Those of them that are written to, wherever they are. */
  readonly written?: readonly string[];
}

/** Sorted, without doubles; one inside another only where the inner one may be written and the outer one may not. */
export function bindCandidates({ directory, home, named, written = [] }: BindRequest): BindCandidate[] {
  const own = [projectRoot(directory, home), directory, ...written]
    .flatMap(withRealPath)
    .map((path): BindCandidate => ({ path, access: 'write' }));
  const others = named
    .flatMap(withRealPath)
    .map((path): BindCandidate => ({ path, access: READ_ONLY.test(path) ? 'read' : 'write' }));
  const access = new Map<string, BindCandidate['access']>();
  for (const candidate of [...own, ...others])
    if (!isSystemPath(candidate.path) && access.get(candidate.path) !== 'write')
      access.set(candidate.path, candidate.access);
  const sorted = [...access]
    .map(([path, mode]): BindCandidate => ({ path, access: mode }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  return sorted.filter(
    ({ path, access: mode }) =>
      !sorted.some((other) => path.startsWith(`${other.path}/`) && (other.access === 'write' || mode === 'read')),
  );
}

const withRealPath = (path: string): string[] => [path, realPath(path) ?? path];

/** Under their own names. @throws ALP_UNPACK_PATH for a name that no tree can have */
export const candidateMounts = (candidates: readonly BindCandidate[]): Mount[] =>
  candidates.map(({ path, access }) => ({
    kind: 'bind',
    source: realPath(path) ?? hostPath(path),
    target: treePathFromUser(path),
    writable: access === 'write',
  }));

/** The store is trusted: where a mount that may be written has it inside, it is shown read-only. */
export function protectStore(mounts: readonly Mount[], store: HostPath): Mount[] {
  const real = realPath(store) ?? store;
  return mounts.flatMap((mount): Mount[] => {
    if (mount.kind !== 'bind' || !mount.writable || !real.startsWith(`${mount.source}/`)) return [mount];
    const below = Buffer.from(real.slice(mount.source.length), 'utf8').toString('latin1');
    return [
      mount,
      {
        kind: 'bind',
        source: real,
        target: treePathFromUser(`/${Buffer.from(mount.target + below, 'latin1').toString('utf8')}`),
        writable: false,
      },
    ];
  });
}
