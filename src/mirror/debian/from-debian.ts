/**
 * A whole mirror out of the host's Debian or Ubuntu archive, as an ordinary user.
 *
 *     DIR/BRANCH/main/ARCH/            packages and their signed index
 *     DIR/BRANCH/community/ARCH/       an empty signed index
 *     DIR/BRANCH/releases/ARCH/        the minirootfs, digests, signature, latest-releases.yaml
 *     DIR/keys/NAME.rsa.pub            whom to trust
 *     DIR/.apt/                        apt's private state
 *
 * A second run adds what is missing; what is there with the right version stays.
 */
import type { Emit } from '../../core/events.ts';
import type { Arch } from '../../core/package.ts';
import { joinHost, type HostPath } from '../../core/paths.ts';
import { AlprootError } from '../../core/errors.ts';
import { quoteName, showName } from '../../core/redact.ts';
import { minirootfsFile, SECTIONS } from '../../formats/release/release-names.ts';
import { makeDirectory } from '../../system/files/host-directories.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { readFileCapped, writeFileAtomic } from '../../system/files/files.ts';
import { fileSizeBytes, isFile, namesIn } from '../../system/files/host-paths.ts';
import { writeRelease } from '../release.ts';
import { indexDirectory } from '../repository.ts';
import { generateSigningKey, readSigningKey, writeSigningKey, type SigningKey } from '../signing.ts';
import { openApt, type Apt } from './apt.ts';
import { baseNames, buildBase, BASE_PACKAGES } from './base.ts';
import { makePackage, type MadePackage, type Workshop } from './make-package.ts';
import { planRepacks, type PlannedRepack } from './repack-plan.ts';
import { recipeTarget } from './recipe.ts';
import { DEFAULT_PACKAGES, RECIPES } from './recipes.ts';

export interface FromDebianOptions {
  readonly directory: HostPath;
  /** Where private keys are, closed to others and out of the mirror; made when it is asked for. */
  readonly privateKeys: () => HostPath;
  readonly arch: Arch;
  /**
   * Whose layout is followed: `3.19` or `3.19.4`; 3.19 unless given. The point is always ours, see `mirrorRelease`.
   */
  readonly release?: string | undefined;
  /** Alpine names to have in the mirror, besides the base; `DEFAULT_PACKAGES` unless given. */
  readonly packages?: readonly string[] | undefined;
  /** The host's PATH and proxy variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
  readonly offline?: boolean;
  /** Make everything again. */
  readonly refresh?: boolean;
}

export interface FromDebianResult {
  readonly directory: HostPath;
  /** `v3.19` */
  readonly branch: string;
  /** `3.19.900` */
  readonly release: string;
  readonly keysDirectory: HostPath;
  readonly publicKey: HostPath;
  /** File names of packages that were made, and of those that were there. */
  readonly made: readonly string[];
  readonly kept: readonly string[];
}

/** Names that `fromDebian` can put into a mirror. */
export const buildablePackages = (): readonly string[] =>
  RECIPES.map(({ name }) => name)
    .filter((name) => !name.startsWith('debian-'))
    .sort();

/**
 * @throws ALP_FETCH_MIRRORS (no apt here, other architecture), ALP_FETCH_NETWORK (apt failed),
 *   ALP_SOLVE_UNSATISFIABLE (no recipe, or the archive lacks a package), ALP_FILE_WRITE
 */
export async function fromDebian(options: FromDebianOptions): Promise<FromDebianResult> {
  const target = recipeTarget(options.arch);
  if (target === undefined)
    throw new AlprootError('ALP_FETCH_MIRRORS', `no mirror can be made from Debian for ${options.arch}`);
  const { release, branch } = mirrorRelease(options.release);
  const packages = joinHost(options.directory, branch, 'main', options.arch);
  makeDirectory(packages);
  const work = makeDirectory(joinHost(options.directory, '.apt'));
  const { apt, plan } = await planWithApt(options, work);
  const key = await openMirrorKey(options);
  const base = baseNames(plan);
  const hasBase =
    fileSizeBytes(
      joinHost(options.directory, branch, 'releases', options.arch, minirootfsFile(release, options.arch)),
    ) !== undefined;
  const needed = plan.filter(
    ({ recipe, version }) =>
      options.refresh === true ||
      (!hasBase && base.has(recipe.name)) ||
      fileSizeBytes(joinHost(packages, `${recipe.name}-${version}.apk`)) === undefined,
  );
  const shop: Workshop = {
    target,
    key,
    packages,
    searchPath: options.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
    debs: await fetchDebs(apt, needed),
    work,
  };
  const made = await makeAll(needed, shop, options, base);
  if (!hasBase || options.refresh === true) {
    await announced(options, 'making the minirootfs', async () => {
      const { minirootfs, title, time } = await buildBase({ shop, release, made });
      writeRelease({ mirror: options.directory, branch, release, arch: options.arch, minirootfs, title, time, key });
    });
  }
  await announced(options, 'indexing and signing the packages', () => writeIndexes({ ...options, branch, key }));
  removeTree(joinHost(work, 'debs'));
  const madeNames = new Set(needed.map(({ recipe, version }) => `${recipe.name}-${version}.apk`));
  return {
    directory: options.directory,
    branch,
    release,
    keysDirectory: joinHost(options.directory, 'keys'),
    publicKey: joinHost(options.directory, 'keys', key.publicName),
    made: [...madeNames],
    kept: plan.map(({ recipe, version }) => `${recipe.name}-${version}.apk`).filter((name) => !madeNames.has(name)),
  };
}

