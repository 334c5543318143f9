/** Making trees: cold, small, warm, and asking for what is there already. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { byHand, asRoot, realApk, type Bench, type Where } from './bench.ts';
import { runOnce } from './measure.ts';
import type { Prepared, Row, Side } from './row.ts';
import { compareTrees } from './trees.ts';

const fresh = (where: string, side: string, round: number): string => join(where, `${side}${round}`);

/**
 * Trees on tmpfs go at once; on disk they stay until the row is over, because ext4 is slow to reuse inodes just freed.
 */
const remove = (kind: Where, path: string): void => {
  if (kind === 'tmpfs') rmSync(path, { recursive: true, force: true });
};

interface ColdOptions {
  readonly kind: Where;
  readonly packages: readonly string[];
}

/** The last trees of both sides stay for the comparison. */
function cold(bench: Bench, where: string, { kind, packages }: ColdOptions): Prepared {
  const mirror = onSamePlace(bench, where);
  const last = { ours: '', theirs: '' };
  const keep = (side: 'ours' | 'theirs', tree: string): void => {
    if (last[side] !== '') remove(kind, last[side]);
    last[side] = tree;
  };
  const cache = (round: number): string => fresh(where, 'cache', round);
  const ours: Side = {
    name: 'alproot rootfs create',
    start: (round) =>
      bench.alproot(cache(round), ['rootfs', 'create', fresh(where, 'ours', round), '-p', packages.join(',')], mirror),
    finish: (round) => {
      keep('ours', fresh(where, 'ours', round));
      remove(kind, cache(round));
    },
  };
  const theirs: Side = {
    name: 'sha512sum, tar, apk add',
    start: (round) => byHand(bench, { tree: fresh(where, 'theirs', round), mirror, packages }),
    finish: (round) => keep('theirs', fresh(where, 'theirs', round)),
  };
  return { sides: [ours, theirs], check: () => compareTrees(last.ours, last.theirs) };
}

/** A copy of the mirror beside the trees, so that both sides read from where they write. */
function onSamePlace({ mirror }: Bench, where: string): Bench['mirror'] {
  const location = join(where, 'mirror');
  cpSync(mirror.location, location, { recursive: true, filter: (path) => !/\/\.[^/]*$/.test(path) });
  return {
    ...mirror,
    location,
    keysDir: join(location, 'keys'),
    minirootfs: mirror.minirootfs.replace(mirror.location, location),
  };
}

/** A store that has made the tree before, and the tree. */
function warmed(
  bench: Bench,
  where: string,
  packages: readonly string[],
): { readonly cache: string; readonly tree: string } {
  const [cache, tree] = [join(where, 'cache'), join(where, 'tree')];
  for (const words of [
    ['run', '-p', packages.join(','), '--', 'true'],
    ['rootfs', 'create', tree, '-p', packages.join(',')],
  ])
    runOnce(bench.alproot(cache, words, bench.mirror));
  return { cache, tree };
}

function warm(bench: Bench, where: string, kind: Where): Prepared {
  const { cache, tree } = warmed(bench, where, bench.compilerSet);
  let copy = '';
  const sides: Side[] = [
    {
      name: 'alproot rootfs create',
      start: (round) =>
        bench.alproot(
          cache,
          ['rootfs', 'create', fresh(where, 'ours', round), '-p', bench.compilerSet.join(',')],
          bench.mirror,
        ),
      finish: (round) => {
        if (copy !== '') remove(kind, copy);
        copy = fresh(where, 'ours', round);
      },
    },
    {
      name: 'cp -a',
      start: (round) => ({ argv: ['cp', '-a', tree, fresh(where, 'copy', round)] }),
      finish: (round) => remove(kind, fresh(where, 'copy', round)),
    },
    ...byApk(bench, where, kind),
  ];
  return { sides, check: () => compareTrees(copy, tree) };
}

const byApk = (bench: Bench, where: string, kind: Where): Side[] =>
  bench.realApk === undefined
    ? []
    : [
        {
          name: 'sha512sum, tar, apk add',
          start: (round) => byHand(bench, { tree: fresh(where, 'theirs', round), packages: bench.compilerSet }),
          finish: (round) => remove(kind, fresh(where, 'theirs', round)),
        },
      ];

