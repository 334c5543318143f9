/**
 * What all rows share: the command under test, a mirror, the real apk, and places on disk and on tmpfs. All of it is
 * made here and removed by `close`.
 */
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runOnce, plainEnv, type Command } from './measure.ts';
import { Skipped } from './skipped.ts';
import { builtCommand, projectRoot } from '../test/helpers/cli.ts';
import { makeReleaseMirror } from '../test/helpers/release-mirror.ts';
import { hasUpstream, upstreamRoot } from '../test/helpers/upstream.ts';

export type Where = 'disk' | 'tmpfs';

export interface Mirror {
  /** Its directory, or where it is served. */
  readonly location: string;
  /** The keys that the packages are signed with. */
  readonly keysDir: string;
  readonly release: string;
  readonly minirootfs: string;
  readonly names: ReadonlySet<string>;
}

export interface Bench {
  readonly quick: boolean;
  readonly runs: number;
  readonly places: Readonly<Record<Where, string | undefined>>;
  readonly mirror: Mirror;
  /** The packages that the big rows install. */
  readonly compilerSet: readonly string[];
  readonly isRoot: boolean;
  /** `alproot ARGS…` with a store and, where given, a mirror. */
  readonly alproot: (cache: string, args: readonly string[], mirror?: Mirror) => Command;
  readonly realApk: RealApk | undefined;
  readonly close: () => void;
}

export interface RealApk {
  readonly version: string;
  /** Shell text that runs it on the tree `$1`, with the keys of a mirror. */
  readonly shell: (mirror: Mirror, args: readonly string[]) => string;
}

export interface BenchOptions {
  readonly quick: boolean;
  readonly runs: number;
  readonly mirror?: string | undefined;
}

const COMPILER_SET = ['gcc', 'binutils', 'make', 'musl-dev', 'linux-headers'];
const MINIROOTFS = join(upstreamRoot, 'minirootfs', 'alpine-minirootfs-3.19.4-x86_64.tar.gz');
const BRANCH = 'v3.19';

