/**
 * Which mirrors an invocation uses. 'auto' tries Alpine's CDN; where that cannot be reached, a mirror made from the
 * host's own Debian archive, and it says so.
 */
import { type MirrorSpec, mirrorAt } from '../../core/mirror.ts';
import { AlprootError, isAlprootError } from '../../core/errors.ts';
import { joinHost, type HostPath } from '../../core/paths.ts';
import { findProgram, isDirectory, isFile } from '../../system/files/host-paths.ts';
import { branchOf, compareBranches } from '../../formats/release/release-names.ts';
import { namesOf } from '../../system/files/host-directories.ts';
import { debianOptions } from './debian-options.ts';
import { bundledPins } from '../session/trusted-keys.ts';
import { pinnedRelease } from '../session/lock-policy.ts';
import type { Session } from '../session/session.ts';
import { isShape } from '../../core/json-shape.ts';
import { recordCodec } from '../../store/record-codec.ts';

export const ALPINE_CDN = 'https://dl-cdn.alpinelinux.org/alpine';

export interface ChosenMirrors {
  readonly mirrors: readonly MirrorSpec[];
  /** The mirror is ours, made from Debian: more packages can be added to it. */
  readonly debian: HostPath | undefined;
  /** Asked for or implied: `3.19`, `3.19.4`, `edge`. */
  readonly release: string;
}

/** @throws ALP_FETCH_* when nothing can be reached */
export async function chooseMirrors(session: Session): Promise<ChosenMirrors> {
  const { config } = session;
  if (config.mirrors !== 'auto') {
    return {
      mirrors: config.mirrors,
      debian: undefined,
      release: config.release ?? pinnedRelease(session) ?? newestRelease(config.mirrors),
    };
  }
  const release = config.release ?? pinnedRelease(session) ?? newestRelease([]);
  const debian = joinHost(session.store.root, 'mirrors', 'debian');
  const record = `auto-${config.arch}-${branchOf(release)}`;
  const before = session.store.getRecord(record, AUTO_RECORD);
  const made = isDirectory(joinHost(debian, branchOf(release), 'main', config.arch));
  if (before?.source === 'debian' && made && !config.refresh) return debianMirror(debian, release);
  if (before?.source === 'alpine' || config.offline) {
    return before?.source === 'debian' && made
      ? debianMirror(debian, release)
      : { mirrors: [mirrorAt(ALPINE_CDN)], debian: undefined, release };
  }
  const failure = await tryAlpine(session, release);
  if (failure === undefined) {
    session.store.putRecord(record, { source: 'alpine' }, { codec: AUTO_RECORD });
    return { mirrors: [mirrorAt(ALPINE_CDN)], debian: undefined, release };
  }
  await makeDebianMirror(session, { directory: debian, release, failure });
  session.store.putRecord(record, { source: 'debian' }, { codec: AUTO_RECORD });
  return debianMirror(debian, release);
}

/** Which mirror `auto` has chosen. */
export const AUTO_RECORD = recordCodec(
  1,
  isShape<{ readonly source: 'alpine' | 'debian' }>({ source: (value) => value === 'alpine' || value === 'debian' }),
);

const debianMirror = (directory: HostPath, release: string): ChosenMirrors => ({
  mirrors: [mirrorAt(directory, { keys: [joinHost(directory, 'keys')] })],
  debian: directory,
  // Its minirootfs has a point release of its own.
  release: release.split('.').slice(0, 2).join('.'),
});

async function tryAlpine(session: Session, release: string): Promise<AlprootError | undefined> {
  try {
    await session.fetcher.fetchOptional({
      base: ALPINE_CDN,
      path: `${branchOf(release)}/releases/${session.config.arch}/latest-releases.yaml`,
      maxBytes: 1024 * 1024,
      attempts: 2,
      label: "Alpine's release list",
    });
    return undefined;
  } catch (error) {
    if (isAlprootError(error) && error.code.startsWith('ALP_FETCH_')) return error;
    throw error;
  }
}

interface DebianMirrorRequest {
  readonly directory: HostPath;
  readonly release: string;
  readonly failure: AlprootError;
}

async function makeDebianMirror(
  session: Session,
  { directory, release, failure }: DebianMirrorRequest,
): Promise<void> {
  const { config } = session;
  if (findProgram('apt-get', config.env['PATH'] ?? '') === undefined || !isFile('/etc/debian_version')) {
    throw new AlprootError(
      'ALP_FETCH_MIRRORS',
      `Alpine's CDN cannot be used (${failure.message}), and this host has no Debian archive to fall back to`,
      { hint: failure.hint ?? 'name a mirror with --mirror', cause: failure },
    );
  }
  config.emit({
    kind: 'warning',
    message:
      `Alpine's CDN cannot be used: ${failure.message}; ` + `making packages from this host's Debian archive instead`,
    hint: '--mirror names another source',
  });
  const { fromDebian } = await import('../../mirror/debian/from-debian.ts');
  await session.store.withLock('mirror-debian', () =>
    fromDebian({ ...debianOptions(session, { directory, release }), offline: config.offline }),
  );
}

/** The newest branch that a directory mirror has; the newest that alproot has pins for otherwise. */
export function newestRelease(mirrors: readonly MirrorSpec[]): string {
  const [first] = mirrors;
  if (first?.kind === 'directory') {
    const branches = namesOf(first.base)
      .filter((name) => /^v\d+\.\d+$/.test(name))
      .sort(compareBranches);
    const newest = branches.at(-1);
    if (newest !== undefined) return newest.slice(1);
  }
  const known = [...bundledPins().byName.keys()]
    .map((name) => /-(\d+\.\d+)\.\d+-/.exec(name)?.[1])
    .filter((name) => name !== undefined);
  return known.sort(compareBranches).at(-1) ?? 'edge';
}