function writable(bench: Bench, where: string): Prepared {
  const { cache, tree } = warmed(bench, where, bench.compilerSet);
  const words = ['run', '--writable', '-p', bench.compilerSet.join(','), '--', 'true'];
  runOnce(bench.alproot(cache, words, bench.mirror));
  return {
    sides: [
      { name: 'alproot run --writable', start: () => bench.alproot(cache, words, bench.mirror) },
      {
        name: 'cp -a, chroot true, rm -rf',
        start: (round) =>
          asRoot(bench, [
            'sh',
            '-c',
            'cp -a "$1" "$2" && chroot "$2" true && rm -rf "$2"',
            'sh',
            tree,
            fresh(where, 'copy', round),
          ]),
      },
    ],
  };
}

/** Nothing to do: what was asked for is there. */
function idle(bench: Bench, where: string): Prepared {
  const apk = realApk(bench);
  const packages = smallSet(bench);
  const [cache, theirs] = [join(where, 'cache'), join(where, 'theirs')];
  const words = ['run', '-p', packages.join(','), '--', 'true'];
  runOnce(bench.alproot(cache, words, bench.mirror));
  runOnce(byHand(bench, { tree: theirs, packages }));
  const apkAdd = `${apk.shell(bench.mirror, ['add', ...packages])} && chroot "$1" true`;
  return {
    sides: [
      { name: 'alproot run -p … -- true', start: () => bench.alproot(cache, words, bench.mirror) },
      {
        name: 'node -e 0, apk add, chroot true',
        start: () => asRoot(bench, ['sh', '-c', `"$2" -e 0 && ${apkAdd}`, 'sh', theirs, process.execPath]),
      },
      { name: 'apk add, chroot true', start: () => asRoot(bench, ['sh', '-c', apkAdd, 'sh', theirs]) },
    ],
  };
}

const smallSet = ({ mirror, compilerSet }: Bench): string[] =>
  mirror.names.has('make') ? ['make'] : compilerSet.slice(0, 1);

const SAME =
  'The same mirror directory and minirootfs on the same file system, a target and a store that did not exist before; both check the minirootfs, the index and every package (RSA signature, SHA-256 of the data, SHA-1 of each file), run scripts and triggers, and write the database. apk keeps no copy of what it installs, alproot does.';
const SET = 'gcc, binutils, make, musl-dev, linux-headers and what they need, on the real minirootfs, from nothing';

const coldRow = (kind: Where, goal: number): Row => ({
  id: `cold-${kind}`,
  title: `Cold install of the compiler set, ${kind}`,
  where: kind,
  goal,
  compares: `alproot rootfs create against sha512sum, tar and the real apk: ${SET}`,
  fair: SAME,
  prepare: (bench, where) => cold(bench, where, { kind, packages: bench.compilerSet }),
});

const warmRow = (kind: Where): Row => ({
  id: `warm-tree-${kind}`,
  title: `The same tree again, store filled, ${kind}`,
  where: kind,
  goal: 1,
  compares:
    'alproot rootfs create of a tree that the store has made before against cp -a of that tree, and against the real apk',
  fair: 'All leave a tree that may be written and shares no inode with anything. cp checks nothing.',
  prepare: (bench, where) => warm(bench, where, kind),
});

export const installRows: readonly Row[] = [
  coldRow('tmpfs', 0.55),
  coldRow('disk', 0.6),
  {
    id: 'small-add',
    title: 'Small install (under 10 MB), tmpfs',
    where: 'tmpfs',
    goalMs: 40,
    compares: 'alproot rootfs create -p make against sha512sum, tar and apk add make',
    fair: SAME,
    prepare: (bench, where) => cold(bench, where, { kind: 'tmpfs', packages: smallSet(bench) }),
  },
  warmRow('tmpfs'),
  warmRow('disk'),
  {
    id: 'writable',
    title: 'A throw-away writable environment, tmpfs',
    where: 'tmpfs',
    goal: 1,
    compares: 'alproot run --writable -- true against cp -a of the same tree, chroot and rm -rf',
    prepare: writable,
    fair: 'Both start from a tree that is there, give a command a tree of its own and throw it away; alproot looks at the mirror and shuts the command in as well.',
  },
  {
    id: 'no-op',
    title: 'Asking for what is installed, tmpfs',
    where: 'tmpfs',
    goalMs: 20,
    compares:
      'alproot run -p make -- true, environment there, against apk add of a package that is installed and chroot, with the start of Node and without',
    prepare: idle,
    fair: "Both look at the mirror's index again and find nothing to do, then start one program; alproot in a sandbox with namespaces of its own, apk's tree in a bare chroot. The goal is over apk and Node, which no program in Node can do without.",
  },
];
