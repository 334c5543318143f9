/**
 * 200 files compiled in parallel under each backend, beside a bare chroot; and what PRoot's tracer does for it, in
 * system calls.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { BackendName } from '../src/core/run-description.ts';
import { asRoot, type Bench } from './bench.ts';
import { plainEnv, runOnce } from './measure.ts';
import type { Prepared, Row, Side } from './row.ts';
import { Skipped } from './skipped.ts';

const PACKAGES = ['gcc', 'musl-dev', 'make'];

/** Sources that include what C programs include, and a Makefile. */
function writeSources(directory: string, count: number): void {
  mkdirSync(directory, { recursive: true });
  const names = Array.from({ length: count }, (_, at) => `f${at}`);
  for (const name of names)
    writeFileSync(
      join(directory, `${name}.c`),
      `#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint ${name}(int n) { char b[64]; snprintf(b, sizeof b, "%d", n); return (int)strlen(b) + abs(n); }\n`,
    );
  writeFileSync(
    join(directory, 'Makefile'),
    `all: ${names.map((name) => `${name}.o`).join(' ')}\n%.o: %.c\n\tgcc -O1 -c -o $@ $<\n`,
  );
}

interface Place {
  readonly cache: string;
  readonly tree: string;
  readonly count: number;
  readonly source: (name: string, round: number) => string;
}

function setUp(bench: Bench, where: string, count: number): Place {
  if (!PACKAGES.every((name) => bench.mirror.names.has(name)))
    throw new Skipped('the mirror has no gcc, musl-dev and make');
  const [cache, tree] = [join(where, 'cache'), join(where, 'tree')];
  runOnce(bench.alproot(cache, ['rootfs', 'create', tree, '-p', PACKAGES.join(',')], bench.mirror));
  return { cache, tree, count, source: (name, round) => join(where, `${name}${round}`) };
}

const words = (backend: BackendName, source: string): string[] => [
  'run',
  '--backend',
  backend,
  '-p',
  PACKAGES.join(','),
  '-v',
  `${source}:${source}`,
  '-w',
  source,
  '--',
  'make',
  '-s',
  `-j${cpus().length}`,
];

function under(backend: BackendName) {
  return (bench: Bench, where: string): Prepared => {
    const { cache, tree, count, source } = setUp(bench, where, bench.quick ? 20 : 200);
    writeSources(source('probe', 0), 1);
    try {
      runOnce(bench.alproot(cache, words(backend, source('probe', 0)), bench.mirror));
    } catch (error) {
      throw new Skipped(
        `${backend} does not work here: ${/alproot: (.*)/.exec(String(error))?.[1] ?? String(error).slice(-200)}`,
      );
    }
    const inTree = (round: number): string => join(tree, 'srv', String(round));
    const sides: Side[] = [
      {
        name: `alproot run --backend ${backend}`,
        start: (round) => {
          writeSources(source('ours', round), count);
          return bench.alproot(cache, words(backend, source('ours', round)), bench.mirror);
        },
      },
      {
        name: 'chroot',
        start: (round) => {
          writeSources(inTree(round), count);
          return asRoot(bench, ['chroot', tree, 'make', '-s', `-j${cpus().length}`, '-C', `/srv/${round}`]);
        },
      },
    ];
    return { sides, check: () => sameObjects(source('ours', 0), inTree(0), count) };
  };
}

function sameObjects(ours: string, theirs: string, count: number): string {
  for (let at = 0; at < count; at++) {
    if (!readFileSync(join(ours, `f${at}.o`)).equals(readFileSync(join(theirs, `f${at}.o`))))
      throw new Error(`f${at}.o differs`);
  }
  return `${count} objects are the same, byte for byte`;
}

/** Calls by kind of a summary of strace's. */
function totalCalls(summary: string): number {
  const total = /^\s*100\.00\s+\S+\s+(?:\S+\s+)?(\d+)(?:\s+\d+)?\s+total$/m.exec(readFileSync(summary, 'utf8'));
  if (total === null) throw new Error(`no total in ${summary}`);
  return Number(total[1]);
}

/** The tracer's own calls (strace without -f sees the first process only), beside those of the job itself. */
function tracerCalls(bench: Bench, where: string): Prepared {
  for (const program of ['strace', 'proot']) {
    if (spawnSync(program, ['--version'], { stdio: 'ignore' }).error !== undefined)
      throw new Skipped(`${program} is not installed`);
  }
  const count = 20;
  const { cache, tree, source } = setUp(bench, where, count);
  const [bin, summary, bare] = [join(where, 'bin'), join(where, 'tracer'), join(where, 'job')];
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'proot'),
    `#!/bin/sh\nexec strace -c -o ${summary} "$(PATH="\${PATH#*:}" command -v proot)" "$@"\n`,
  );
  chmodSync(join(bin, 'proot'), 0o755);
  writeSources(source('ours', 0), count);
  writeSources(join(tree, 'srv', 'job'), count);
  const traced = bench.alproot(cache, words('proot', source('ours', 0)), bench.mirror);
  runOnce({ ...traced, env: { ...traced.env, PATH: `${bin}:${traced.env?.['PATH'] ?? plainEnv('')['PATH'] ?? ''}` } });
  runOnce(
    asRoot(bench, [
      'strace',
      '-f',
      '-c',
      '-o',
      bare,
      'chroot',
      tree,
      'make',
      '-s',
      `-j${cpus().length}`,
      '-C',
      '/srv/job',
    ]),
  );
  const [tracer, job] = [totalCalls(summary), totalCalls(bare)];
  const again = (name: string, start: Side['start']): Side => ({ name, start });
  return {
    sides: [
      again('alproot run --backend proot', (round) => {
        writeSources(source('again', round), count);
        return bench.alproot(cache, words('proot', source('again', round)), bench.mirror);
      }),
      again('chroot', (round) => {
        writeSources(join(tree, 'srv', String(round)), count);
        return asRoot(bench, ['chroot', tree, 'make', '-s', `-j${cpus().length}`, '-C', `/srv/${round}`]);
      }),
    ],
    check: () =>
      `${count} files: PRoot's tracer made ${tracer} system calls for ${job} of the job, ${(tracer / job).toFixed(2)} for each`,
    close: () => rmSync(bin, { recursive: true, force: true }),
  };
}

const FAIR =
  'The same compiler, files and number of jobs; the objects are compared. The chroot isolates nothing and its tree may be written; alproot also looks at the mirror, and at each start at what its store has.';
const row = (backend: BackendName, goal: number): Row => ({
  id: `compile-${backend}`,
  title: `200 files compiled under ${backend}, tmpfs`,
  where: 'tmpfs',
  goal,
  rounds: 3,
  prepare: under(backend),
  fair: FAIR,
  compares: `make -j over 200 small C files in alproot run --backend ${backend} against the same in a bare chroot`,
});

export const compileRows: readonly Row[] = [
  row('bwrap', 1.15),
  row('userns', 1.15),
  row('chroot', 1.15),
  row('proot', 3),
  row('loader', 1.5),
  {
    id: 'proot-calls',
    title: 'PRoot by system calls, tmpfs',
    where: 'tmpfs',
    rounds: 3,
    prepare: tracerCalls,
    compares: '20 files compiled under PRoot; the calls that its tracer makes against the calls of the job itself',
    fair: 'Counted by strace -c, once each: the tracer alone, and the whole job in a bare chroot.',
  },
];
