import { mirrorAt } from '../../../src/core/mirror.ts';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testConfig } from '../../helpers/config.ts';
import type { Config } from '../../../src/core/config.ts';
import { hostPath, type HostPath } from '../../../src/core/paths.ts';
import { createRootfs } from '../../../src/pipeline/environment/rootfs.ts';
import { chooseBackend, tryBackend } from '../../../src/pipeline/session/backend-choice.ts';
import { withSession, type Session } from '../../../src/pipeline/session/session.ts';
import { capability } from '../../helpers/capabilities.ts';
import { makeReleaseMirror } from '../../helpers/release-mirror.ts';

let work: string;
let tree: HostPath;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'alproot-trial-'));
  tree = hostPath(join(work, 'root'));
  for (const name of ['bin', 'dev', 'etc', 'proc', 'tmp']) mkdirSync(join(tree, name), { recursive: true });
  writeFileSync(join(tree, 'bin/sh'), '');
  mkdirSync(join(work, 'tools'));
});
afterEach(() => rmSync(work, { recursive: true, force: true }));

/** A program that is found first of its name; each start is counted. */
function tool(name: string, text = 'echo works'): void {
  writeFileSync(join(work, 'tools', name), `#!/bin/sh\necho ${name} >>${work}/starts\n${text}\n`);
  chmodSync(join(work, 'tools', name), 0o755);
}
const starts = (): string[] =>
  existsSync(join(work, 'starts')) ? readFileSync(join(work, 'starts'), 'utf8').trim().split('\n') : [];

const config = (more: Partial<Config> = {}): Config =>
  testConfig({ cache: hostPath(join(work, 'cache')), env: { PATH: join(work, 'tools') }, ...more });

/** The backend that is chosen after a trial, and whether the trial found it. */
const tryAndChoose = (more?: Partial<Config>): Promise<readonly [prefetched: string | undefined, chosen: string]> =>
  withSession(config(more), async (session: Session) => {
    const pendingProbe = tryBackend(session, tree);
    const prefetched = await pendingProbe;
    return [prefetched?.name, (await chooseBackend({ ...session, pendingProbe }, tree)).name];
  });

describe('a backend that is tried ahead', () => {
  it('is not tried again when it works', async () => {
    tool('bwrap');
    expect(await tryAndChoose()).toEqual(['bwrap', 'bwrap']);
    expect(starts()).toEqual(['bwrap']);
  });

  it('is remembered once it was chosen, and then not tried at all', async () => {
    tool('bwrap');
    await tryAndChoose();
    expect(await tryAndChoose()).toEqual([undefined, 'bwrap']);
    expect(starts()).toEqual(['bwrap']);
  });

  it('is tried again when it does not work: the tree may have been half made', async () => {
    tool('bwrap', `test -e ${work}/twice && echo works; touch ${work}/twice`);
    expect(await tryAndChoose()).toEqual([undefined, 'bwrap']);
    expect(starts()).toEqual(['bwrap', 'bwrap']);
  });

  it('is the one that was asked for, or none', async () => {
    tool('bwrap');
    tool('proot');
    expect(await tryAndChoose({ backend: 'proot' })).toEqual([undefined, 'proot']);
    expect(starts()).toEqual(['proot']);
  });
});

describe('isolation that is required', () => {
  it('refuses a backend that is no boundary, and says what to do', async () => {
    tool('proot');
    await expect(tryAndChoose({ backend: 'proot', requireIsolation: true })).rejects.toMatchObject({
      code: 'ALP_RUN_ISOLATION',
      message: expect.stringContaining('only proot works here, whose isolation is partial'),
      hint: expect.stringContaining('--require-isolation'),
    });
  });

  it('takes one that is', async () => {
    tool('bwrap');
    expect(await tryAndChoose({ backend: 'bwrap', requireIsolation: true })).toEqual(['bwrap', 'bwrap']);
  });
});

describe.skipIf(capability('upstream').skip)('an installation', () => {
  it.each([
    [['cmd:app=1'], ['bwrap']],
    [[], []],
  ])('of what provides %j tries a backend while it unpacks: %j', async (provides, expected) => {
    tool('bwrap');
    const { directory, keyFile } = await makeReleaseMirror(join(work, 'mirror'), [
      { name: 'app', version: '1-r0', provides, files: { 'usr/share/app': 'app' } },
    ]);
    await createRootfs(config({ mirrors: [mirrorAt(directory, { keys: [hostPath(keyFile)] })] }), {
      directory: hostPath(join(work, 'made')),
      packages: ['app'],
    });
    expect(starts()).toEqual(expected);
  });
});
