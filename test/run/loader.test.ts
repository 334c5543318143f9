/** Programs of a tree started on the host, through the tree's own loader. */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostPath, type TreePath } from '../../src/core/paths.ts';
import type { RunDescription } from '../../src/core/run-description.ts';
import { capability } from '../helpers/capabilities.ts';
import { makeSandbox, type Sandbox } from '../helpers/sandbox.ts';

const needs = capability('upstream');

describe.skipIf(needs.skip)(`the loader backend${needs.reason}`, () => {
  let sandbox: Sandbox;
  let work: string;
  beforeAll(() => {
    sandbox = makeSandbox();
    work = join(sandbox.root, "a 'place' of ours");
    mkdirSync(work);
  });
  afterAll(() => sandbox.close());
  const sh = (script: string, options: Partial<RunDescription> = {}): ReturnType<Sandbox['sh']> =>
    sandbox.sh('loader', script, {
      cwd: work,
      mounts: [{ kind: 'bind', source: hostPath(work), target: work.slice(1) as TreePath, writable: true }],
      ...options,
    });

  it("starts the tree's own programs, which work on files of the host", async () => {
    const { status, text } = await sh('busybox | head -n 1; echo "it\'s $PWD" > made; ls; exit 3');
    expect(status).toBe(3);
    expect(text).toMatch(/^BusyBox v1\.36\.1[^\n]*\nmade\n$/);
    expect(readFileSync(join(work, 'made'), 'utf8')).toBe(`it's ${work}\n`);
  });

  it('finds what a program starts by name in the tree, and passes arguments whole', async () => {
    expect((await sh("echo 'a b' \"c'd\" | xargs -n 1 printf '%s|'; apk --version")).text).toMatch(
      /a\|b\|.*apk-tools 2\.14/s,
    );
  });

  it('runs scripts of the tree with the interpreter of the tree', async () => {
    const script = join(sandbox.tree, 'usr', 'bin', 'greet');
    writeFileSync(script, '#!/bin/sh\nbusybox | head -n 1 | cut -c 1-7; echo "$# $2"\n');
    chmodSync(script, 0o755);
    expect((await sh('greet one "two three"')).text).toBe('BusyBox\n2 two three\n');
    rmSync(script);
  });

  it('gives the environment that was asked for and no other', async () => {
    const { text } = await sh('env | grep -v "^\\(PATH\\|PWD\\|SHLVL\\|_\\|OLDPWD\\)="', {
      env: { ONLY: 'this one', PATH: '/usr/bin' },
    });
    expect(text).toBe('ONLY=this one\n');
  });

  it('refuses what only a translation of paths could show, before anything starts', async () => {
    await expect(
      sh('true', { mounts: [{ kind: 'bind', source: hostPath(work), target: 'src' as TreePath, writable: true }] }),
    ).rejects.toMatchObject({ code: 'ALP_RUN_MOUNT' });
    await expect(sh('true', { cwd: '/no/such/place' })).rejects.toMatchObject({ code: 'ALP_RUN_MOUNT' });
    await expect(sh('true', { user: { uid: 1000, gid: 1000 } })).rejects.toMatchObject({ code: 'ALP_RUN_MOUNT' });
  });

  it('leaves nothing behind', async () => {
    await sh('true');
    expect((await sh('ls')).text).toBe('made\n');
  });
});
