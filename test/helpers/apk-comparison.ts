/**
 * Packages given to the real apk and to us, many at once: each into an empty tree of its own, and what became of it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bufferSource } from '../../src/core/bytes.ts';
import { isAlprootError } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import { hostPath } from '../../src/core/paths.ts';
import { generateSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { openWorkTree } from '../../src/system/tree/work-tree.ts';
import { applyPlan } from '../../src/unpack/apply-plan.ts';
import { keyring, parseTrustedKey } from '../../src/verify/key.ts';
import { verifyPackage } from '../../src/verify/package-file.ts';
import { makeMutant } from './apk-mutants.ts';
import { generator } from './random.ts';
import { upstreamRoot } from './upstream.ts';
import { picture } from './worlds.ts';

export interface ApkBench {
  readonly directory: string;
  readonly key: SigningKey;
  /** Of an empty tree of apk's. */
  readonly usual: ReadonlySet<string>;
  readonly close: () => void;
}

export async function makeApkBench(): Promise<ApkBench> {
  const directory = mkdtempSync(join(tmpdir(), 'alproot-comparison-'));
  const key = await generateSigningKey('test', 2048);
  for (const name of ['base', 'keys']) mkdirSync(join(directory, name));
  execFileSync('tar', [
    '-xzf',
    join(upstreamRoot, 'minirootfs', 'alpine-minirootfs-3.19.4-x86_64.tar.gz'),
    '-C',
    join(directory, 'base'),
  ]);
  writeFileSync(join(directory, 'keys', key.publicName), key.publicPem);
  const bench = {
    directory,
    key,
    usual: new Set<string>(),
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
  const place = mkdtempSync(join(directory, 'batch-'));
  runApk(bench, place, '');
  return { ...bench, usual: new Set(Object.keys(picture(join(place, 'theirs')))) };
}

/** Each package gets its turn in one sandbox, so that a link of it leads nowhere on the host. */
const SCRIPT = `
apk() { /sbin/apk --root "$1" --initdb --arch x86_64 --keys-dir /media --repositories-file /dev/null --no-network --no-cache --no-scripts add $2; }
[ "$1" != "" ] || { apk /mnt/theirs; exit; }
for file in /mnt/*.apk; do
  name=\${file%.apk}
  mkdir -p "$name.theirs/etc" && cp /etc/passwd /etc/group "$name.theirs/etc/"
  apk "$name.theirs" "$file" > "$name.said" 2>&1
  echo $? > "$name.status"
done`;

function runApk({ directory }: Pick<ApkBench, 'directory'>, place: string, packages: string): void {
  spawnSync('bwrap', [
    '--ro-bind',
    join(directory, 'base'),
    '/',
    '--dev',
    '/dev',
    '--proc',
    '/proc',
    '--ro-bind',
    join(directory, 'keys'),
    '/media',
    '--bind',
    place,
    '/mnt',
    '--cap-add',
    'ALL',
    '--chdir',
    '/',
    '--clearenv',
    '--setenv',
    'PATH',
    '/usr/sbin:/usr/bin:/sbin:/bin',
    'sh',
    '-c',
    SCRIPT,
    'sh',
    packages,
  ]);
}

async function installOwn(
  { directory, key }: ApkBench,
  { bytes, root }: { readonly bytes: Buffer; readonly root: string },
): Promise<string | undefined> {
  const keys = keyring([parseTrustedKey(key.publicPem, key.publicName)]);
  mkdirSync(join(root, 'etc'), { recursive: true });
  for (const name of ['passwd', 'group']) copyFileSync(join(directory, 'base/etc', name), join(root, 'etc', name));
  const tree = openWorkTree(hostPath(root));
  try {
    const source = bufferSource('package', bytes);
    const contents = verifyPackage(source, { keys, requireSignature: true }).package;
    const change = {
      kind: 'install',
      next: { record: contents.record, source: { kind: 'file', path: '/x' }, because: ['world'] },
    } as const;
    await applyPlan({
      tree,
      plan: { arch: 'x86_64', changes: [change], world: [] },
      runScript: undefined,
      owners: 'apply',
      emit: silent,
      open: () => ({ source, contents, close: () => undefined }),
    });
    return undefined;
  } catch (error) {
    if (!isAlprootError(error)) throw error;
    return error.code;
  } finally {
    tree.close();
  }
}

export interface Comparison {
  readonly taken: number;
  /** By us; by apk too, or not. */
  readonly refused: number;
  /** Each with the seed that makes it again. */
  readonly differences: readonly string[];
}

/** As many mutants as wanted, each by a seed of its own. */
export async function compareMutants(
  bench: ApkBench,
  { seed, count }: { readonly seed: number; readonly count: number },
): Promise<Comparison> {
  const place = mkdtempSync(join(bench.directory, 'batch-'));
  const mutants = Array.from({ length: count }, (_, at) => ({
    seed: seed + at,
    path: join(place, String(at)),
    bytes: makeMutant(generator(seed + at), bench.key),
  }));
  const differences: string[] = [];
  let taken = 0;
  try {
    for (const { path, bytes } of mutants) writeFileSync(`${path}.apk`, bytes);
    runApk(bench, place, 'all');
    for (const { seed: own, path, bytes } of mutants) {
      const code = await installOwn(bench, { bytes, root: `${path}.ours` });
      if (code !== undefined) continue;
      taken++;
      const said = readFileSync(`${path}.said`, 'latin1');
      if (readFileSync(`${path}.status`, 'latin1').trim() !== '0')
        differences.push(`seed ${own}: apk refuses it: ${said}`);
      else differences.push(...differencesOf(bench, path).map((line) => `seed ${own}: ${line}`));
    }
    return { taken, refused: count - taken, differences };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** Lines of the trees and of the databases that differ. */
function differencesOf({ usual }: ApkBench, path: string): string[] {
  const [ours, theirs] = ['ours', 'theirs'].map((side) =>
    Object.entries(picture(`${path}.${side}`))
      .filter(([name]) => !usual.has(name))
      .map((line) => line.join(' ')),
  );
  const [own, real] = ['ours', 'theirs'].map((side) => installedIn(`${path}.${side}`));
  return [
    ...(ours ?? []).filter((line) => theirs?.includes(line) !== true).map((line) => `only ours: ${line}`),
    // Devices and pipes are recorded, and not made.
    ...(theirs ?? [])
      .filter((line) => ours?.includes(line) !== true && !/ special \d+ \S+$/.test(line))
      .map((line) => `only theirs: ${line}`),
    ...(own === real ? [] : [`the database: ${own} instead of ${real}`]),
  ];
}

const installedIn = (root: string): string => {
  const file = join(root, 'lib/apk/db/installed');
  return existsSync(file) ? readFileSync(file, 'latin1') : '';
};
