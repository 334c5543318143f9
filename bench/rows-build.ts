/** Builds of an example: cold, nothing changed, one line changed. */
import { appendFileSync, copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../test/helpers/cli.ts';
import { asRoot, byHand, type Bench } from './bench.ts';
import { openBuildah } from './buildah.ts';
import { runOnce } from './measure.ts';
import type { Prepared, Row, Side } from './row.ts';
import { Skipped } from './skipped.ts';

export interface Example {
  readonly name: string;
  readonly file: string;
  readonly source: string;
  readonly product: string;
  readonly packages: readonly string[];
  /** What the Dockerfile's RUN does, in /src. */
  readonly compile: string;
}

const SEALED: Example = {
  name: 'sodium-openssl',
  file: 'Dockerfile.alpine',
  source: 'sealed.c',
  product: 'sealed',
  packages: [
    'gcc',
    'musl-dev',
    'make',
    'libsodium-dev',
    'libsodium-static',
    'openssl-dev',
    'openssl-libs-static',
    'linux-headers',
  ],
  compile:
    'gcc -std=c11 -D_GNU_SOURCE -O2 -flto -Wall -Wextra -ffunction-sections -fdata-sections -static -o sealed sealed.c -Wl,--gc-sections -lsodium -lcrypto && strip --strip-all sealed && ./sealed --selftest',
};
const HELLO: Example = {
  name: 'hello',
  file: 'Dockerfile',
  source: 'hello.c',
  product: 'hello',
  packages: ['gcc', 'musl-dev'],
  compile: 'gcc -static -Os -s -o hello hello.c',
};

/** The one with ports where the mirror has them. @throws Skipped when not even gcc is there */
function example({ mirror }: Bench): Example {
  const found = [SEALED, HELLO].find(({ packages }) => packages.every((name) => mirror.names.has(name)));
  if (found === undefined) throw new Skipped('the mirror has no gcc');
  return found;
}

/** A command of ours and of a shell; both leave the product in a new directory. */
interface Setup {
  readonly chosen: Example;
  readonly context: string;
  readonly last: { ours: string; theirs: string };
  readonly ours: (round: number, more?: readonly string[], cache?: string) => ReturnType<Bench['alproot']>;
}

function setUp(bench: Bench, where: string): Setup {
  const chosen = example(bench);
  const context = join(where, 'context');
  cpSync(join(projectRoot, 'examples', chosen.name), context, { recursive: true });
  const last = { ours: '', theirs: '' };
  const ours: Setup['ours'] = (round, more = [], cache = join(where, 'cache')) => {
    last.ours = join(where, `out${round}`);
    return bench.alproot(
      cache,
      ['build', ...more, '-f', join(context, chosen.file), '-o', last.ours, context],
      bench.mirror,
    );
  };
  return { chosen, context, last, ours };
}

/** The shell's second half: the source goes into the tree, gcc runs there in a chroot, the product comes out. */
const compileIn = ({ chosen, context }: Setup, out: string): string[] => [
  'mkdir -p "$1/src"',
  `cp ${join(context, chosen.source)} "$1/src/"`,
  `chroot "$1" /bin/sh -ec 'cd /src; ${chosen.compile}' >/dev/null`,
  `mkdir ${out}`,
  `cp "$1/src/${chosen.product}" ${out}/`,
];

function same({ chosen, last }: Setup): string {
  if (!readFileSync(join(last.ours, chosen.product)).equals(readFileSync(join(last.theirs, chosen.product))))
    throw new Error(`${chosen.product} differs`);
  return `${chosen.product} of examples/${chosen.name} is the same, byte for byte`;
}

function coldBuild(bench: Bench, where: string): Prepared {
  const setup = setUp(bench, where);
  const at = (name: string, round: number): string => join(where, `${name}${round}`);
  const clean = (...paths: readonly string[]): void => {
    for (const path of paths) rmSync(path, { recursive: true, force: true });
  };
  const sides: Side[] = [
    {
      name: 'alproot build',
      start: (round) => setup.ours(round, ['--no-cache'], at('cache', round)),
      finish: (round) => clean(at('cache', round)),
    },
    {
      name: 'sh: tar, apk add, chroot gcc',
      finish: (round) => clean(at('tree', round)),
      start: (round) => {
        setup.last.theirs = at('theirs', round);
        return byHand(bench, {
          tree: at('tree', round),
          packages: setup.chosen.packages,
          then: compileIn(setup, setup.last.theirs),
        });
      },
    },
  ];
  const buildah = openBuildah(bench, { where, dockerfile: join(setup.context, setup.chosen.file) });
  return {
    sides:
      buildah === undefined
        ? sides
        : [...sides, { name: 'buildah build --no-cache', start: () => buildah.build(setup.context) }],
    check: () => same(setup),
    close: () => buildah?.close(),
  };
}

/** The shell keeps its tree and compiles in it; `change` is done to the source before either. */
function again(bench: Bench, where: string, change: (source: string, round: number) => void): Prepared {
  const setup = setUp(bench, where);
  const tree = join(where, 'tree');
  const source = join(setup.context, setup.chosen.source);
  const original = join(where, 'original');
  copyFileSync(source, original);
  runOnce(setup.ours(-2));
  runOnce(byHand(bench, { tree, packages: setup.chosen.packages }));
  const edit = (round: number): void => {
    copyFileSync(original, source);
    change(source, round);
  };
  return {
    sides: [
      {
        name: 'alproot build',
        start: (round) => {
          edit(round);
          return setup.ours(round);
        },
      },
      {
        name: 'sh: chroot gcc in a kept tree',
        start: (round) => {
          edit(round);
          setup.last.theirs = join(where, `theirs${round}`);
          return asRoot(bench, ['sh', '-ec', compileIn(setup, setup.last.theirs).join('\n'), 'sh', tree]);
        },
      },
    ],
    check: () => same(setup),
  };
}

/** A build that has the steps of a build and not the compiler's time. */
function steps(bench: Bench, where: string): Prepared {
  const context = join(where, 'context');
  mkdirSync(context);
  writeFileSync(
    join(context, 'Dockerfile'),
    'FROM alpine:3.19\nRUN echo a > /srv/a\nRUN echo b > /srv/b\nFROM scratch\nCOPY --from=0 /srv /\n',
  );
  const cache = join(where, 'cache');
  const build = (round: number): ReturnType<Bench['alproot']> =>
    bench.alproot(cache, ['build', '-o', join(where, `out${round}`), context], bench.mirror);
  runOnce(build(-2));
  return {
    sides: [
      { name: 'alproot build, unchanged', start: build },
      { name: 'node -e 0', start: () => ({ argv: [process.execPath, '-e', '0'] }) },
    ],
  };
}

const EXAMPLE = 'examples/sodium-openssl (examples/hello where the mirror has no libsodium and OpenSSL)';

export const buildRows: readonly Row[] = [
  {
    id: 'build-cold',
    title: 'Cold build of an example, tmpfs',
    where: 'tmpfs',
    goal: 1,
    rounds: 5,
    compares: `alproot build --no-cache of ${EXAMPLE} with an empty store, against a shell script of sha512sum, tar, the real apk and gcc in a chroot`,
    fair: 'The same mirror, the same verification, the same compiler flags, products compared. The script isolates nothing, keeps nothing and knows nothing of Dockerfiles.',
    prepare: coldBuild,
  },
  {
    id: 'build-unchanged',
    title: 'The same build again, nothing changed, tmpfs',
    where: 'tmpfs',
    goal: 1,
    prepare: (bench, where) => again(bench, where, () => undefined),
    compares: `alproot build of ${EXAMPLE} a second time against gcc in the tree that the script kept`,
    fair: 'The script has no notion of what is up to date, so it compiles; a rule of make could spare it that, and would not look at the packages.',
  },
  {
    id: 'build-one-line',
    title: 'The same build, one line changed, tmpfs',
    where: 'tmpfs',
    goal: 1.5,
    rounds: 5,
    prepare: (bench, where) =>
      again(bench, where, (source, round) => appendFileSync(source, `\n/* round ${round} */\n`)),
    compares: `alproot build of ${EXAMPLE} after a change of its source against gcc in the tree that the script kept`,
    fair: 'Both run the same compile once. alproot runs it in a tree of its own, in a sandbox; the script in its one tree, in a chroot.',
  },
  {
    id: 'build-floor',
    title: 'An unchanged build of two small steps, tmpfs',
    where: 'tmpfs',
    compares: 'alproot build of a Dockerfile whose steps are all in the cache against Node that does nothing',
    prepare: steps,
    fair: "What a build costs before any step runs: Node, the mirror's index, the context, the keys of the steps, the output.",
  },
];
