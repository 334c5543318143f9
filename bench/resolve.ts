/**
 * Resolving build-base from scratch, beside the real `apk add --simulate` in the same run: over the two real main
 * indexes and over one of 25,000 packages made of five renamed copies. Rounds alternate between the two sides.
 *
 * apk's time is a whole process that inflates and parses the index; ours is told apart: parse, tables, solve, the
 * first round cold and then the median.
 *
 *     npx tsx bench/resolve.ts [ROUNDS]
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Sha256Hex } from '../src/core/digest.ts';
import type { Arch, RepositoryIndex } from '../src/core/package.ts';
import type { Verified } from '../src/core/verified.ts';
import { parseIndex } from '../src/formats/apkindex.ts';
import { parseWorld } from '../src/formats/world.ts';
import { createCatalog } from '../src/solve/catalog.ts';
import { solve } from '../src/solve/solve.ts';
import { capability, SHARED } from '../test/helpers/capabilities.ts';

const WORLD = 'alpine-baselayout busybox build-base';

interface Subject {
  readonly name: string;
  readonly arch: Arch;
  /** APKINDEX as text. */
  readonly text: string;
}

export interface ResolveResult {
  readonly name: string;
  readonly packages: number;
  readonly changes: number;
  /** Whole process, median; undefined where the real apk cannot run. */
  readonly apkMs: number | undefined;
  readonly cold: Readonly<Record<'parseMs' | 'tablesMs' | 'solveMs', number>>;
  readonly median: Readonly<Record<'parseMs' | 'tablesMs' | 'solveMs', number>>;
}

/** The text of the one big member of an index file. */
function readIndex(file: string): string {
  const tar = gunzipSync(readFileSync(join(SHARED, 'upstream/apkindex', file))).toString('latin1');
  const at = tar.indexOf('\nAPKINDEX\0') + 1 || tar.indexOf('APKINDEX\0');
  const size = Number.parseInt(tar.slice(at + 124, at + 136), 8);
  return tar.slice(at + 512, at + 512 + size);
}

/** The same packages under other names, with other checksums, hanging together among themselves. */
function renamed(text: string, copy: number): string {
  const rename = (list: string): string => list.split(' ').map((word) => word.replace(/^(!?)([^<>=~]+)/, `$1$2.k${copy}`)).join(' ');
  return text.replace(/^(C:Q1)(.{4})(.*)$|^P:(.*)$|^([Dpi]):(.*)$/gm, (line, head, four, rest, name, letter, list) => {
    if (head !== undefined) return `${head}${String(four).split('').reverse().join('')}${String(rest).slice(0, -3)}${'ABCDE'[copy]}${String(rest).slice(-2)}`;
    if (name !== undefined) return `P:${name}.k${copy}`;
    return letter === undefined ? line : `${letter}:${rename(String(list))}`;
  });
}

