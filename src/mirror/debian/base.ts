/** The base of a mirror made from Debian: the packages that every tree has, and the minirootfs made of them. */
import { AlprootError } from '../../core/errors.ts';
import { hostPath, joinHost } from '../../core/paths.ts';
import { readFileCapped, writeFileAtomic } from '../../system/files/files.ts';
import { captureProcess } from '../../system/process/spawn.ts';
import type { PackageFacts } from '../pkginfo-text.ts';
import { baseEntries } from './base-files.ts';
import { isWantedApplet, writePackage, type MadePackage, type Workshop } from './make-package.ts';
import type { PlannedRepack } from './repack-plan.ts';
import { textFile } from './recipe.ts';
import { formatDebianRootfs } from './debian-rootfs.ts';

/** In every minirootfs, with all that they need. */
export const BASE_PACKAGES: readonly string[] = [
  'busybox',
  'busybox-binsh',
  'busybox-gaps',
  'busybox-static',
  'ca-certificates-bundle',
  'libc-utils',
  'musl',
];

const WORLD = ['alpine-baselayout', 'alpine-keys', ...BASE_PACKAGES.filter((name) => name !== 'musl')];

/** Names of the base packages and of everything in the plan that they depend on. */
export function baseNames(plan: readonly PlannedRepack[]): ReadonlySet<string> {
  const dependsOf = new Map(plan.map(({ recipe, depends }) => [recipe.name, depends]));
  const names = new Set<string>();
  const add = (name: string): void => {
    if (names.has(name)) return;
    names.add(name);
    for (const other of dependsOf.get(name) ?? []) add(other);
  };
  for (const name of BASE_PACKAGES) add(name);
  return names;
}

interface BaseInput {
  readonly shop: Workshop;
  /** `3.19.0` */
  readonly release: string;
  /** The packages of `baseNames`. */
  readonly made: readonly MadePackage[];
}

interface Base {
  readonly minirootfs: Buffer;
  readonly title: string;
  readonly time: number;
}

/**
 * Makes `alpine-baselayout` and `alpine-keys`, and the minirootfs.
 *
 * @throws ALP_RUN_EXEC when busybox cannot run here
 */
export async function buildBase({ shop, release, made }: BaseInput): Promise<Base> {
  const distribution = hostDistribution();
  const time = made.reduce(
    (newest, { packed }) => Math.max(newest, Number(/^builddate = (\d+)$/m.exec(packed.pkginfo)?.[1] ?? 0)),
    0,
  );
  const facts = (name: string, description: string): PackageFacts => ({
    name,
    version: `${release}-r0`,
    arch: shop.target.arch,
    description,
    url: '',
    license: 'Apache-2.0',
    origin: name,
    maintainer: 'alproot',
    buildTime: time,
  });
  const layout = await writePackage(
    {
      facts: {
        ...facts('alpine-baselayout', "Alpine's directories and basic files, for trees made from Debian"),
        depends: ['/bin/sh'],
      },
      entries: baseEntries({ release, distribution }),
      key: shop.key,
    },
    shop.packages,
  );
  const keys = await writePackage(
    {
      facts: facts('alpine-keys', 'the public key of this mirror'),
      entries: [textFile(`etc/apk/keys/${shop.key.publicName}`, shop.key.publicPem)],
      key: shop.key,
    },
    shop.packages,
  );
  const packages = [layout, keys, ...made].sort((a, b) => (a.name < b.name ? -1 : 1));
  const applets = await listApplets(shop, made);
  const minirootfs = await formatDebianRootfs({ packages, arch: shop.target.arch, world: WORLD, applets, time });
  return { minirootfs, title: `Mini root filesystem made from ${distribution} by alproot`, time };
}

function hostDistribution(): string {
  const text = readFileCapped(hostPath('/etc/os-release'), 65536)?.toString('utf8') ?? '';
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1] ?? 'a Debian archive';
}

/**
 * Where the applets of the tree's busybox go. The static one, which runs on any host of this architecture and which
 * apt has verified, says where each belongs; which of them the other one has is read from its table of names.
 */
async function listApplets({ work }: Workshop, made: readonly MadePackage[]): Promise<string[]> {
  const find = (path: string): Uint8Array => {
    const item = made.flatMap(({ entries }) => entries).find((entry) => entry.path === path);
    if (item?.kind !== 'file') throw new AlprootError('ALP_FORMAT_APK', `Debian's busybox has no ${path}`);
    return item.bytes;
  };
  const program = joinHost(work, 'busybox');
  writeFileAtomic(program, find('bin/busybox.static'), { mode: 0o755 });
  const { stdout, status } = await captureProcess([program, '--list-full'], { env: {} });
  if (status !== 0) throw new AlprootError('ALP_RUN_EXEC', `busybox --list-full ended with status ${status}`);
  const names = parseAppletNames(find('bin/busybox'));
  return stdout.split('\n').filter((path) => names.has(path.slice(path.lastIndexOf('/') + 1)) && isWantedApplet(path));
}

/**
 * The sorted, NUL-separated names that every busybox holds, from `[` on.
 *
 * @throws ALP_FORMAT_APK when there are none
 */
export function parseAppletNames(program: Uint8Array): ReadonlySet<string> {
  const bytes = Buffer.from(program.buffer, program.byteOffset, program.length);
  const start = bytes.indexOf('[\0[[\0', 'latin1');
  const end = start < 0 ? -1 : bytes.indexOf('\0\0', start, 'latin1');
  if (end < 0) throw new AlprootError('ALP_FORMAT_APK', "Debian's busybox has no table of applets");
  return new Set(bytes.toString('latin1', start, end).split('\0'));
}
