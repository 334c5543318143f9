/**
 * Faults, and what has to hold after each: the command ends in an error of ours or in the right result; what it makes
 * is absent or whole; the same command run again gives what an undisturbed one gives; nothing temporary and no
 * process is left.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtCommand, runArgv, type CliResult } from './cli.ts';
import { capability } from './capabilities.ts';
import { makeReleaseMirror, type ReleaseMirror } from './release-mirror.ts';
import { processesWith, survivors } from './survivors.ts';

export interface Operation {
  readonly name: string;
  readonly args: readonly string[];
  /** What it makes, in the working directory. */
  readonly makes: string;
  /** Entries of a directory that was there already come one by one. */
  readonly mixes?: boolean;
}

export const OPERATIONS: readonly Operation[] = [
  { name: 'rootfs create', args: ['rootfs', 'create', 'tree', '-p', 'app'], makes: 'tree' },
  { name: 'build', args: ['build', '-o', 'out', '.'], makes: 'out', mixes: true },
  { name: 'lock', args: ['lock', '.'], makes: 'alproot.lock' },
  { name: 'bundle create', args: ['bundle', 'create', '-o', 'app.alproot', '.'], makes: 'app.alproot' },
];

/** A mirror that all runs read, and what each operation gives when nothing happens. */
export interface Bench {
  readonly root: string;
  readonly mirror: ReleaseMirror;
  readonly wanted: ReadonlyMap<string, Undisturbed>;
  readonly close: () => void;
}

interface Undisturbed {
  readonly digest: string;
  /** Names in the working directory afterwards. */
  readonly names: readonly string[];
  readonly durationMs: number;
}

const DOCKERFILE =
  'FROM alpine:3.19\nCOPY data /data\nRUN apk add --no-cache app && adduser -D user && echo made > /home/user/made && chown user /home/user/made\nRUN cat /usr/share/app/file > /copy\n';

/** @param operations those that will be tried */
export async function makeFaultBench(operations: readonly Operation[] = OPERATIONS): Promise<Bench> {
  const root = mkdtempSync(join(tmpdir(), 'alproot-faults-'));
  const mirror = await makeReleaseMirror(join(root, 'mirror'), [
    {
      name: 'app',
      version: '1-r0',
      depends: ['lib'],
      files: { 'usr/bin/app': 'app', 'usr/share/app/file': 'x'.repeat(300_000), 'etc/app.conf': 'conf' },
      scripts: { 'post-install': '#!/bin/sh\necho done > /etc/app.made\n' },
    },
    {
      name: 'lib',
      version: '2-r0',
      files: Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`usr/lib/lib/${at}`, `${at}`.repeat(1000)])),
    },
  ]);
  const wanted = new Map<string, Undisturbed>();
  for (const operation of operations) {
    const place = newPlace(root);
    const started = performance.now();
    const { status, stderr } = await runOperation({ mirror }, operation, { place });
    if (status !== 0) throw new Error(`${operation.name} fails undisturbed: ${stderr}`);
    wanted.set(operation.name, {
      durationMs: performance.now() - started,
      digest: digestOf(join(place, operation.makes)),
      names: readdirSync(place).sort(),
    });
  }
  return { root, mirror, wanted, close: () => rmSync(root, { recursive: true, force: true }) };
}

/** A working directory with a Dockerfile and its context; the store goes into it too. */
function newPlace(root: string): string {
  const place = mkdtempSync(join(root, 'place-'));
  fillPlace(place);
  return place;
}

/** The Dockerfile, its context and a home. */
export function fillPlace(place: string): void {
  mkdirSync(join(place, 'home'), { recursive: true });
  writeFileSync(join(place, 'Dockerfile'), DOCKERFILE);
  writeFileSync(join(place, '.dockerignore'), '*\n!data\n');
  writeFileSync(join(place, 'data'), 'data\n');
}

export interface RunOptions {
  readonly place: string;
  readonly prefix?: readonly string[];
  readonly onStart?: (pid: number) => void;
}

/** Always the same one: a fault in the probe of one backend must be an error, not a tree that another one makes. */
export const BACKEND = (['bwrap', 'userns', 'proot'] as const).find((name) => !capability(name).skip);

/** A run that takes so long hangs: a traced one on a loaded machine takes a minute. */
const HANG_MS = 300_000;

/** What hangs is killed, with all that belongs to the place, and says so. */
export async function runOperation(
  { mirror }: Pick<Bench, 'mirror'>,
  { args }: Pick<Operation, 'args'>,
  { place, prefix = [], onStart }: RunOptions,
): Promise<CliResult> {
  const own = args[0] === 'cache' ? [] : mirror.args;
  let hangs = false;
  const limit = setTimeout(() => {
    hangs = true;
    for (const { pid } of processesWith(place)) endProcess(pid);
  }, HANG_MS);
  const result = await runArgv([...prefix, process.execPath, builtCommand(), ...args, ...own], {
    cwd: place,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: join(place, 'home'),
      TMPDIR: place,
      LC_ALL: 'C.UTF-8',
      ALPROOT_CACHE: join(place, 'cache'),
      ...(BACKEND === undefined ? {} : { ALPROOT_BACKEND: BACKEND }),
    },
    onStart: ({ pid }) => onStart?.(pid ?? 0),
  }).finally(() => clearTimeout(limit));
  return hangs
    ? {
        ...result,
        stderr: `${result.stderr}\nthis is a bug: it did not end within ${HANG_MS / 1000} s and was killed`,
      }
    : result;
}

