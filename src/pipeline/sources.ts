/** fetch → verify: a minirootfs and the indexes of a release, from the first mirror that has them whole. */
import type { MirrorSpec } from '../core/config.ts';
import { AlprootError, isAlprootError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Repository, RepositoryIndex } from '../core/package.ts';
import type { Verified } from '../core/verified.ts';
import { branchOf, compareBranches, isPointRelease, minirootfsFile, parseLatestReleases, parseMinirootfsName, type MinirootfsName } from '../formats/releases.ts';
import { redactUrl } from '../core/redact.ts';
import type { OpenBlob } from '../store/blobs.ts';
import { verifyIndex } from '../verify/index-file.ts';
import type { TrustedKeys } from '../verify/key.ts';
import { verifyMinirootfs, type DetachedSignature, type MinirootfsFile } from '../verify/minirootfs.ts';
import { judgeFreshness } from './freshness.ts';
import type { ChosenMirrors } from './mirrors.ts';
import type { Session } from './session.ts';
import { bundledPins, mirrorKeys } from './trust.ts';

export interface Sources {
  readonly mirror: MirrorSpec;
  readonly keys: TrustedKeys;
  readonly branch: string;
  readonly repositories: readonly Repository[];
}

export interface Minirootfs {
  readonly file: Verified<MinirootfsFile>;
  readonly version: string;
}

const SECTIONS = ['main', 'community'];

/**
 * The indexes of a release, all from one mirror, so that two states of a repository are never mixed.
 *
 * @throws ALP_FETCH_MIRRORS naming each mirror's trouble; ALP_VERIFY_*, ALP_STALE_*
 */
export async function fetchSources(session: Session, { mirrors, release }: ChosenMirrors): Promise<Sources> {
  return firstMirror(mirrors, async (mirror) => {
    const keys = mirrorKeys(mirror, session.config.arch);
    const branch = branchOf(release);
    const found = await Promise.all(SECTIONS.map((section) => fetchIndex(session, { mirror, keys, path: `${branch}/${section}` })));
    const repositories = found.filter((index) => index !== undefined).map((index): Repository => ({ index }));
    if (found[0] === undefined) {
      throw new AlprootError('ALP_FETCH_NOT_FOUND', `${redactUrl(mirror.base)} has no ${branch}/main for ${session.config.arch}`, { hint: 'choose another --release, --arch or --mirror' });
    }
    return { mirror, keys, branch, repositories };
  });
}

interface IndexPlace {
  readonly mirror: MirrorSpec;
  readonly keys: TrustedKeys;
  readonly path: string;
}

/** One verified index; undefined when the mirror does not have that repository. */
export async function fetchIndex(session: Session, { mirror, keys, path }: IndexPlace): Promise<Verified<RepositoryIndex> | undefined> {
  const location = `${redactUrl(mirror.base)}/${path}`;
  const ref = await session.fetcher.fetchOptional({
    base: mirror.base, path: `${path}/${session.config.arch}/APKINDEX.tar.gz`, maxBytes: limits.indexCompressed, label: `index of ${path}`,
  });
  if (ref === undefined) return undefined;
  const blob = session.store.openBlob(ref.sha256, location);
  if (blob === undefined) throw new AlprootError('ALP_STORE_DAMAGED', `the index of ${location} was damaged in the store`, { hint: 'run the command again' });
  try {
    const { index } = verifyIndex(readWhole(blob), { location, keys });
    judgeFreshness(session, index);
    return index;
  } finally {
    blob.close();
  }
}

/** The minirootfs of a release, verified. @throws ALP_FETCH_*, ALP_VERIFY_* */
export async function fetchMinirootfs(session: Session, { mirrors, release }: ChosenMirrors): Promise<Minirootfs> {
  return firstMirror(mirrors, async (mirror) => {
    const { arch } = session.config;
    const keys = mirrorKeys(mirror, arch);
    const directory = `${branchOf(release)}/releases/${arch}`;
    const name = await chooseMinirootfs(session, { mirror, directory, release });
    const ref = await session.fetcher.fetch({ base: mirror.base, path: `${directory}/${name.file}`, maxBytes: limits.minirootfs, label: name.file });
    const signatures = await fetchSignatures(session, { mirror, keys, path: `${directory}/${name.file}` });
    const blob = session.store.openBlob(ref.sha256, name.file);
    if (blob === undefined) throw new AlprootError('ALP_STORE_DAMAGED', `${name.file} was damaged in the store`, { hint: 'run the command again' });
    try {
      return { file: verifyMinirootfs(blob, { name: name.file, pins: bundledPins(), signatures, keys }).file, version: name.version };
    } finally {
      blob.close();
    }
  });
}

