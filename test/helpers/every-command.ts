/**
 * Every command of the CLI with what it needs of its surroundings, and one place where all of them work: for tests
 * that take a part of the surroundings away.
 */
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packedDirectory, runArgv, type CliResult } from './cli.ts';
import { makeElf } from './make-elf.ts';
import { makeReleaseMirror, type ReleaseMirror } from './release-mirror.ts';

export interface CommandCase {
  /** Words as typed; `GIVEN/` stands for what was prepared, `KEY` and `APK` for files of the mirror. */
  readonly words: readonly string[];
  /** Of the store: nothing; where it is; to read, once it has all; or to change. */
  readonly store: 'none' | 'place' | 'read' | 'write';
  /** What it makes in the working directory. */
  readonly makes?: string;
  /** Goes on until it is interrupted. */
  readonly serves?: true;
  /** Takes the network and minutes, unless it is refused. */
  readonly far?: true;
}

const COMPILER =
  '#!/bin/sh\nwhile [ $# -gt 1 ]; do [ "$1" = -o ] && echo made > "$2"; shift; done\n[ -s "$1" ] || exit 1\n';
const DOCKERFILE = 'FROM alpine:3.19\nCOPY data /data\nRUN apk add --no-cache app && echo made > /made\n';

/** Words that follow are the mirror's, except where nothing is asked of one. */
export const EVERY_COMMAND: readonly CommandCase[] = [
  { words: ['build', '-o', 'out', 'GIVEN/context'], store: 'read', makes: 'out' },
  { words: ['build', '-o', 'type=oci,dest=image.tar', 'GIVEN/context'], store: 'read', makes: 'image.tar' },
  { words: ['build', '--plan', 'GIVEN/context'], store: 'none' },
  { words: ['build', '--no-cache', '-o', 'out', 'GIVEN/context'], store: 'read', makes: 'out' },
  { words: ['cc', 'GIVEN/hello.c'], store: 'read' },
  { words: ['tool', 'gcc', 'GIVEN/hello.c'], store: 'read' },
  { words: ['run', '-p', 'app', '--', 'cat', '/usr/share/app/file'], store: 'read' },
  { words: ['run', '-p', 'app', '--writable', '--', 'touch', '/new'], store: 'read' },
  { words: ['run', '-p', 'lib', '--', 'true'], store: 'write' },
  { words: ['shell', '-p', 'app'], store: 'read' },
  { words: ['rootfs', 'create', 'tree', '-p', 'app'], store: 'read', makes: 'tree' },
  { words: ['rootfs', 'export', 'GIVEN/tree', '-o', 'type=tar,dest=tree.tar'], store: 'read', makes: 'tree.tar' },
  { words: ['rootfs', 'audit', 'GIVEN/tree', '--system'], store: 'none' },
  { words: ['rootfs', 'sbom', 'GIVEN/tree'], store: 'none' },
  { words: ['search', 'app'], store: 'read' },
  { words: ['info', 'app'], store: 'read' },
  { words: ['info', '--root', 'GIVEN/tree', 'app'], store: 'none' },
  { words: ['policy', 'app'], store: 'read' },
  { words: ['why', '-p', 'app', 'lib'], store: 'read' },
  { words: ['tree', 'app'], store: 'read' },
  { words: ['lock', 'GIVEN/locked', '--check'], store: 'read' },
  { words: ['lock', 'context'], store: 'read', makes: 'context/alproot.lock' },
  { words: ['fetch', 'GIVEN/locked'], store: 'read' },
  { words: ['bundle', 'create', '-o', 'app.alproot', 'GIVEN/locked'], store: 'read', makes: 'app.alproot' },
  { words: ['bundle', 'verify', 'GIVEN/app.alproot'], store: 'none' },
  { words: ['bundle', 'show', 'GIVEN/app.alproot'], store: 'none' },
  { words: ['verify', 'APK', 'GIVEN/app.alproot'], store: 'none' },
  { words: ['verify', 'GIVEN/tree'], store: 'none' },
  { words: ['inspect', 'GIVEN/elf'], store: 'none' },
  { words: ['doctor'], store: 'read' },
  { words: ['mirror', 'create', 'made', 'GIVEN/locked', '--sign-with', 'KEY'], store: 'read', makes: 'made' },
  { words: ['mirror', 'from-debian', 'made'], store: 'read', makes: 'made', far: true },
  { words: ['mirror', 'index', 'packages', '--sign-with', 'KEY'], store: 'none', makes: 'packages/APKINDEX.tar.gz' },
  { words: ['mirror', 'sign', 'file', '--sign-with', 'KEY'], store: 'none', makes: 'file.rsa256.test.rsa.pub' },
  { words: ['mirror', 'keygen', 'keys', '--private-dir', 'keys'], store: 'none', makes: 'keys' },
  { words: ['mirror', 'serve', 'GIVEN/mirror'], store: 'none', serves: true },
  { words: ['cache', 'ls'], store: 'read' },
  { words: ['cache', 'gc'], store: 'write' },
  { words: ['cache', 'verify'], store: 'read' },
  { words: ['cache', 'path'], store: 'place' },
  { words: ['link-tools', 'tools'], store: 'none', makes: 'tools' },
  { words: ['completion', 'bash'], store: 'none' },
  { words: ['--help'], store: 'none' },
  { words: ['--version'], store: 'none' },
  { words: ['version'], store: 'none' },
  { words: ['trust', '--list'], store: 'none' },
];

