/** The real apk of the minirootfs and we, given the same packages and commands, leave the same tree. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { capability } from '../helpers/capabilities.ts';
import { upstreamRoot } from '../helpers/upstream.ts';
import {
  databaseText,
  makeRepositories,
  picture,
  realArguments,
  runOwnApk,
  runRealApk,
  useOf,
  virtualTime,
  type Arena,
} from '../helpers/worlds.ts';
import { WORLDS } from '../fixtures/worlds.ts';

const needs = capability('bwrap', 'chroot', 'upstream');
let directory: string;
let key: SigningKey;

beforeAll(async () => {
  if (needs.skip) return;
  directory = mkdtempSync(join(tmpdir(), 'alproot-worlds-'));
  mkdirSync(join(directory, 'base'));
  execFileSync('tar', [
    '-xzf',
    join(upstreamRoot, 'minirootfs', 'alpine-minirootfs-3.19.4-x86_64.tar.gz'),
    '-C',
    join(directory, 'base'),
  ]);
  key = await generateSigningKey('test', 2048);
});
afterAll(() => {
  if (!needs.skip) rmSync(directory, { recursive: true, force: true });
});

const copyBase = (name: string): string => {
  const to = join(directory, name);
  execFileSync('cp', ['-a', join(directory, 'base'), to]);
  return to;
};
const logOf = (root: string): string =>
  existsSync(join(root, 'tmp/log')) ? readFileSync(join(root, 'tmp/log'), 'latin1') : '';

describe.skipIf(needs.skip)(`the tree that the real apk makes is the one that we make${needs.reason}`, () => {
  it.each(WORLDS.map((world, at) => [world.title, world, at] as const))('%s', async (_title, world, at) => {
    const arena: Arena = { directory: join(directory, `world${at}`), key };
    mkdirSync(arena.directory);
    await makeRepositories(world, arena);
    const [theirs, ours] = [copyBase(`theirs${at}`), copyBase(`ours${at}`)];
    for (const step of world.steps) {
      if ('edit' in step) {
        step.edit(theirs);
        step.edit(ours);
        continue;
      }
      const use = useOf(step, world);
      const real = runRealApk(theirs, [...realArguments(use), ...step.apk], arena);
      const own = await runOwnApk(ours, step.apk, arena, { use, now: virtualTime(theirs) ?? new Date() });
      expect(logOf(ours), real.output).toBe(logOf(theirs));
      expect(own.status, `${real.output}\n${own.output}`).toBe(real.status);
      expect(databaseText(ours)).toEqual(databaseText(theirs));
      expect(picture(ours)).toEqual(picture(theirs));
    }
    for (const command of [
      ['audit', '--system'],
      ['fix', '--simulate'],
      ['upgrade', '--simulate'],
    ])
      expect(runRealApk(ours, command, arena)).toEqual(runRealApk(theirs, command, arena));
    for (const root of [theirs, ours]) rmSync(root, { recursive: true, force: true });
  });
});

/** Worlds in which packages want owners, special modes or directories that an ordinary user cannot give them. */
const OWNED = [
  'set-id programs and sticky directories',
  'owners by name and by number',
  'an owner that the package itself adds before',
  'a directory with different modes in two packages',
  'a directory that changes its owner with the version',
  'a mode and an owner change',
  'the owner of a directory after one of two packages is gone',
];

describe.skipIf(needs.skip)(
  `the database of an ordinary user's tree is the one that the real apk writes as root${needs.reason}`,
  () => {
    it.each(OWNED)('%s', async (title) => {
      const world = WORLDS.find((one) => one.title === title);
      if (world === undefined) throw new Error(`there is no world ${title}`);
      const name = `recorded${OWNED.indexOf(title)}`;
      const arena: Arena = { directory: join(directory, name), key };
      mkdirSync(arena.directory);
      await makeRepositories(world, arena);
      const [theirs, ours] = [copyBase(`${name}-theirs`), copyBase(`${name}-ours`)];
      for (const step of world.steps) {
        if ('edit' in step) {
          step.edit(theirs);
          step.edit(ours);
          continue;
        }
        const use = useOf(step, world);
        const real = runRealApk(theirs, [...realArguments(use), ...step.apk], arena);
        const own = await runOwnApk(ours, step.apk, arena, { use, now: new Date(), owners: 'record' });
        expect(own.status, `${real.output}\n${own.output}`).toBe(real.status);
        expect(databaseText(ours)).toEqual(databaseText(theirs));
        // Scripts run as root here, and edit files of their own in /etc.
        const owned = (root: string): string[] =>
          Object.entries(picture(root))
            .filter(([path, line]) => !path.startsWith('etc/') && / (?:[1-9]\d*:\d+|\d+:[1-9]\d*)(?: |$)/.test(line))
            .map(([path]) => path);
        expect(owned(ours)).toEqual(owned(join(directory, 'base')));
      }
      for (const root of [theirs, ours]) rmSync(root, { recursive: true, force: true });
    });
  },
);
