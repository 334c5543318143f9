/** What is misspelt is answered with the nearest word, before anything is fetched or made. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../helpers/cli.ts';

/** Matches lines that follow each other. */
const lines = (...expected: readonly RegExp[]): RegExp => new RegExp(expected.map(({ source }) => source).join('\\n'));

let work: string;
const context = (name: string, dockerfile: string): void => {
  mkdirSync(join(work, name));
  writeFileSync(join(work, name, 'Dockerfile'), dockerfile);
};
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'alproot-mistakes-'));
  context('misspelt', 'FROM alpine:3.19\nRUNN x\nCOPPY a b\nCOPY --chwon=1 a b\nRUN --mout=x y\nUSER --x y\n');
  context('missing', 'FROM alpine:3.19\nRUN true\nCOPY nope /x\nADD nope2 yarn* /y/\nCOPY Dockerfile /w\n');
  context('foreign', 'FROM debian:12\nRUN true\n');
});
afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

const other = process.arch === 'arm64' ? 'x86_64' : 'aarch64';
it.each([
  ['bulid .', 2, /unknown command 'bulid' .*\nhint: .*\bbuild\b/],
  ['build --outptu x .', 2, /unknown option '--outptu' .*\nhint: did you mean `--output`\?/],
  ['run --pakage x', 2, /\nhint: did you mean `--package`\?/],
  ['doctor --newtork', 2, /\nhint: did you mean `--network`\?/],
  ['search --offlien x', 2, /\nhint: did you mean `--offline`\?/],
  ['search --qwertyuiop x', 2, /\nhint: see `alproot search --help`/],
  ['mirror crate x', 2, /\nhint: did you mean `create`\?/],
  ['mirror constructor x', 2, /\nhint: one of create/],
  ['bundle shwo x', 2, /did you mean `show`/],
  ['rootfs creat x', 2, /did you mean `create`/],
  ['cache gcc', 2, /did you mean `gc`/],
  ['build --backend bwarp .', 2, /did you mean `bwrap`/],
  ['search --arch amd64 x', 2, /did you mean `x86_64`/],
  ['search --arch arm64 x', 2, /did you mean `aarch64`/],
  [
    'search --mirror htp://mirror.example/alpine x',
    2,
    /--mirror `htp:\/\/mirror.example\/alpine` is neither .*\nhint: did you mean http:\/\/mirror.example\/alpine/,
  ],
  [
    'search --mirror https:/u:secret@mirror.example/x y',
    2,
    /^(?!.*secret)(?:.|\n)*hint: did you mean https:\/\/\*\*\*@mirror.example\/x\?/,
  ],
  ['search --mirror gopher:x y', 2, /a directory whose name has a colon is written \.\/NAME/],
  [`run --arch ${other} -- true`, 2, new RegExp(`programs for ${other} cannot be run on this machine`)],
  [`cc --arch ${other} x.c`, 2, new RegExp(`programs for ${other} cannot be run`)],
  [
    'build misspelt',
    5,
    lines(
      /Dockerfile:2: unknown instruction `RUNN` \[ALP_FORMAT_DOCKERFILE\]/,
      /Dockerfile:3: .*`COPPY` \(did you mean `COPY`\?\)/,
      /Dockerfile:4: .*\(did you mean `--chown`\?\)/,
      /Dockerfile:5: .*\(did you mean `--mount`\?\)/,
      /Dockerfile:6: .*\(USER takes no flags\)/,
      /hint: did you mean `RUN`\?\n$/,
    ),
  ],
  [
    'build missing',
    8,
    lines(
      /error: Dockerfile:3: `nope` is not in the build context \[ALP_BUILD_CONTEXT\]/,
      /Dockerfile:4: `nope2` is not in the build context/,
      /hint: check the path/,
    ),
  ],
])('alproot %s', async (line, expected, says) => {
  const { status, stdout, stderr } = await runCli(line.split(' '), { cwd: work, cache: join(work, 'store') });
  expect(stderr).toMatch(says);
  expect([status, stdout]).toEqual([expected, '']);
  expect(readdirSync(work)).not.toContain('x');
});

it('a base that is refused is shown by --plan as it is written', async () => {
  const { stdout } = await runCli(['build', '--plan', 'foreign'], { cwd: work });
  expect(JSON.parse(stdout)).toMatchObject({ stages: [{ base: { kind: 'refused', image: 'debian:12' } }] });
});