interface ReleasePlace {
  readonly mirror: MirrorSpec;
  readonly directory: string;
  readonly release: string;
}

/** The point release that was asked for, the one that the mirror's list proposes, or the newest with a pin. */
async function chooseMinirootfs(session: Session, { mirror, directory, release }: ReleasePlace): Promise<MinirootfsName> {
  const { arch } = session.config;
  if (isPointRelease(release)) return { file: minirootfsFile(release, arch), version: release, arch };
  const ref = await session.fetcher.fetchOptional({ base: mirror.base, path: `${directory}/latest-releases.yaml`, maxBytes: limits.metadata, label: 'release list' });
  const blob = ref === undefined ? undefined : session.store.openBlob(ref.sha256, 'latest-releases.yaml');
  try {
    const listed = blob === undefined ? undefined : parseLatestReleases(readWhole(blob).toString('utf8'), arch);
    if (listed !== undefined) return listed;
  } finally {
    blob?.close();
  }
  const pinned = [...bundledPins().byName.keys()]
    .map(parseMinirootfsName)
    .filter((name) => name !== undefined && name.arch === arch && name.version.startsWith(`${release}.`))
    .sort((a, b) => compareBranches(a?.version ?? '', b?.version ?? ''))
    .at(-1);
  if (pinned === undefined) throw new AlprootError('ALP_FETCH_NOT_FOUND', `no minirootfs of ${release} for ${arch} on ${redactUrl(mirror.base)}`, { hint: 'choose another --release or --mirror' });
  return pinned;
}

/** `NAME.rsa256.KEY` for each key of the user's that the mirror may have signed with. */
async function fetchSignatures(session: Session, { mirror, keys, path }: IndexPlace): Promise<DetachedSignature[]> {
  const own = [...keys.keys()].filter((name) => !name.startsWith('alpine-devel@'));
  const found = await Promise.all(
    own.map(async (keyName) => {
      const ref = await session.fetcher.fetchOptional({ base: mirror.base, path: `${path}.rsa256.${keyName}`, maxBytes: 16 * 1024, label: 'signature' });
      const blob = ref === undefined ? undefined : session.store.openBlob(ref.sha256, keyName);
      if (blob === undefined) return undefined;
      const bytes = readWhole(blob);
      blob.close();
      return { keyName, bytes };
    }),
  );
  return found.filter((signature) => signature !== undefined);
}

export function readWhole(blob: OpenBlob): Buffer {
  const bytes = Buffer.alloc(blob.sizeBytes);
  for (let at = 0; at < bytes.length; ) {
    const count = blob.read(bytes.subarray(at), at);
    if (count === 0) throw new AlprootError('ALP_STORE_DAMAGED', `${blob.name} became shorter while it was read`);
    at += count;
  }
  return bytes;
}

/** The first mirror that works. What was tampered with is never passed over in silence: it ends the search. */
export async function firstMirror<T>(mirrors: readonly MirrorSpec[], work: (mirror: MirrorSpec) => Promise<T>): Promise<T> {
  const troubles: AlprootError[] = [];
  for (const mirror of mirrors) {
    try {
      return await work(mirror);
    } catch (error) {
      if (!isAlprootError(error) || !(error.code.startsWith('ALP_FETCH_') || error.code === 'ALP_STALE_MIRROR')) throw error;
      troubles.push(error);
    }
  }
  const [only] = troubles;
  if (only !== undefined && troubles.length === 1) throw only;
  throw new AlprootError('ALP_FETCH_MIRRORS', `no mirror could be used:\n${troubles.map(({ message }) => `  ${message}`).join('\n')}`, { cause: only, hint: only?.hint });
}