export interface ProcessEnvironment {
  readonly prefix?: readonly string[];
  /** All but PATH, TMPDIR and the backend. */
  readonly env: Readonly<Record<string, string>>;
}

export interface CommandResult extends CliResult {
  /** Names below the working directory that were not there before. */
  readonly made: readonly string[];
  /** Names in the directory for temporary files. */
  readonly left: readonly string[];
}

export interface CommandBench {
  readonly root: string;
  /** A store that has all that the commands need. */
  readonly store: string;
  readonly run: (
    command: CommandCase,
    processEnvironment: (work: string) => ProcessEnvironment,
  ) => Promise<CommandResult>;
  readonly close: () => void;
}

/** A copy of the program of a test's own. */
function installProgram(directory: string): string {
  for (const part of ['dist', 'keys', 'package.json'])
    cpSync(join(packedDirectory(), part), join(directory, part), {
      recursive: true,
      filter: (path) => !path.endsWith('.cache'),
    });
  return join(directory, 'dist', 'alproot.cjs');
}

/** @param become words before each command, that make it another user's */
export async function makeCommandBench(become: readonly string[] = []): Promise<CommandBench> {
  const root = mkdtempSync(join(tmpdir(), 'alproot-commands-'));
  chmodSync(root, 0o755);
  const mirror = await makeReleaseMirror(join(root, 'given', 'mirror'), [
    { name: 'app', version: '1-r0', depends: ['lib'], files: { 'usr/share/app/file': 'app\n' } },
    { name: 'lib', version: '2-r0', files: { 'usr/lib/lib': 'lib\n' } },
    { name: 'gcc', version: '1-r0', files: { 'usr/bin/gcc': COMPILER }, modes: { 'usr/bin/gcc': 0o755 } },
    { name: 'musl-dev', version: '1-r0' },
    { name: 'linux-headers', version: '1-r0' },
  ]);
  const [given, store] = [join(root, 'given'), join(root, 'store')];
  writeFileSync(join(given, 'test.rsa'), mirror.key.privatePem, { mode: 0o644 });
  writeFileSync(join(given, 'hello.c'), 'int x;\n');
  writeFileSync(join(given, 'elf'), makeElf({}));
  for (const name of ['context', 'locked']) fillContext(join(given, name));
  mkdirSync(store);
  for (const path of [given, join(given, 'locked')]) chmodSync(path, 0o777);
  const uid = Number(/--reuid=(\d+)/.exec(become.join(' '))?.[1] ?? process.getuid?.());
  chownSync(store, uid, uid);
  const own = { root, given, mirror, become, entry: installProgram(join(root, 'program')) };
  const inStore = (): ProcessEnvironment => ({ env: { HOME: root, ALPROOT_CACHE: store } });
  const prepare = async (...words: string[]): Promise<void> => {
    const { status, stderr } = await runCase(own, { words, store: 'write' }, inStore);
    if (status !== 0) throw new Error(`${words.join(' ')} fails undisturbed: ${stderr}`);
  };
  await prepare('rootfs', 'create', 'GIVEN/tree', '-p', 'app');
  await prepare('lock', 'GIVEN/locked');
  await prepare('bundle', 'create', '-o', 'GIVEN/app.alproot', 'GIVEN/locked');
  for (const { words } of EVERY_COMMAND.filter((one) => one.store === 'read' && one.far !== true))
    await prepare(...words);
  return {
    root,
    store,
    run: (command, processEnvironment) => runCase(own, command, processEnvironment),
    close: () => rmSync(root, { recursive: true, force: true }),
  };
}

