/** Start-up: Node, the command, the sandbox. */
import { join } from 'node:path';
import { plainEnv, runOnce, type Command } from './measure.ts';
import type { Prepared, Row, Side } from './row.ts';
import { Skipped } from './skipped.ts';
import type { Bench } from './bench.ts';
import { capability } from '../test/helpers/capabilities.ts';

const node: Side = {
  name: 'node -e 0',
  start: () => ({ argv: [process.execPath, '-e', '0'], env: plainEnv('/nonexistent') }),
};

const plain =
  (words: string) =>
  (bench: Bench, where: string): Prepared => ({
    sides: [{ name: `alproot ${words}`, start: () => bench.alproot(join(where, 'cache'), words.split(' ')) }, node],
  });

const boxed = (tree: string): Command => ({
  argv: [
    'bwrap',
    '--ro-bind',
    tree,
    '/',
    '--dev',
    '/dev',
    '--proc',
    '/proc',
    '--tmpfs',
    '/tmp',
    '--unshare-all',
    '--die-with-parent',
    'true',
  ],
});

function run(bench: Bench, where: string): Prepared {
  const unshare = capability('userns').skip ? undefined : 'unshare';
  const peer = capability('bwrap').skip ? unshare : 'bwrap';
  if (peer === undefined) throw new Skipped('neither bwrap nor user namespaces work here');
  const [cache, tree] = [join(where, 'cache'), join(where, 'tree')];
  runOnce(bench.alproot(cache, ['rootfs', 'create', tree], bench.mirror));
  runOnce(bench.alproot(cache, ['run', '--', 'true'], bench.mirror));
  const bare: Side = {
    name: peer,
    start: () => (peer === 'bwrap' ? boxed(tree) : { argv: ['unshare', '-Urmpf', '-R', tree, 'true'] }),
  };
  return {
    sides: [
      { name: 'alproot run -- true', start: () => bench.alproot(cache, ['run', '--', 'true'], bench.mirror) },
      node,
      bare,
    ],
  };
}

const start = (words: string): Row => ({
  id: words.replace(/^--| .*/g, ''),
  title: `alproot ${words}`,
  where: 'tmpfs',
  goalMs: 20,
  compares: `the built command with ${words} against Node that does nothing`,
  fair: 'The same Node, the same environment, without NODE_EXTRA_CA_CERTS.',
  prepare: plain(words),
});

export const startRows: readonly Row[] = [
  start('--version'),
  start('--help'),
  start('completion bash'),
  {
    id: 'run-true',
    title: 'alproot run -- true, warm',
    where: 'tmpfs',
    goalMs: 40,
    compares:
      'a command in a cached environment against Node that does nothing, and against the bare sandbox on the same tree',
    prepare: run,
    fair: 'The mirror is looked at again by alproot (a local directory), not by the others. What no program in Node can do without is Node and the sandbox, the sum of the two others.',
  },
];