function endProcess(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}

function contentOf(path: string, stat: Stats): string {
  if (stat.isSymbolicLink()) return readlinkSync(path);
  return stat.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
}

/** Over names, kinds, modes and contents of a file or a tree; times are left out. '' when there is nothing. */
export function digestOf(path: string): string {
  if (!existsSync(path)) return '';
  const hash = createHash('sha256');
  const visit = (at: string): void => {
    const stat = lstatSync(at);
    hash.update(`${at.slice(path.length)}\0${stat.mode}\0${contentOf(at, stat)}\0`);
    if (stat.isDirectory()) for (const name of readdirSync(at).sort()) visit(join(at, name));
  };
  visit(path);
  return hash.digest('hex');
}

/** What a fault does to one run; `prepare` may also replace the place, and gives back how to end that. */
export interface Fault {
  readonly kind: string;
  /** For the report: enough to do it again. */
  readonly what: string;
  readonly prefix?: readonly string[];
  readonly onStart?: (pid: number) => void;
  /** Before the first run. */
  readonly before?: (place: string) => void;
  /** After it, before the second. */
  readonly after?: (place: string) => void;
  /** The first run is let through: the fault is what `after` does. */
  readonly clean?: boolean;
  readonly close?: (place: string) => void;
}

export interface Outcome {
  /** What did not hold; nothing when all did. */
  readonly wrong: readonly string[];
  /** The command had ended whole before the fault, or in spite of it: nothing was there to recover from. */
  readonly undisturbed: boolean;
}

export async function tryFault(bench: Bench, operation: Operation, fault: Fault): Promise<Outcome> {
  const place = mkdtempSync(join(bench.root, 'place-'));
  const wanted = bench.wanted.get(operation.name);
  if (wanted === undefined) throw new Error(`no operation ${operation.name}`);
  try {
    fault.before?.(place);
    fillPlace(place);
    const wrong: string[] = [];
    const made = join(place, operation.makes);
    const first = await runOperation(bench, operation, {
      place,
      ...(fault.prefix === undefined ? {} : { prefix: fault.prefix }),
      ...(fault.onStart === undefined ? {} : { onStart: fault.onStart }),
    });
    const result = digestOf(made);
    if (first.status === 70 || first.stderr.includes('this is a bug'))
      wrong.push(`ended as a bug: ${first.stderr.slice(-600)}`);
    if (first.status === 0 && result !== wanted.digest) wrong.push('said 0 with another result');
    if (result !== '' && result !== wanted.digest && operation.mixes !== true)
      wrong.push(`left half of ${operation.makes}`);
    wrong.push(...(await survivors(place)).map((line) => `a process survives: ${line}`));
    fault.after?.(place);
    // A tree that is whole is not made again over itself.
    if (fault.clean === true || result === wanted.digest) rmSync(made, { recursive: true, force: true });
    const second = await runOperation(bench, operation, { place });
    if (second.status !== 0) wrong.push(`the next run ends with ${second.status}: ${second.stderr.slice(-600)}`);
    else if (digestOf(made) !== wanted.digest) wrong.push('the next run gives another result');
    const names = readdirSync(place).sort();
    if (names.join('/') !== wanted.names.join('/'))
      wrong.push(`left beside it: ${names.filter((name) => !wanted.names.includes(name)).join(', ')}`);
    const temporary = existsSync(join(place, 'cache/tmp')) ? readdirSync(join(place, 'cache/tmp')) : [];
    if (temporary.length > 0) wrong.push(`left in the store: ${temporary.join(', ')}`);
    // A damaged file that nobody read is found, and dropped, by the first look.
    if (fault.clean === true) await runOperation(bench, { args: ['cache', 'verify'] }, { place });
    const verified = await runOperation(bench, { args: ['cache', 'verify'] }, { place });
    if (verified.status !== 0) wrong.push(`cache verify: ${verified.stdout}${verified.stderr}`);
    return { wrong, undisturbed: fault.clean !== true && first.status === 0 };
  } finally {
    fault.close?.(place);
    rmSync(place, { recursive: true, force: true });
  }
}

export const SYSCALLS = [
  'openat',
  'write',
  'fsync',
  'rename',
  'link',
  'unlink',
  'mkdir',
  'symlink',
  'fchmod',
  'utimensat',
] as const;
/** What the names above are called on every architecture. */
const FAMILY: Readonly<Record<string, string>> = {
  write: 'write,pwrite64',
  rename: '/^rename',
  link: '/^link',
  unlink: '/^unlink|^rmdir',
  mkdir: '/^mkdir',
  symlink: '/^symlink',
  fchmod: '/chmod',
  utimensat: '/^utimensat|^futimesat',
  fsync: '/^f(data)?sync',
};

