/**
 * Resolving build-base from nothing on whole indexes: the two real ones, and 25,000 packages made of five renamed
 * copies.
 */
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Arch } from '../src/core/package.ts';
import { hasUpstream, projectRoot, upstreamRoot } from '../test/helpers/upstream.ts';
import { realApk, type Bench } from './bench.ts';
import { plainEnv } from './measure.ts';
import type { Prepared, Row } from './row.ts';
import { Skipped } from './skipped.ts';

const WORLD = ['alpine-baselayout', 'busybox', 'build-base'];

interface Subject {
  readonly id: string;
  readonly title: string;
  readonly arch: Arch;
  /** APKINDEX as text. */
  readonly text: () => string;
  readonly goal: number;
  /** From the form that an earlier run kept. */
  readonly kept?: true;
}

/** The text of the one big member of an index file. */
function readIndex(file: string): string {
  const tar = gunzipSync(readFileSync(join(upstreamRoot, 'apkindex', file))).toString('latin1');
  const at = tar.indexOf('\nAPKINDEX\0') + 1 || tar.indexOf('APKINDEX\0');
  const size = Number.parseInt(tar.slice(at + 124, at + 136), 8);
  return tar.slice(at + 512, at + 512 + size);
}

/** The same packages under other names, with other checksums, hanging together among themselves. */
function renamed(text: string, copy: number): string {
  const rename = (list: string): string =>
    list
      .split(' ')
      .map((word) => word.replace(/^(!?)([^<>=~]+)/, `$1$2.k${copy}`))
      .join(' ');
  return text.replace(/^(C:Q1)(.{4})(.*)$|^P:(.*)$|^([Dpi]):(.*)$/gm, (line, head, four, rest, name, letter, list) => {
    if (head !== undefined) {
      const reversed = String(four).split('').reverse().join('');
      return `${head}${reversed}${String(rest).slice(0, -3)}${'ABCDE'[copy]}${String(rest).slice(-2)}`;
    }
    if (name !== undefined) return `P:${name}.k${copy}`;
    return letter === undefined ? line : `${letter}:${rename(String(list))}`;
  });
}

const main = (): string => readIndex('v3.16-main-x86_64.APKINDEX.tar.gz');

const large = (): string => [main(), ...[1, 2, 3, 4].map((copy) => renamed(main(), copy))].join('');

const SUBJECTS: readonly Subject[] = [
  { id: 'resolve-main', title: 'build-base from the index of v3.16 main', arch: 'x86_64', text: main, goal: 1.5 },
  {
    id: 'resolve-aarch64',
    title: 'build-base from the index of v3.17 main, aarch64',
    arch: 'aarch64',
    text: () => readIndex('v3.17-main-aarch64.APKINDEX.tar.gz'),
    goal: 1.5,
  },
  {
    id: 'resolve-large',
    title: 'build-base from an index of 25,000 packages',
    arch: 'x86_64',
    text: large,
    goal: 0.6,
  },
  {
    id: 'resolve-kept',
    title: 'build-base from the kept form of an index of 25,000 packages',
    arch: 'x86_64',
    text: large,
    goal: 0.35,
    kept: true,
  },
];

function tarEntry(name: string, body: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name);
  for (const at of [100, 108, 116]) header.write('0000644\0', at);
  header.write(`${body.length.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0        0`, 124);
  header.write('ustar\x00', 257);
  header.write('00', 263);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

/** A signed-shaped index file without a signature, in a directory laid out as a mirror; and an empty tree. */
function writeRepository(where: string, { arch, text }: Subject): { readonly index: string; readonly tree: string } {
  const repository = join(where, 'v3.19/main', arch);
  const tree = join(where, 'tree');
  for (const path of [repository, join(tree, 'lib/apk/db'), join(tree, 'etc/apk')])
    mkdirSync(path, { recursive: true });
  for (const path of ['lib/apk/db/installed', 'lib/apk/db/triggers', 'lib/apk/db/scripts.tar', 'etc/apk/world'])
    writeFileSync(join(tree, path), '');
  const index = join(repository, 'APKINDEX.tar.gz');
  writeFileSync(
    index,
    gzipSync(Buffer.concat([tarEntry('APKINDEX', Buffer.from(text(), 'latin1')), Buffer.alloc(1024)])),
  );
  return { index, tree };
}

async function prepare(subject: Subject, bench: Bench, where: string): Promise<Prepared> {
  if (!hasUpstream) throw new Skipped('the real indexes are not beside the checkout');
  const apk = realApk(bench);
  const program = join(where, 'resolve.cjs');
  await build({
    entryPoints: [join(projectRoot, 'bench/resolve-once.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    minify: true,
    logLevel: 'error',
  });
  const { index, tree } = writeRepository(where, subject);
  const shell = apk.shell({ ...bench.mirror, location: where }, [
    'add',
    '--arch',
    subject.arch,
    '--allow-untrusted',
    '--simulate',
    ...WORLD,
  ]);
  const ours = [
    process.execPath,
    program,
    index,
    subject.arch,
    subject.kept === true ? join(where, 'kept') : '-',
    ...WORLD,
  ];
  if (subject.kept === true) output(ours);
  const theirs = ['sh', '-c', `exec ${shell}`, 'sh', tree];
  return {
    sides: [
      { name: 'alproot, in Node', start: () => ({ argv: ours, env: plainEnv(where) }) },
      { name: 'apk add --simulate', start: () => ({ argv: theirs, env: plainEnv(where) }) },
    ],
    check: () => samePlan(output(ours), output(theirs)),
  };
}

const output = ([file = '', ...args]: readonly string[]): string[] =>
  execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).split('\n');

function samePlan(ours: readonly string[], theirs: readonly string[]): string {
  const lines = theirs.flatMap((line) => /^\(\s*\d+\/\d+\) Installing (.*)$/.exec(line)?.[1] ?? []);
  const own = ours.slice(1).filter((line) => line !== '');
  if (lines.length === 0 || own.join() !== lines.join())
    throw new Error(`the plans differ: ${own.join(', ')} | ${lines.join(', ')}`);
  return `the same ${own.length} packages in the same order; within the process ${ours[0] ?? ''}`;
}

export const resolveRows: readonly Row[] = SUBJECTS.map((subject) => ({
  id: subject.id,
  title: `${subject.title}, tmpfs`,
  where: 'tmpfs',
  goal: subject.goal,
  compares: `${subject.kept === true ? 'reading and hashing what was kept of the index' : 'parsing the index, building the tables'} and solving, as one bundled Node program, against apk add --simulate, as one process`,
  prepare: (bench, where) => prepare(subject, bench, where),
  fair: `The same index file without a signature, the same world, nothing installed; the plans are compared line by line. ${subject.kept === true ? 'apk keeps no other form than the index itself, which it inflates and parses' : 'Both inflate and parse the whole index'} each time.`,
}));