function subjects(): Subject[] {
  const main = readIndex('v3.16-main-x86_64.APKINDEX.tar.gz');
  return [
    { name: 'v3.16 main x86_64', arch: 'x86_64', text: main },
    { name: 'v3.17 main aarch64', arch: 'aarch64', text: readIndex('v3.17-main-aarch64.APKINDEX.tar.gz') },
    { name: 'synthetic, five times main', arch: 'x86_64', text: [main, ...[1, 2, 3, 4].map((copy) => renamed(main, copy))].join('') },
  ];
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

function timed<T>(run: () => T): readonly [T, number] {
  const start = performance.now();
  const value = run();
  return [value, performance.now() - start];
}

function tarEntry(name: string, body: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name);
  for (const at of [100, 108, 116]) header.write('0000644\0', at);
  header.write(`${body.length.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0        0`, 124);
  header.write('ustar\x00', 257);
  header.write('00', 263);
  header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

/** A tree with the real apk and the index as a local repository; gives a function that times one process. */
function prepareApk(directory: string, subject: Subject): () => number {
  const run = (command: string, ...args: string[]): void => {
    const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
  };
  run('tar', '-xzf', join(SHARED, 'upstream/minirootfs/alpine-minirootfs-3.19.4-x86_64.tar.gz'), '-C', directory);
  const repository = join(directory, 'repo', subject.arch);
  for (const path of [repository, join(directory, 'new/lib/apk/db'), join(directory, 'new/etc/apk')]) mkdirSync(path, { recursive: true });
  for (const path of ['lib/apk/db/installed', 'lib/apk/db/triggers', 'lib/apk/db/scripts.tar', 'etc/apk/world']) writeFileSync(join(directory, 'new', path), '');
  const index = Buffer.concat([tarEntry('APKINDEX', Buffer.from(subject.text, 'latin1')), Buffer.alloc(1024)]);
  writeFileSync(join(repository, 'APKINDEX.tar.gz'), gzipSync(index));
  const args = [
    '--bind', directory, '/', '--dev', '/dev', '--proc', '/proc', '--unshare-all', '--new-session', 'apk', 'add', '--root', '/new',
    '--arch', subject.arch, '--no-cache', '-X', '/repo', '--allow-untrusted', '--simulate', '--quiet', ...WORLD.split(' '),
  ];
  return () => timed(() => run('bwrap', ...args))[1];
}

function resolveOnce({ text, arch, name }: Subject): { readonly packages: number; readonly changes: number; readonly times: ResolveResult['median'] } {
  const [packages, parseMs] = timed(() => parseIndex(text));
  const index: RepositoryIndex = { location: name, description: '', sha256: '' as Sha256Hex, sizeBytes: 0, packages };
  const [catalog, tablesMs] = timed(() => createCatalog([{ index: index as Verified<RepositoryIndex> }]));
  const [plan, solveMs] = timed(() => solve({ arch, world: parseWorld(WORLD), repositories: catalog, installed: [] }));
  return { packages: packages.length, changes: plan.changes.length, times: { parseMs, tablesMs, solveMs } };
}

function measure(subject: Subject, rounds: number): ResolveResult {
  const directory = mkdtempSync(join(tmpdir(), 'alproot-bench-'));
  try {
    const apk = capability('bwrap').skip ? undefined : prepareApk(directory, subject);
    const ours: ReturnType<typeof resolveOnce>[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      ours.push(resolveOnce(subject));
      if (apk !== undefined) theirs.push(apk());
    }
    const [first] = ours;
    if (first === undefined) throw new Error('no rounds');
    const middle = (key: keyof ResolveResult['median']): number => median(ours.map(({ times }) => times[key]));
    return {
      name: subject.name, packages: first.packages, changes: first.changes, apkMs: apk === undefined ? undefined : median(theirs),
      cold: first.times, median: { parseMs: middle('parseMs'), tablesMs: middle('tablesMs'), solveMs: middle('solveMs') },
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Every index in turn. */
export const benchResolve = (rounds: number): ResolveResult[] => subjects().map((subject) => measure(subject, rounds));

const show = (ms: number | undefined): string => (ms === undefined ? '-' : ms.toFixed(1)).padStart(8);

export function formatResolveBench(results: readonly ResolveResult[]): string[] {
  return [
    'index (packages, changes): apk whole process | cold: parse tables solve | median: parse tables solve   (ms)',
    ...results.map(({ name, packages, changes, apkMs, cold, median: warm }) =>
      `${name} (${packages}, ${changes}): ${show(apkMs)} | ${[cold, warm].map((times) => [times.parseMs, times.tablesMs, times.solveMs].map(show).join('')).join(' | ')}`),
  ];
}

if (basename(process.argv[1] ?? '') === 'resolve.ts') {
  for (const line of formatResolveBench(benchResolve(Number(process.argv[2] ?? 9)))) process.stdout.write(`${line}\n`);
}
