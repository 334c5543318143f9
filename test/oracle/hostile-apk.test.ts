/** What the real apk refuses we refuse, and what we take yields the tree that it makes: packages odd in many ways. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlprootError } from '../../src/core/errors.ts';
import { generateSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { capability } from '../helpers/capabilities.ts';
import { treeEntries, type RawEntry, type RawPackage } from '../helpers/make-apk.ts';
import { upstreamRoot } from '../helpers/upstream.ts';
import { makeRepositories, picture, realArguments, runOwnApk, runRealApk } from '../helpers/worlds.ts';

const needs = capability('bwrap', 'chroot', 'upstream');
let directory: string;
let key: SigningKey;
let at = 0;

beforeAll(async () => {
  if (needs.skip) return;
  directory = mkdtempSync(join(tmpdir(), 'alproot-odd-'));
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

const name = fc.constantFrom(
  'tool',
  'a b',
  'caf\u00c3\u00a9',
  '\u00ff\u00fe',
  'x'.repeat(120),
  '-rf',
  'UPPER',
  'dot.',
);
const odd: fc.Arbitrary<Omit<RawEntry, 'name'>> = fc.oneof(
  fc.record({
    content: fc.string({ maxLength: 2000 }).map((text) => Buffer.from(text).toString('latin1')),
    mode: fc.constantFrom(0o644, 0o755, 0o4755, 0o000, 0o1777),
    uid: fc.constantFrom(0, 100),
    gid: fc.constantFrom(0, 65_534),
  }),
  fc.record({
    type: fc.constant('2'),
    target: fc.constantFrom('tool', '/etc/passwd', '../../../../x', 'loop', 'n'.repeat(200)),
  }),
  fc.record({
    content: fc.constant('x'),
    checksum: fc.constantFrom('0'.repeat(40), undefined).filter((sum): sum is string => sum !== undefined),
  }),
  fc.record({ type: fc.constantFrom('1'), target: fc.constantFrom('opt/odd/tool', 'opt/odd/nowhere') }),
);
const packages: fc.Arbitrary<RawPackage> = fc
  .dictionary(name, odd, { minKeys: 1, maxKeys: 5, noNullPrototype: true })
  .map((files) => ({
    entries: treeEntries(Object.fromEntries(Object.entries(files).map(([file, entry]) => [`opt/odd/${file}`, entry]))),
  }));

describe.skipIf(needs.skip)(`a random package${needs.reason}`, () => {
  it('that we take gives the tree of the real apk; one that apk refuses we refuse', async () => {
    let [taken, refused] = [0, 0];
    await fc.assert(
      fc.asyncProperty(packages, async (raw) => {
        const arena = { directory: join(directory, `world${at++}`), key };
        mkdirSync(arena.directory);
        await makeRepositories({ title: '', repositories: { main: [raw] }, steps: [] }, arena);
        const [theirs, ours] = ['theirs', 'ours'].map((side) => join(arena.directory, side));
        for (const root of [theirs!, ours!]) execFileSync('cp', ['-a', join(directory, 'base'), root]);
        const real = runRealApk(theirs!, [...realArguments(['main']), 'add', 'a'], arena);
        const own = await runOwnApk(ours!, ['add', 'a'], arena, { use: ['main'], now: new Date() }).then(
          () => 'taken',
          (error: unknown) => {
            if (!isAlprootError(error)) throw error;
            return error.code;
          },
        );
        if (own === 'taken') {
          expect(real.status, real.output).toBe(0);
          expect(picture(ours!)).toEqual(picture(theirs!));
          taken++;
        } else refused++;
        rmSync(arena.directory, { recursive: true, force: true });
      }),
      { numRuns: 40, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false, endOnFailure: true },
    );
    expect(Math.min(taken, refused)).toBeGreaterThan(0);
  });
});
