/** In a RUN, apk answers those who only look: with what the mirror has, and in trees that have no apk. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { runCli } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const needs = capability('proot', 'upstream');
let work: string;
let mirror: ReleaseMirror;

beforeAll(async () => {
  if (needs.skip) return;
  work = mkdtempSync(join(tmpdir(), 'alproot-look-'));
  mirror = await makeReleaseMirror(join(work, 'mirror'), [
    { name: 'lib', version: '1.0-r0', files: { 'usr/share/lib/text': 'one' } },
    { name: 'app', version: '2-r1', depends: ['lib'], files: { 'usr/bin/app': 'app' } },
    { name: 'other', version: '3-r0' },
  ]);
});
afterAll(() => {
  if (!needs.skip) rmSync(work, { recursive: true, force: true });
});

/** Output of a shell text in the last RUN. */
async function answers(before: readonly string[], script: string): Promise<string> {
  writeFileSync(
    join(work, 'Dockerfile'),
    [
      'FROM alpine:3.19',
      ...before,
      `RUN { ${script}; } >/answers 2>&1 || echo "status $?" >>/answers`,
      'FROM scratch',
      'COPY --from=0 /answers /',
      '',
    ].join('\n'),
  );
  const { status, stderr } = await runCli(
    ['build', '--backend', 'proot', '--network', 'none', '-o', 'out', ...mirror.args, '.'],
    { cwd: work, cache: join(work, 'cache') },
  );
  expect(status, stderr).toBe(0);
  return readFileSync(join(work, 'out', 'answers'), 'utf8').replaceAll(mirror.directory, '<mirror>');
}

describe.skipIf(needs.skip)(`apk in a RUN${needs.reason}`, () => {
  it('knows what the mirror has, without a network inside', async () => {
    expect(
      await answers(
        ['RUN apk add lib'],
        'apk search app; apk search -v oth; apk policy lib; apk list app; apk info -e lib; apk version lib',
      ),
    ).toMatchInlineSnapshot(`
      "app-2-r1
      other-3-r0 - other
      lib policy:
        1.0-r0:
          lib/apk/db/installed
          <mirror>/v3.19/main
      app-2-r1 x86_64 {app} (MIT)
      lib
      Installed:                                Available:
      lib-1.0-r0                              = 1.0-r0 
      "
    `);
  });

  it('answers in a tree that has no apk of its own', async () => {
    const script =
      'apk --print-arch; apk --version; apk info -e app lib; apk info app; apk info -L lib; apk info -W /usr/bin/app; apk list -I lib; apk search ot; apk version -t 1 2; apk audit --system; apk info -e nothing';
    expect(await answers(['RUN apk add app && apk del apk-tools'], script)).toMatchInlineSnapshot(`
      "x86_64
      apk-tools 2.14.4 (alproot), compiled for x86_64.
      app
      lib
      app-2-r1 description:
      app

      app-2-r1 webpage:
      https://example.org

      app-2-r1 installed size:
      3 B

      lib-1.0-r0 contains:
      usr/share/lib/text

      /usr/bin/app is owned by app-2-r1
      lib-1.0-r0 x86_64 {lib} (MIT) [installed]
      other-3-r0
      <
      status 1
      "
    `);
  });

  it('says of what nobody can do in such a tree that it cannot', async () => {
    expect(await answers(['RUN apk add app && apk del apk-tools'], 'apk dot app')).toMatchInlineSnapshot(`
      "ERROR: apk: not in this tree
      status 127
      "
    `);
  });

  it('says of what cannot be installed where it looked, and what is spelt alike', async () => {
    expect(await answers([], 'apk add othre')).toMatchInlineSnapshot(`
      "ERROR: unable to select packages:
        othre (no such package):
          required by: world[othre]
      looked in <mirror>/v3.19/main (3 packages)
      hint: for \`othre\` there is \`other\`
      status 1
      "
    `);
  });

  it('lets an ordinary user look, and not change', async () => {
    expect(await answers(['USER nobody'], 'apk search oth; apk add other')).toMatchInlineSnapshot(`
      "other-3-r0
      ERROR: Unable to lock database: Permission denied
      ERROR: Failed to open apk database: Permission denied
      status 99
      "
    `);
  });
});
