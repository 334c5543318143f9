/** One package made: Debian's files read, moved, packed, signed, written. */
import { joinHost, type HostPath } from '../../core/paths.ts';
import type { TarItem } from '../../formats/tar/tar-writer.ts';
import { writeFileAtomic } from '../../system/files/files.ts';
import { packApk, type PackInput } from '../pack.ts';
import type { SigningKey } from '../signing.ts';
import { readDebFiles } from './deb.ts';
import type { PlannedRepack } from './repack-plan.ts';
import type { Target } from './recipe.ts';
import { repackEntries, repackFacts } from './repack.ts';
import type { RootPackage } from './debian-rootfs.ts';

/** What all packages of a run share. */
export interface Workshop {
  readonly target: Target;
  readonly key: SigningKey;
  /** Where the .apk files go. */
  readonly packages: HostPath;
  readonly searchPath: string;
  /** .deb files by Debian name. */
  readonly debs: ReadonlyMap<string, HostPath>;
  /** Scratch space. */
  readonly work: HostPath;
}

export type MadePackage = RootPackage & { readonly name: string };

/** Busybox's links, made when it comes and whenever a program that replaced one of them goes. */
const APPLET_LINKS = `#!/bin/busybox sh
/bin/busybox --list-full | while read -r path; do
  case "$path" in linuxrc|*/init|*/dpkg|*/dpkg-deb|*/rpm|*/rpm2cpio) continue;; esac
  [ -e "/$path" ] || [ -L "/$path" ] || /bin/busybox ln -s /bin/busybox "/$path"
done
`;

/** Applets that would mislead in an Alpine tree. */
export const isWantedApplet = (path: string): boolean =>
  !/^linuxrc$|\/(init|dpkg|dpkg-deb|rpm|rpm2cpio)$|^bin\/busybox$/.test(path);

const SCRIPTS: Readonly<Record<string, Pick<RootPackage, 'scripts' | 'triggers'>>> = {
  busybox: {
    scripts: { 'post-install': APPLET_LINKS, trigger: APPLET_LINKS },
    triggers: ['/bin', '/usr/bin', '/sbin', '/usr/sbin'],
  },
};

/** @throws ALP_FORMAT_TAR, ALP_FILE_WRITE */
export async function makePackage(repack: PlannedRepack, shop: Workshop): Promise<MadePackage> {
  const files = new Map<string, readonly TarItem[]>();
  for (const { name } of repack.sources) {
    const deb = shop.debs.get(name);
    if (deb !== undefined) files.set(name, await readDebFiles(deb, shop.searchPath));
  }
  const entries = repackEntries(repack, files, shop.target);
  const facts = repackFacts(repack, entries, shop.target);
  const { scripts, triggers } = SCRIPTS[repack.recipe.name] ?? { scripts: {}, triggers: [] };
  return writePackage({ facts, entries, scripts, triggers, key: shop.key }, shop.packages);
}

/** Packs and writes one package. */
export async function writePackage(input: PackInput, directory: HostPath): Promise<MadePackage> {
  const packed = await packApk(input);
  writeFileAtomic(joinHost(directory, packed.fileName), packed.bytes);
  return {
    name: input.facts.name,
    packed,
    entries: input.entries,
    scripts: input.scripts ?? {},
    triggers: input.triggers ?? [],
  };
}