export async function openBench({ quick, runs, mirror: given }: BenchOptions): Promise<Bench> {
  const disk = mkdtempSync(join(tmpdir(), 'alproot-bench-'));
  const tmpfs = shared();
  const close = (): void => {
    for (const place of [disk, tmpfs]) if (place !== undefined) rmSync(place, { recursive: true, force: true });
  };
  try {
    const program = copyProgram(disk);
    const alproot: Bench['alproot'] = (cache, [verb = '', ...args], mirror) => ({
      argv: [
        process.execPath,
        program,
        verb,
        ...(mirror === undefined
          ? []
          : ['--mirror', mirror.location, '--keys-dir', mirror.keysDir, '--release', mirror.release, '--no-lock']),
        ...args,
      ],
      env: { ...plainEnv(disk), ALPROOT_CACHE: cache },
      cwd: disk,
    });
    const mirror = given === undefined ? await makeMirror({ disk, quick, alproot }) : readMirror(given);
    const compilerSet = COMPILER_SET.every((name) => mirror.names.has(name))
      ? COMPILER_SET
      : [...mirror.names].filter((name) => name.startsWith('bench-'));
    return {
      quick,
      runs,
      places: { disk, tmpfs },
      mirror,
      compilerSet,
      isRoot: process.getuid?.() === 0,
      alproot,
      realApk: prepareApk(disk),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

const shared = (): string | undefined => (isWritable('/dev/shm') ? mkdtempSync('/dev/shm/alproot-bench-') : undefined);

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The built command and its keys, apart from the checkout, so that a build in between changes nothing. Who cannot
 * build takes what is built.
 */
function copyProgram(disk: string): string {
  if (isWritable(projectRoot)) builtCommand();
  for (const name of ['bin', 'dist', 'keys', 'package.json'])
    cpSync(join(projectRoot, name), join(disk, 'program', name), { recursive: true });
  return join(disk, 'program', 'bin', 'alproot');
}

/** @param directory laid out as `alproot mirror from-debian` lays it out */
export function readMirror(directory: string): Mirror {
  const releases = join(directory, BRANCH, 'releases', 'x86_64');
  const minirootfs = readdirSync(releases).find((name) => name.endsWith('.tar.gz'));
  if (minirootfs === undefined) throw new Error(`${releases} holds no minirootfs`);
  const names = readdirSync(join(directory, BRANCH, 'main', 'x86_64')).flatMap(
    (name) => /^(.+)-[^-]+-r\d+\.apk$/.exec(name)?.[1] ?? [],
  );
  return {
    location: directory,
    keysDir: join(directory, 'keys'),
    release: '3.19',
    minirootfs: join(releases, minirootfs),
    names: new Set(names),
  };
}

async function makeMirror({
  disk,
  quick,
  alproot,
}: {
  readonly disk: string;
  readonly quick: boolean;
  readonly alproot: Bench['alproot'];
}): Promise<Mirror> {
  const directory = join(disk, 'mirror');
  if (quick && hasUpstream) {
    const text = (seed: number): string =>
      Array.from({ length: 20_000 }, (_, at) => ((at * 2654435761 + seed) >>> 0).toString(36)).join(' ');
    return smallMirror(
      directory,
      Array.from({ length: 6 }, (_, at) => ({
        name: `bench-${at}`,
        version: '1-r0',
        files: { [`usr/lib/b${at}`]: text(at), [`usr/bin/b${at}`]: text(at + 99) },
      })),
    );
  }
  runOnce(
    alproot(join(disk, 'cache'), [
      'mirror',
      'from-debian',
      directory,
      ...COMPILER_SET.flatMap((name) => ['-p', name]),
    ]),
  );
  return readMirror(directory);
}

/** A mirror of packages made here, on the real minirootfs. @throws Skipped without the real minirootfs */
export async function smallMirror(
  directory: string,
  packages: Parameters<typeof makeReleaseMirror>[1],
): Promise<Mirror> {
  if (!hasUpstream) throw new Skipped('the real minirootfs is not beside the checkout');
  mkdirSync(join(directory, 'keys'), { recursive: true });
  const { keyFile } = await makeReleaseMirror(directory, packages);
  cpSync(keyFile, join(directory, 'keys', keyFile.slice(keyFile.lastIndexOf('/') + 1)));
  return readMirror(directory);
}

/** The apk of the real minirootfs, run by its own loader. */
function prepareApk(disk: string): RealApk | undefined {
  if (!existsSync(MINIROOTFS) || process.arch !== 'x64') return undefined;
  const base = join(disk, 'apk');
  mkdirSync(base);
  runOnce({ argv: ['tar', '-xzf', MINIROOTFS, '-C', base, '--no-same-owner', '--exclude=./dev/*'] });
  const program = [
    join(base, 'lib/ld-musl-x86_64.so.1'),
    '--library-path',
    `${join(base, 'lib')}:${join(base, 'usr/lib')}`,
    join(base, 'sbin/apk'),
  ];
  const shell: RealApk['shell'] = (mirror, args) => {
    const [repository, network] = mirror.location.startsWith('http')
      ? [mirror.location, []]
      : [mirror.location, ['--no-network']];
    return [
      ...program,
      '--root',
      '"$1"',
      '--keys-dir',
      mirror.keysDir,
      '--repositories-file',
      '/dev/null',
      '-X',
      `${repository}/${BRANCH}/main`,
      ...network,
      '--no-cache',
      '--no-progress',
      ...args,
    ].join(' ');
  };
  const version =
    readFileSync(join(base, 'lib/apk/db/installed'), 'latin1')
      .split('\n\n')
      .find((text) => text.includes('\nP:apk-tools\n')) ?? '';
  return { version: `apk-tools ${/^V:(.*)$/m.exec(version)?.[1] ?? ''}`, shell };
}

/** The real apk. @throws Skipped */
export function realApk({ realApk: apk }: Bench): RealApk {
  if (apk === undefined) throw new Skipped('the real minirootfs with the real apk is not beside the checkout');
  return apk;
}

/**
 * A shell that does by hand what `rootfs create` does: check the minirootfs, unpack it, apk add. An ordinary user's
 * shell is root in a user namespace, as apk's scripts and file owners want it.
 */
export function byHand(
  bench: Bench,
  {
    tree,
    mirror = bench.mirror,
    packages,
    then = [],
  }: {
    readonly tree: string;
    readonly mirror?: Mirror;
    readonly packages: readonly string[];
    readonly then?: readonly string[];
  },
): Command {
  const sum = createHash('sha512').update(readFileSync(mirror.minirootfs)).digest('hex');
  const text = [
    'set -e',
    `echo "${sum}  ${mirror.minirootfs}" | sha512sum -c --quiet`,
    'mkdir -p "$1"',
    `tar -xzf ${mirror.minirootfs} -C "$1"${bench.isRoot ? '' : ' --no-same-owner --exclude=./dev/*'}`,
    realApk(bench).shell(mirror, ['add', ...packages]),
    ...then,
  ].join('\n');
  return asRoot(bench, ['sh', '-c', text, 'sh', tree]);
}

/** The command as root, or as root of a user namespace. */
export const asRoot = ({ isRoot }: Bench, argv: readonly string[], cwd?: string): Command => ({
  argv: [...(isRoot ? [] : ['unshare', '--user', '--map-root-user', '--']), ...argv],
  env: plainEnv('/nonexistent'),
  ...(cwd === undefined ? {} : { cwd }),
});
