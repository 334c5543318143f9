/** Everything that a lock names, brought into the store, into a bundle, or into a mirror of its own. */
import type { Config } from '../../core/config.ts';
import { sha256Hex } from '../../core/digest.ts';
import { AlprootError } from '../../core/errors.ts';
import type { Arch } from '../../core/package.ts';
import type { HostPath } from '../../core/paths.ts';
import type { BundleFile, BundleKey } from '../../formats/lock/bundle-manifest.ts';
import type { Lock, LockedEnvironment, LockedPackage } from '../../formats/lock/lockfile.ts';
import { branchOf, parseMinirootfsName } from '../../formats/release/release-names.ts';
import { createMirror } from '../../mirror/create.ts';
import { readSigningKey, signBytes } from '../../mirror/signing.ts';
import { openBundle } from '../../ship/bundle.ts';
import { createBundle } from '../../ship/bundle-create.ts';
import { limits } from '../../core/limits.ts';
import { foreignMirror } from '../repository/tree-repositories.ts';
import { signatureVerifier, userKeys } from '../session/bundle-source.ts';
import { downloadBlob, downloadPath } from '../repository/downloads.ts';
import { lockFor, type LockTarget } from './locking.ts';
import { chooseMirrors, type ChosenMirrors } from '../repository/mirrors.ts';
import { withSession, type Session } from '../session/session.ts';
import { fetchReleaseSignature, fetchSignatures } from '../repository/minirootfs.ts';
import { firstMirror } from '../repository/mirror-failover.ts';
import { toolFiles } from './tool-files.ts';
import type { TrustedKeys } from '../../verify/key.ts';
import { mirrorKeys } from '../session/trusted-keys.ts';
import { requireWritablePlace } from '../../system/files/output-path.ts';

export interface FetchedLock {
  readonly lock: Lock;
  readonly files: readonly BundleFile[];
}

/**
 * Downloads everything that the lock of `target` names into the store; where there is no lock, what one would name.
 */
export async function fetchTarget(config: Config, target: LockTarget): Promise<FetchedLock> {
  const lock = await lockFor(config, target);
  return withSession(config, async (session) => ({ lock, files: (await fetchLock(session, lock)).files }));
}

interface Fetched {
  readonly files: readonly BundleFile[];
  /** Keys of the user's that the files' mirrors are verified by. */
  readonly keys: readonly BundleKey[];
}

async function fetchLock(session: Session, lock: Lock): Promise<Fetched> {
  const parts = await Promise.all(lock.environments.map((environment) => fetchEnvironment(session, environment)));
  const downloads = await Promise.all(
    lock.downloads.map(async ({ url, sha256 }): Promise<BundleFile> => ({
      path: downloadPath({ sha256 }),
      ...(await downloadBlob(session, { url, sha256 })),
    })),
  );
  const unique = <T>(items: readonly T[], keyOf: (item: T) => string): T[] => [
    ...new Map(items.map((item) => [keyOf(item), item])).values(),
  ];
  return {
    files: unique([...parts.flatMap(({ files }) => files), ...downloads], ({ path }) => path),
    keys: unique(
      parts.flatMap(({ keys }) => keys),
      ({ name }) => name,
    ),
  };
}

/** Bytes by their SHA-256; what they mean is verified where they are used. */
async function fetchEnvironment(session: Session, environment: LockedEnvironment): Promise<Fetched> {
  const { arch, packages, release } = environment;
  const own: Session = { ...session, config: { ...session.config, arch, release } };
  const chosen = await chooseMirrors(own);
  const rootfs = await fetchRootfs(own, chosen, environment);
  const fetched = await Promise.all(
    packages.map((item) => fetchPinned(own, chosenFor(chosen, item), packageFile(item, arch))),
  );
  const [mirror] = chosen.mirrors;
  return { files: [...rootfs, ...fetched], keys: mirror === undefined ? [] : ownKeys(mirrorKeys(mirror, arch)) };
}

/** The minirootfs, and the signatures beside it that the first mirror has. */
async function fetchRootfs(
  session: Session,
  chosen: ChosenMirrors,
  { arch, release, minirootfs: { file, sha256, sizeBytes } }: LockedEnvironment,
): Promise<BundleFile[]> {
  const path = `${branchOf(release)}/releases/${arch}/${file}`;
  const rootfs = await fetchPinned(session, chosen, { path, sha256, sizeBytes });
  const [mirror] = chosen.mirrors;
  if (mirror === undefined) return [rootfs];
  const place = { mirror, keys: mirrorKeys(mirror, arch), path };
  const signatures = await fetchSignatures(session, place);
  const pgp = await fetchReleaseSignature(session, place);
  return [
    rootfs,
    ...signatures.map(({ keyName, bytes }) => fileBeside(path, `rsa256.${keyName}`, bytes)),
    ...(pgp === undefined ? [] : [fileBeside(path, 'asc', pgp.signature)]),
  ];
}

const fileBeside = (path: string, suffix: string, bytes: Buffer): BundleFile => ({
  path: `${path}.${suffix}`,
  sha256: sha256Hex(bytes),
  sizeBytes: bytes.length,
});

/** Those that do not ship with alproot. */
const ownKeys = (keys: TrustedKeys): BundleKey[] =>
  [...keys.values()].filter(({ name }) => !name.startsWith('alpine-devel@')).map(({ name, pem }) => ({ name, pem }));

const chosenFor = (chosen: ChosenMirrors, { repository }: LockedPackage): Pick<ChosenMirrors, 'mirrors'> =>
  repository.startsWith('https://') ? { mirrors: [foreignMirror(repository)] } : chosen;

