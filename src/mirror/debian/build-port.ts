/**
 * One port built: source unpacked, patched, compiled and installed by a script inside the sandbox, without network;
 * then read, split and packed outside. Paths and times inside are fixed, so that the result depends on the source.
 */
import { AlprootError } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import { joinHost, treePathFromUser, type HostPath } from '../../core/paths.ts';
import { showText } from '../../core/redact.ts';
import type { RunCommand } from '../../core/run-description.ts';
import type { TarItem } from '../../formats/tar/tar-writer.ts';
import { writeFileAtomic } from '../../system/files/files.ts';
import { fileTime, namesIn } from '../../system/files/host-paths.ts';
import { makeDirectory } from '../../system/files/host-directories.ts';
import { readWorkFiles } from '../../system/tree/work-files.ts';
import { writePackage } from './make-package.ts';
import { apkVersionOf } from './debian-control.ts';
import type { PortPackage, PortRecipe } from './port.ts';
import type { DebianSource } from './source-packages.ts';
import type { Workshop } from './make-package.ts';

/** A tree with the tools, and a way to run commands in it. */
export interface BuildSandbox {
  readonly tree: HostPath;
  readonly run: RunCommand;
}

export interface PortBuild {
  readonly port: PortRecipe;
  readonly source: DebianSource;
  readonly sandbox: BuildSandbox;
  readonly shop: Pick<Workshop, 'target' | 'key' | 'packages'>;
  /** Empty scratch directory. */
  readonly work: HostPath;
  readonly jobs: number;
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
}

/** @returns file names of the packages made @throws ALP_BUILD_RUN with the end of the log */
export async function buildPort(build: PortBuild): Promise<string[]> {
  const epoch = fileTime(
    joinHost(build.source.directory, namesIn(build.source.directory).find((name) => name.endsWith('.dsc')) ?? ''),
  );
  writeFileAtomic(
    joinHost(build.source.directory, 'build.sh'),
    formatScript(build.port, namesIn(build.source.directory)),
  );
  makeDirectory(joinHost(build.work, 'dest'));
  await runScript(build, epoch);
  const files = readWorkFiles(joinHost(build.work, 'dest'));
  const copyright = readWorkFiles(joinHost(build.work, 'licence'));
  const version = apkVersionOf(build.source.version);
  const parts = splitFiles(files, build.port.packages);
  const made: string[] = [];
  for (const part of build.port.packages) {
    const entries: TarItem[] = [
      ...(parts.get(part) ?? []),
      ...copyright.map((file) => ({ ...file, path: `usr/share/licenses/${part.name}/${file.path}` })),
    ];
    const { packed } = await writePackage(
      {
        facts: portFacts(build, { part, entries, version, epoch }),
        entries: entries.map((entry) => ({ ...entry, mtime: epoch })),
        key: build.shop.key,
      },
      build.shop.packages,
    );
    made.push(packed.fileName);
  }
  return made;
}

/** Each installed file goes to the first package that takes it; documentation goes nowhere. */
export function splitFiles(
  files: readonly TarItem[],
  packages: readonly PortPackage[],
): ReadonlyMap<PortPackage, readonly TarItem[]> {
  const parts = new Map<PortPackage, TarItem[]>();
  for (const file of files) {
    if (file.kind === 'directory' || file.path.endsWith('.la')) continue;
    const owner = packages.find(({ takes }) => takes.test(file.path));
    if (owner !== undefined) parts.set(owner, [...(parts.get(owner) ?? []), file]);
  }
  return parts;
}

interface PortPart {
  readonly part: PortPackage;
  readonly entries: readonly TarItem[];
  readonly version: string;
  readonly epoch: number;
}

const portFacts = ({ port, shop }: PortBuild, { part, entries, version, epoch }: PortPart) => ({
  name: part.name,
  version,
  arch: shop.target.arch,
  description: part.description,
  url: port.url,
  license: port.license,
  origin: port.source,
  maintainer: 'alproot, built from the Debian source',
  buildTime: epoch,
  depends: (part.depends ?? []).map((name) =>
    port.packages.some((other) => other.name === name) ? `${name}=${version}` : name,
  ),
  provides: portProvides(entries, version),
});

