/** A signed package with devices and a pipe: what the user is told, and what `--strict` makes of it, cached or not. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { makeApk, treeEntries } from '../helpers/make-apk.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const needs = capability('upstream', 'bwrap');
let root: string;
let mirror: ReleaseMirror;

beforeAll(async () => {
  if (needs.skip) return;
  root = mkdtempSync(join(tmpdir(), 'alproot-special-'));
  mirror = await makeReleaseMirror(join(root, 'mirror'), [
    { name: 'plain', version: '1-r0', files: { 'opt/plain': 'plain' } },
  ]);
  const entries = treeEntries({
    'opt/mem': { type: '3', mode: 0o666 },
    'opt/sda': { type: '4' },
    'opt/pipe': { type: '6' },
    'opt/file': 'content',
  });
  const bytes = makeApk({ info: { pkgname: 'special', pkgver: '1-r0' }, entries }, mirror.key);
  writeFileSync(join(root, 'mirror/v3.19/main/x86_64/special-1-r0.apk'), bytes);
  await mirror.publish();
  for (const name of ['special', 'plain']) writeFileSync(join(root, name), `FROM alpine:3.19\nRUN apk add ${name}\n`);
});
afterAll(() => {
  if (!needs.skip) rmSync(root, { recursive: true, force: true });
});

type Verb = 'rootfs create' | 'run' | 'build';

/** What installs one package, in words; `at` tells places of trees apart. */
const wordsOf: Readonly<Record<Verb, (name: string, at: string) => readonly string[]>> = {
  'rootfs create': (name, at) => ['rootfs', 'create', `tree-${name}-${at}`, '-p', name],
  run: (name) => ['run', '-p', name, '--', 'true'],
  build: (name) => ['build', '-f', name, '-o', 'type=tar,dest=out.tar', '.'],
};

/** Each verb has a store of its own: an environment that is there already is not made, and nothing is said of it. */
const callIn =
  (cache: string) =>
  (words: readonly string[], ...options: readonly string[]): Promise<CliResult> =>
    runCli([...options, ...mirror.args, ...words], { cwd: root, cache: join(root, cache) });

const TOLD = /devices and pipes of packages are .*not made: opt\/mem, opt\/sda, opt\/pipe/;

describe.skipIf(needs.skip)(`devices and pipes of a signed package${needs.reason}`, () => {
  it.each<[Verb, number]>([
    ['rootfs create', 7],
    ['run', 7],
    ['build', 8],
  ])(
    '%s says that it leaves them out, and refuses them under --strict, whatever the store has',
    async (verb, status) => {
      const words = wordsOf[verb];
      const call = callIn(`cache of ${verb}`);
      const refused = {
        status,
        stderr: expect.stringContaining('`opt/mem` of special-1-r0: it is a character device'),
      };
      expect(await call(words('special', 'first'), '--strict')).toMatchObject(refused);
      const told = await call(words('special', 'second'));
      expect([told.status, `${told.stdout}${told.stderr}`]).toEqual([0, expect.stringMatching(TOLD)]);
      expect(await call(words('special', 'third'))).toMatchObject({ status: 0 });
      expect(await call(words('special', 'fourth'), '--strict')).toMatchObject(refused);
      expect(await call(words('plain', 'fifth'), '--strict')).toMatchObject({ status: 0 });
    },
  );
});