function packageFile({ record, repository, sha256 }: LockedPackage, arch: Arch): BundleFile {
  const below = repository.startsWith('https://') ? repository.slice(repository.lastIndexOf('/') + 1) : repository;
  return { path: `${below}/${arch}/${record.name}-${record.version}.apk`, sha256, sizeBytes: record.sizeBytes };
}

async function fetchPinned(
  session: Session,
  { mirrors }: Pick<ChosenMirrors, 'mirrors'>,
  file: BundleFile,
): Promise<BundleFile> {
  const { path, sha256, sizeBytes } = file;
  await firstMirror(session, mirrors, ({ base }, own) =>
    own.fetcher.fetch({
      base,
      path,
      sha256,
      sizeBytes,
      maxBytes: Math.min(sizeBytes, limits.packageFile),
      label: path.slice(path.lastIndexOf('/') + 1),
    }),
  );
  return file;
}

export interface MirrorRequest {
  readonly directory: HostPath;
  readonly signWith: HostPath;
}

/**
 * A mirror of just what the lock of `target` names, under an index of the user's own signing.
 *
 * @returns how many packages were put there @throws ALP_FETCH_*, ALP_FILE_WRITE, ALP_USAGE_ARGUMENT for a foreign
 * repository
 */
export async function makeMirror(
  config: Config,
  target: LockTarget,
  { directory, signWith }: MirrorRequest,
): Promise<number> {
  requireWritablePlace(directory, { into: true });
  const key = readSigningKey(signWith);
  const lock = await lockFor(config, target);
  return withSession(config, async (session) => {
    await fetchLock(session, lock);
    const { store } = session;
    for (const { release, arch, minirootfs, packages } of lock.environments) {
      const foreign = packages.find(({ repository }) => repository.startsWith('https://'));
      if (foreign !== undefined)
        throw new AlprootError(
          'ALP_USAGE_ARGUMENT',
          `${foreign.record.name} comes from ${foreign.repository}, which has no place in a mirror of Alpine`,
          { hint: 'take it along in a bundle instead' },
        );
      const version = parseMinirootfsName(minirootfs.file)?.version ?? release;
      await createMirror({
        directory,
        arch,
        branch: branchOf(release),
        key,
        emit: config.emit,
        time: config.epochSeconds ?? Math.max(0, ...packages.map(({ record }) => record.buildTime)),
        packages: packages.map(({ record, repository, sha256 }) => ({
          file: { record, sha256, sizeBytes: record.sizeBytes },
          path: store.blobPath(sha256),
          section: repository.slice(repository.lastIndexOf('/') + 1),
        })),
        minirootfs: { path: store.blobPath(minirootfs.sha256), release: version, sha256: minirootfs.sha256 },
      });
    }
    return lock.environments.reduce((sum, { packages }) => sum + packages.length, 0);
  });
}

export interface BundleRequest {
  readonly output: HostPath;
  readonly signWith: HostPath | undefined;
  /** Bundle alproot itself, too. */
  readonly withTool: boolean;
}

export interface MadeBundle {
  readonly output: HostPath;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly files: number;
  readonly packages: number;
}

/**
 * Makes a bundle of everything that the lock of `target` names.
 *
 * @throws ALP_FETCH_*, ALP_FILE_WRITE, ALP_VERIFY_KEY
 */
export async function makeBundle(
  config: Config,
  target: LockTarget,
  { output, signWith, withTool }: BundleRequest,
): Promise<MadeBundle> {
  requireWritablePlace(output);
  const key = signWith === undefined ? undefined : readSigningKey(signWith);
  const lock = await lockFor(config, target);
  return withSession(config, async (session) => {
    const { files, keys } = await fetchLock(session, lock);
    const signer =
      key === undefined
        ? undefined
        : { publicName: key.publicName, sign: (bytes: Uint8Array) => signBytes(bytes, key) };
    const made = createBundle({
      output,
      lock,
      files,
      keys,
      tool: withTool ? toolFiles(config.env['PATH'] ?? '') : [],
      store: session.store,
      signer,
    });
    if (keys.length > 0 && key === undefined) {
      const names = keys.map(({ name }) => name).join(', ');
      config.emit({
        kind: 'note',
        message:
          `its packages are signed by keys of their mirror (${names}): where it is used, name them with --key FILE, ` +
          `or the bundle's own key when it is made with --sign-with`,
      });
    }
    return {
      output,
      ...made,
      files: files.length,
      packages: lock.environments.reduce((sum, { packages }) => sum + packages.length, 0),
    };
  });
}

export interface ShownBundle {
  readonly path: HostPath;
  readonly sizeBytes: number;
  readonly manifestSha256: string;
  readonly signedBy: string | undefined;
  readonly signers: readonly string[];
  readonly lock: Lock;
  readonly files: readonly BundleFile[];
  readonly tool: readonly string[];
}

/** Judges a bundle whole, and says what is in it. @throws ALP_VERIFY_*, ALP_FORMAT_LOCK, ALP_USAGE_ARGUMENT */
export function readBundle(
  config: Config,
  path: HostPath,
  options: { readonly requireSignature: boolean },
): ShownBundle {
  const bundle = openBundle(path, { verify: signatureVerifier(userKeys(config)), ...options });
  const { manifest, manifestSha256, signedBy, signers, sizeBytes } = bundle;
  bundle.close();
  return {
    path,
    sizeBytes,
    manifestSha256,
    signedBy,
    signers,
    lock: manifest.lock,
    files: manifest.files,
    tool: manifest.tool.map(({ path: name }) => name),
  };
}
