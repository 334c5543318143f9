/**
 * A minirootfs as Alpine's: the base packages unpacked, busybox's applet links, apk's database with every file's
 * owner, mode and checksum. The links belong to no package, as in Alpine, so that full programs may replace them.
 */
import { sha1Hex } from '../../core/digest.ts';
import type { Arch } from '../../core/package.ts';
import { formatGzipMember } from '../../formats/gzip/gzip-writer.ts';
import { formatTar, type TarItem } from '../../formats/tar/tar-writer.ts';
import { completeEntries, type PackedApk, type ScriptName } from '../pack.ts';
import { formatIndexEntryText } from '../pkginfo-text.ts';
import { textFile } from './recipe.ts';

/** A package together with what went into it. */
export interface RootPackage {
  readonly packed: PackedApk;
  readonly entries: readonly TarItem[];
  readonly scripts: Readonly<Partial<Record<ScriptName, string>>>;
  readonly triggers: readonly string[];
}

export interface RootfsInput {
  readonly packages: readonly RootPackage[];
  readonly arch: Arch;
  readonly world: readonly string[];
  /** Paths of busybox's applets: `usr/bin/awk`. */
  readonly applets: readonly string[];
  /** Seconds since 1970, for all that no package dates. */
  readonly time: number;
}

/** The bytes of the .tar.gz. */
export async function formatDebianRootfs({ packages, arch, world, applets, time }: RootfsInput): Promise<Buffer> {
  const byPath = new Map<string, TarItem>();
  for (const { entries } of packages)
    for (const item of completeEntries(entries, time))
      if (item.kind !== 'directory' || !byPath.has(item.path)) byPath.set(item.path, item);
  for (const { entries } of packages)
    for (const item of entries) if (item.kind === 'directory') byPath.set(item.path, item);
  for (const path of applets)
    if (!byPath.has(path)) byPath.set(path, { kind: 'symlink', path, mode: 0o777, target: '/bin/busybox' });
  const database: TarItem[] = [
    textFile('etc/apk/arch', `${arch}\n`),
    textFile(
      'etc/apk/world',
      world
        .map((name) => `${name}\n`)
        .sort()
        .join(''),
    ),
    textFile('etc/apk/repositories', ''),
    textFile('lib/apk/db/installed', packages.map(installedEntry).join('')),
    { ...textFile('lib/apk/db/lock', ''), mode: 0o600 },
    { kind: 'file', path: 'lib/apk/db/scripts.tar', mode: 0o644, bytes: scriptsTar(packages, time) },
    textFile(
      'lib/apk/db/triggers',
      packages
        .filter(({ triggers }) => triggers.length > 0)
        .map(({ packed, triggers }) => `${checksumOf(packed)} ${triggers.join(' ')}\n`)
        .join(''),
    ),
    { kind: 'directory', path: 'lib/apk/exec', mode: 0o755 },
  ];
  for (const item of database) byPath.set(item.path, item);
  const items = completeEntries([...byPath.values()], time);
  return formatGzipMember(formatTar(items), 9);
}

const checksumOf = ({ controlSha1Hex }: PackedApk): string =>
  `Q1${Buffer.from(controlSha1Hex, 'hex').toString('base64')}`;

/** One package in apk's database: its index entry, then directories and files. */
function installedEntry({ packed, entries }: RootPackage): string {
  const head = formatIndexEntryText({
    pkginfo: packed.pkginfo,
    controlSha1Hex: packed.controlSha1Hex,
    sizeBytes: packed.bytes.length,
  }).trimEnd();
  const directories = new Map<string, TarItem[]>();
  const modes = new Map<string, TarItem>();
  for (const item of completeEntries(entries, 0)) {
    if (item.kind === 'directory') {
      modes.set(item.path, item);
      directories.set(item.path, directories.get(item.path) ?? []);
      continue;
    }
    const cut = item.path.lastIndexOf('/');
    const parent = cut < 0 ? '' : item.path.slice(0, cut);
    directories.set(parent, [...(directories.get(parent) ?? []), item]);
  }
  const lines = [...directories.keys()]
    .sort()
    .flatMap((path) => [
      `F:${path}`,
      ...accessLine('M', modes.get(path), 0o755),
      ...(directories.get(path) ?? []).flatMap((item) => [
        `R:${item.path.slice(path === '' ? 0 : path.length + 1)}`,
        ...accessLine('a', item, 0o644),
        ...checksumLine(item),
      ]),
    ]);
  return `${[head, ...lines].join('\n')}\n\n`;
}

function accessLine(letter: string, item: TarItem | undefined, usual: number): string[] {
  if (item === undefined) return [];
  const { mode, uid = 0, gid = 0 } = item;
  return mode === usual && uid === 0 && gid === 0 ? [] : [`${letter}:${uid}:${gid}:${mode.toString(8)}`];
}

function checksumLine(item: TarItem): string[] {
  if (item.kind === 'directory' || item.kind === 'hardlink') return [];
  const content = item.kind === 'file' ? item.bytes : Buffer.from(item.target, 'latin1');
  return [`Z:Q1${Buffer.from(sha1Hex(content), 'hex').toString('base64')}`];
}

function scriptsTar(packages: readonly RootPackage[], mtime: number): Buffer {
  return formatTar(
    packages.flatMap(({ packed, scripts }) =>
      Object.entries(scripts).map(([name, text]): TarItem => ({
        kind: 'file',
        path: `${packed.fileName.replace(/\.apk$/, '')}.${checksumOf(packed)}.${name}`,
        mode: 0o755,
        mtime,
        bytes: Buffer.from(text),
      })),
    ),
  );
}