/** Work of seconds, which is said when it begins. */
async function announced<T>(
  { emit }: Pick<FromDebianOptions, 'emit'>,
  label: string,
  work: () => Promise<T>,
): Promise<T> {
  emit({ kind: 'start', id: label, label, line: true });
  const result = await work();
  emit({ kind: 'done', id: label, label });
  return result;
}

const planWithApt = (
  options: FromDebianOptions,
  work: HostPath,
): Promise<{ readonly apt: Apt; readonly plan: readonly PlannedRepack[] }> =>
  announced(options, "asking apt what this host's archive has", async () => {
    const apt = await openApt({ ...options, work });
    const wanted = [...new Set([...BASE_PACKAGES, ...(options.packages ?? DEFAULT_PACKAGES)])];
    return { apt, plan: await planRepacks({ wanted, recipes: RECIPES, apt, ownVersion: '1.0-r0' }) };
  });

/** A number that Alpine never gave out: these are not Alpine's files, and must not pass for them. */
const OUR_POINT = '900';
const OUR_EDGE = '20000101';

/** What a mirror for a release is called: `3.19`, `v3.19` and `3.19.4` all give branch v3.19, release 3.19.900. */
export function mirrorRelease(asked = '3.19'): { readonly branch: string; readonly release: string } {
  const plain = asked.replace(/^v/, '');
  if (plain === 'edge') return { branch: 'edge', release: OUR_EDGE };
  const match = /^(\d{1,3})\.(\d{1,3})(?:\.|$)/.exec(plain);
  if (match === null)
    throw new AlprootError('ALP_USAGE_ARGUMENT', `expected a release such as 3.19, got ${quoteName(asked)}`);
  const number = `${match[1] ?? ''}.${match[2] ?? ''}`;
  return { branch: `v${number}`, release: `${number}.${OUR_POINT}` };
}

/**
 * The mirror's own key: the private half of one that lies in `keys`, made when there is none. Older mirrors have it in
 * themselves, and it is used where it is.
 */
export async function openMirrorKey({
  directory,
  privateKeys,
  emit,
}: Pick<FromDebianOptions, 'directory' | 'privateKeys' | 'emit'>): Promise<SigningKey> {
  const old = joinHost(directory, '.key');
  const [name] = namesIn(old).filter((file) => file.endsWith('.rsa'));
  if (name !== undefined) {
    const key = readSigningKey(joinHost(old, name));
    emit({
      kind: 'warning',
      message: `the private key of ${quoteName(directory)} lies in it: ${quoteName(joinHost(old, name))}`,
      hint: `move it to ${showName(privateKeys())}: \`alproot mirror serve\` refuses the mirror until then`,
    });
    if (readFileCapped(joinHost(directory, 'keys', key.publicName), 65536) === undefined)
      writeFileAtomic(joinHost(directory, 'keys', key.publicName), key.publicPem);
    return key;
  }
  const secret = privateKeys();
  const known = namesIn(joinHost(directory, 'keys'))
    .map((file) => joinHost(secret, file.replace(/\.pub$/, '')))
    .find((path) => path.endsWith('.rsa') && isFile(path));
  if (known !== undefined) return readSigningKey(known);
  const key = await generateSigningKey('alproot-from-debian');
  writeSigningKey(key, secret, makeDirectory(joinHost(directory, 'keys')));
  return key;
}

async function fetchDebs(apt: Apt, needed: readonly PlannedRepack[]): Promise<ReadonlyMap<string, HostPath>> {
  const sources = new Map(needed.flatMap((repack) => repack.sources.map((source) => [source.name, source] as const)));
  return sources.size === 0 ? new Map() : apt.download([...sources.values()]);
}

async function makeAll(
  needed: readonly PlannedRepack[],
  shop: Workshop,
  { emit, signal }: FromDebianOptions,
  base: ReadonlySet<string>,
): Promise<MadePackage[]> {
  const label = `repacking ${needed.length} packages`;
  if (needed.length > 0) emit({ kind: 'start', id: 'repack', label, total: needed.length, line: true });
  const made = await makeOne(
    needed,
    shop,
    (count) => {
      signal?.throwIfAborted();
      emit({ kind: 'progress', id: 'repack', done: count, total: needed.length, unit: 'items' });
    },
    base,
  );
  if (needed.length > 0) emit({ kind: 'done', id: 'repack', label });
  return made;
}

/** Two at a time: one is read while the other is compressed. Keeps those of the base in memory. */
async function makeOne(
  needed: readonly PlannedRepack[],
  shop: Workshop,
  tick: (count: number) => void,
  base: ReadonlySet<string>,
): Promise<MadePackage[]> {
  const queue = [...needed];
  const made: MadePackage[] = [];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const one = await makePackage(next, shop);
      if (base.has(one.name)) made.push(one);
      tick(needed.length - queue.length);
    }
  };
  await Promise.all([worker(), worker()]);
  return made;
}

/** Indexes of both sections, signed. */
export async function writeIndexes({
  directory,
  branch,
  arch,
  key,
}: {
  readonly directory: HostPath;
  readonly branch: string;
  readonly arch: Arch;
  readonly key: SigningKey;
}): Promise<void> {
  const time = Math.floor(Date.now() / 1000);
  for (const section of SECTIONS) {
    await indexDirectory({
      directory: makeDirectory(joinHost(directory, branch, section, arch)),
      description: `${branch} made from Debian by alproot`,
      time,
      key,
      arch,
    });
  }
}