/** How often one thread of an undisturbed run makes each system call. */
export async function countSyscalls(bench: Bench, operation: Operation): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const name of SYSCALLS) {
    const place = newPlace(bench.root);
    const log = join(bench.root, 'counted');
    await runOperation(bench, operation, {
      place,
      prefix: ['strace', '-f', '-qq', '-o', log, '-e', `trace=${FAMILY[name] ?? name}`],
    });
    const threads = new Map<string, number>();
    for (const line of readFileSync(log, 'utf8').split('\n')) {
      const pid = line.split(' ', 1)[0] ?? '';
      if (/\w+\(/.test(line)) threads.set(pid, (threads.get(pid) ?? 0) + 1);
    }
    counts[name] = Math.max(0, ...threads.values());
    rmSync(place, { recursive: true, force: true });
  }
  return counts;
}

const inject = (name: string, what: string): string[] => [
  'strace',
  '-f',
  '-qq',
  '-o',
  '/dev/null',
  '-e',
  `trace=${FAMILY[name] ?? name}`,
  '-e',
  `inject=${FAMILY[name] ?? name}:${what}`,
];

export const killAtSyscall = (name: string, at: number): Fault => ({
  kind: 'kill at a system call',
  what: `${name} ${at}`,
  prefix: inject(name, `signal=KILL:when=${at}`),
});
/** @param at which call of each thread; `1+`: every one */
export const failSyscall = (name: string, at: number | '1+', error: string): Fault => ({
  kind: 'failing system call',
  what: `${name} ${at} ${error}`,
  prefix: inject(name, `error=${error}:when=${at}`),
});

/** @param signal KILL, or INT as by Ctrl-C */
export const signalAfter = (ms: number, signal: 'SIGKILL' | 'SIGINT' | 'SIGTERM'): Fault => ({
  kind: `${signal} at a random time`,
  what: `${Math.round(ms)} ms`,
  onStart: (pid) => void setTimeout(() => endProcess(pid, signal), ms),
});

/** The store and the results on a file system of so many KiB; then on one that is large enough. */
export const smallDisk = (kib: number): Fault => ({
  kind: 'full disk',
  what: `${kib} KiB`,
  before: (place) => void execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', place]),
  after: (place) => void execFileSync('mount', ['-o', 'remount,size=1g', place]),
  close: (place) => void spawnSync('umount', [place]),
});

/** As `ulimit` takes it. With too little address space Node itself ends, as by a kill. */
export const limited = (limit: string): Fault => ({
  kind: 'limit of the process',
  what: limit,
  prefix: ['sh', '-c', `ulimit -c 0 && ulimit ${limit} && exec "$@"`, 'sh'],
});

/**
 * Regular files below a directory of the store, those of trees left out; no link is followed, for some lead to the
 * host.
 */
function filesBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return ['tree', 'root'].includes(entry.name) ? [] : filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

/** Files of the store that are not what they were when the next run reads them. */
export const damagedStore = (pick: (count: number) => number, how: 'cut' | 'flip' | 'empty' | 'gone'): Fault => ({
  kind: 'damaged store',
  what: how,
  clean: true,
  after: (place) => {
    const cache = join(place, 'cache');
    const files = ['blobs', 'layers', 'records', 'snapshots'].flatMap((part) => filesBelow(join(cache, part)));
    const path = files[pick(files.length)];
    if (path === undefined) return;
    if (how === 'gone') return rmSync(path);
    if (how === 'empty') return truncateSync(path);
    const bytes = readFileSync(path);
    if (how === 'cut') return truncateSync(path, bytes.length >> 1);
    const at = pick(Math.max(1, bytes.length));
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    execFileSync('chmod', ['u+w', path]);
    writeFileSync(path, bytes);
  },
});

/** One store, many processes at once that want the same. @returns what did not hold */
export async function manyAtOnce(bench: Bench, operation: Operation, processes: number): Promise<string[]> {
  const place = newPlace(bench.root);
  try {
    const others = Array.from({ length: processes }, (_, at) => {
      const own = join(place, `own-${at}`);
      mkdirSync(own);
      for (const name of ['Dockerfile', '.dockerignore', 'data']) cpSync(join(place, name), join(own, name));
      return own;
    });
    const shared = (own: string, args: readonly string[]): Promise<CliResult> =>
      runArgv([process.execPath, builtCommand(), ...args, ...(args[0] === 'cache' ? [] : bench.mirror.args)], {
        cwd: own,
        env: {
          PATH: process.env['PATH'] ?? '',
          HOME: join(place, 'home'),
          TMPDIR: place,
          ALPROOT_CACHE: join(place, 'cache'),
        },
      });
    const results = await Promise.all([
      ...others.map((own) => shared(own, operation.args)),
      shared(place, ['cache', 'gc']),
    ]);
    const digest = bench.wanted.get(operation.name)?.digest;
    return [
      ...results.flatMap(({ status, stderr }) =>
        status === 0 ? [] : [`one of many ends with ${status}: ${stderr.slice(-400)}`],
      ),
      ...others.flatMap((own) =>
        digestOf(join(own, operation.makes)) === digest ? [] : ['one of many gives another result'],
      ),
    ];
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