function fillContext(directory: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'Dockerfile'), DOCKERFILE);
  writeFileSync(join(directory, 'data'), 'data\n');
}

interface Bench {
  readonly root: string;
  readonly given: string;
  readonly mirror: ReleaseMirror;
  readonly become: readonly string[];
  readonly entry: string;
}

const apkOf = ({ directory }: ReleaseMirror): string => join(directory, 'v3.19/main/x86_64/app-1-r0.apk');
/** Names in the working directory, and in those that are there from the start. */
const namesBelow = (work: string): string[] =>
  ['', 'context/', 'packages/'].flatMap((part) =>
    readdirSync(join(work, part))
      .sort()
      .map((name) => `${part}${name}`),
  );

function realWord({ given, mirror }: Bench, word: string): string {
  if (word === 'APK') return apkOf(mirror);
  return word === 'KEY' ? join(given, 'test.rsa') : word.replace('GIVEN', given);
}

function wordsOf(bench: Bench, { words, store, serves }: CommandCase): string[] {
  const real = words.map((word) => realWord(bench, word));
  if ((store === 'none' || words[1] === 'from-debian') && !['verify', 'bundle', 'build'].includes(words[0] ?? ''))
    return serves === true ? [...real, '--listen', '127.0.0.1:0'] : real;
  const asked = words[0] === 'cache' ? [] : bench.mirror.args;
  const [verb = '', ...rest] = real;
  return ['cc', 'tool', 'run', 'shell'].includes(verb) ? [verb, ...asked, ...rest] : [...real, ...asked];
}

/** In a working directory of its own, which may be made unfit by `surroundings`. */
async function runCase(
  bench: Bench,
  command: CommandCase,
  processEnvironment: (work: string) => ProcessEnvironment,
): Promise<CommandResult> {
  const place = mkdtempSync(join(bench.root, 'place-'));
  const [work, temporary] = [join(place, 'work'), join(place, 'tmp')];
  for (const path of [work, temporary, join(work, 'packages')]) mkdirSync(path);
  fillContext(join(work, 'context'));
  for (const path of [place, work, temporary, join(work, 'packages'), join(work, 'context')]) chmodSync(path, 0o777);
  cpSync(apkOf(bench.mirror), join(work, 'packages', 'app-1-r0.apk'));
  writeFileSync(join(work, 'file'), 'file');
  const before = new Set(namesBelow(work));
  try {
    const { prefix = [], env } = processEnvironment(work);
    const result = await runArgv(
      [...prefix, ...bench.become, process.execPath, bench.entry, ...wordsOf(bench, command)],
      {
        cwd: work,
        env: { PATH: process.env['PATH'] ?? '', TMPDIR: temporary, LC_ALL: 'C.UTF-8', ...env },
        input: '',
        onStart: (child) => void (command.serves === true && child.stdout?.once('data', () => child.kill('SIGINT'))),
      },
    );
    return { ...result, made: namesBelow(work).filter((name) => !before.has(name)), left: readdirSync(temporary) };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