/** `so:`, `pc:` and `cmd:` names, as abuild finds them. */
export function portProvides(entries: readonly TarItem[], version: string): string[] {
  const names = entries.flatMap((entry) => {
    const so = /^usr\/lib\/(lib[^/]+\.so\.(\d+))$/.exec(entry.path);
    if (so !== null) return [`so:${so[1] ?? ''}=${so[2] ?? ''}`];
    const command = /^usr\/s?bin\/([^/]+)$/.exec(entry.path)?.[1];
    if (command !== undefined) return [`cmd:${command}=${version}`];
    const pc = /^usr\/lib\/pkgconfig\/([^/]+)\.pc$/.exec(entry.path)?.[1];
    if (pc === undefined || entry.kind !== 'file') return [];
    const pcVersion = /^Version:\s*(\S+)/m.exec(Buffer.from(entry.bytes).toString('latin1'))?.[1];
    return [pcVersion === undefined ? `pc:${pc}` : `pc:${pc}=${pcVersion}`];
  });
  return [...new Set(names)].sort();
}

const DECOMPRESS: Readonly<Record<string, string>> = { gz: 'z', bz2: 'j', xz: 'J' };

/**
 * The script that the sandbox runs; sources lie in /srv, work is done in /mnt.
 *
 * @throws ALP_BUILD_RUN for a format we do not know
 */
export function formatScript(port: PortRecipe, files: readonly string[]): string {
  const unpack = (pattern: RegExp): string | undefined => {
    const name = files.find((file) => pattern.test(file));
    const flag = DECOMPRESS[/[^.]+$/.exec(name ?? '')?.[0] ?? ''];
    return name === undefined || flag === undefined
      ? undefined
      : `tar -o -x${flag}f '/srv/${name.replaceAll("'", '')}'`;
  };
  const original = unpack(/\.orig\.tar\.(gz|bz2|xz)$/) ?? unpack(/(?<!\.debian)\.tar\.(gz|bz2|xz)$/);
  if (original === undefined)
    throw new AlprootError('ALP_BUILD_RUN', `the source of ${port.source} has no tarball that busybox can unpack`);
  const changes = unpack(/\.debian\.tar\.(gz|bz2|xz)$/);
  const diff = files.find((file) => file.endsWith('.diff.gz'));
  return [
    'set -e',
    'umask 022',
    'mkdir -p /mnt/source /mnt/dest /mnt/licence',
    'cd /mnt/source',
    original,
    'cd */',
    ...(changes === undefined ? [] : [changes]),
    ...(diff === undefined ? [] : [`zcat '/srv/${diff.replaceAll("'", '')}' | patch -s -p1`]),
    'if [ -f debian/patches/series ]; then while read -r name _; do case "$name" in ""|"#"*) ;; *) ' +
      'patch -s -p1 < "debian/patches/$name";; esac; done < debian/patches/series; fi',
    '[ ! -f debian/copyright ] || cp debian/copyright /mnt/licence/copyright',
    port.build,
    `find "$DEST" -type f -name '*.a' -exec strip -g {} +`,
    `find "$DEST" -type f -name '*.so*' -exec strip --strip-unneeded {} +`,
    '',
  ].join('\n');
}

const KEPT_LOG_BYTES = 16 * 1024;

async function runScript(
  { port, source, sandbox, work, jobs, shop, emit, signal }: PortBuild,
  epoch: number,
): Promise<void> {
  let log = '';
  const { status } = await sandbox.run({
    tree: sandbox.tree,
    writable: false,
    mounts: [
      { kind: 'bind', source: work, target: treePathFromUser('mnt'), writable: true },
      { kind: 'bind', source: source.directory, target: treePathFromUser('srv'), writable: false },
    ],
    argv: ['/bin/sh', '/srv/build.sh'],
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: '/tmp',
      LC_ALL: 'C',
      CFLAGS: '-Os -fomit-frame-pointer',
      CC: 'gcc',
      DEST: '/mnt/dest',
      JOBS: String(jobs),
      ARCH: shop.target.arch,
      SOURCE_DATE_EPOCH: String(epoch),
    },
    cwd: '/mnt',
    user: { uid: 0, gid: 0 },
    network: 'none',
    stdio: {
      kind: 'pipe',
      onOutput: (stream, bytes) => {
        const text = bytes.toString('utf8');
        log = (log + text).slice(-KEPT_LOG_BYTES);
        emit({ kind: 'output', id: `port-${port.source}`, stream, text, detail: true });
      },
    },
    ...(signal === undefined ? {} : { signal }),
  });
  if (status === 0) return;
  throw new AlprootError(
    'ALP_BUILD_RUN',
    `cannot build ${port.source}: the build ended with ` +
      `status ${status}\n${showText(log.split('\n').slice(-20).join('\n'))}`,
    { facts: { status } },
  );
}
