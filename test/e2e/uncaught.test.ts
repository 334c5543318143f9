/**
 * An error that no promise of ours waits for is a bug: the stack is shown, the status is 70, and what was begun is
 * cleaned up.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { capability } from '../helpers/capabilities.ts';
import { runCli } from '../helpers/cli.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../helpers/release-mirror.ts';

const when = it.skipIf(capability('upstream', 'bwrap').skip);
let home: string;
let mirror: ReleaseMirror;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'alproot-uncaught-'));
  if (!capability('upstream', 'bwrap').skip)
    mirror = await makeReleaseMirror(join(home, 'mirror'), [
      { name: 'app', version: '1-r0', files: { 'usr/app': 'app' } },
    ]);
  mkdirSync(join(home, 'context'));
  writeFileSync(join(home, 'context', 'Dockerfile'), 'FROM alpine:3.19\nRUN echo the-step-runs; sleep 1000\n');
  // Thrown from a callback of the loop, when the step has printed something.
  const write =
    'const w = process.stderr.write; process.stderr.write = function (t, ...r) { if (String(t).includes("the-step-runs\\n")) setImmediate(() => { HOW(new RangeError("out of the blue")); }); return w.call(this, t, ...r); };';
  writeFileSync(join(home, 'throw.cjs'), write.replace('HOW', '((e) => { throw e; })'));
  writeFileSync(join(home, 'reject.cjs'), write.replace('HOW', 'Promise.reject.bind(Promise)'));
});
afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

when.each(['throw', 'reject'])('an error out of nowhere (%s) while a step runs', async (how) => {
  const cache = join(home, `store-${how}`);
  const { status, stderr } = await runCli(['build', ...mirror.args, join(home, 'context')], {
    cache,
    env: { NODE_OPTIONS: `--require ${join(home, `${how}.cjs`)}` },
  });
  expect(stderr).toContain(
    'alproot: error: this is a bug in alproot; please report it with these lines\nRangeError: out of the blue\n',
  );
  expect(status).toBe(70);
  expect(readdirSync(join(cache, 'tmp'))).toEqual([]);
});
