/**
 * Cost against number of packages, files, bytes and steps: 1×, 4×, 16×. What one more costs must not grow, and memory
 * stays flat.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SmallPackage } from '../test/helpers/release-mirror.ts';
import { smallMirror, type Bench } from './bench.ts';
import { runOnce } from './measure.ts';
import type { Prepared, Row, Side } from './row.ts';

const TIMES = [1, 4, 16];
const sizes = (base: number, { quick }: Bench): number[] =>
  TIMES.map((times) => times * (quick ? Math.ceil(base / 8) : base));

/** One package with so many files, or with one file of so many bytes. */
const many = (count: number): SmallPackage => ({
  name: `files-${count}`,
  version: '1-r0',
  files: Object.fromEntries(
    Array.from({ length: count }, (_, at) => [`usr/share/f/${at % 50}/${at}`, `${at}`.repeat(100)]),
  ),
});
const big = (bytes: number): SmallPackage => ({
  name: `bytes-${bytes}`,
  version: '1-r0',
  files: {
    'usr/share/big': Array.from({ length: bytes / 131_072 }, () => randomBytes(32_768).toString('hex').repeat(2)).join(
      '',
    ),
  },
});

/** @param choose the packages of the mirror, and by size what is installed */
async function installs(
  bench: Bench,
  where: string,
  {
    units,
    packages,
    asked,
  }: {
    readonly units: readonly number[];
    readonly packages: readonly SmallPackage[];
    readonly asked: (unit: number) => readonly string[];
  },
): Promise<Prepared> {
  const mirror = await smallMirror(join(where, 'mirror'), packages);
  const at = (name: string, count: number, round: number): string => join(where, `${name}${count}-${round}`);
  return {
    sides: units.map((count): Side => ({
      name: `${count}`,
      units: count,
      start: (round) =>
        bench.alproot(
          at('cache', count, round),
          ['rootfs', 'create', at('tree', count, round), '-p', asked(count).join(',')],
          mirror,
        ),
      finish: (round) => {
        for (const name of ['cache', 'tree']) rmSync(at(name, count, round), { recursive: true, force: true });
      },
    })),
  };
}

function packages(bench: Bench, where: string): Promise<Prepared> {
  const units = sizes(16, bench);
  const names = Array.from({ length: units.at(-1) ?? 0 }, (_, at) => `one-${at}`);
  const all = names.map((name): SmallPackage => ({
    name,
    version: '1-r0',
    files: { [`usr/share/${name}/a`]: name.repeat(2000), [`usr/share/${name}/b`]: name },
  }));
  return installs(bench, where, { units, packages: all, asked: (count) => names.slice(0, count) });
}

function files(bench: Bench, where: string): Promise<Prepared> {
  const units = sizes(500, bench);
  return installs(bench, where, { units, packages: units.map(many), asked: (count) => [`files-${count}`] });
}

function bytes(bench: Bench, where: string): Promise<Prepared> {
  const units = sizes(8 << 20, bench);
  return installs(bench, where, { units, packages: units.map(big), asked: (count) => [`bytes-${count}`] });
}

function steps(bench: Bench, where: string): Prepared {
  const cache = join(where, 'cache');
  const context = (count: number): string => join(where, `context${count}`);
  const units = sizes(4, bench);
  for (const count of units) {
    mkdirSync(context(count));
    writeFileSync(
      join(context(count), 'Dockerfile'),
      ['FROM alpine:3.19', ...Array.from({ length: count }, (_, at) => `RUN echo ${at} > /srv/${at}`), ''].join('\n'),
    );
  }
  runOnce(bench.alproot(cache, ['run', '--', 'true'], bench.mirror));
  return {
    sides: units.map((count): Side => ({
      name: `${count}`,
      units: count,
      start: (round) =>
        bench.alproot(
          cache,
          ['build', '--no-cache', '-o', join(where, `out${count}-${round}`), context(count)],
          bench.mirror,
        ),
      finish: (round) => rmSync(join(where, `out${count}-${round}`), { recursive: true, force: true }),
    })),
  };
}

const row = (what: string, prepare: Row['prepare'], compares: string): Row => ({
  id: `growth-${what}`,
  title: `Growth with ${what}, tmpfs`,
  where: 'tmpfs',
  goal: 1.15,
  rounds: 5,
  prepare,
  compares,
  fair: 'The ratio is what one more costs between 4× and 16×, over what it costs between 1× and 4×: start-up and minirootfs fall out of it.',
});

export const growthRows: readonly Row[] = [
  row('packages', packages, 'cold installs of 16, 64 and 256 small packages, names sharing one index'),
  row('files', files, 'cold installs of one package with 500, 2,000 and 8,000 files'),
  row('bytes', bytes, 'cold installs of one package with 8, 32 and 128 MB of content that gzip halves'),
  row('steps', steps, 'builds without cache of 4, 16 and 64 RUN steps'),
];
