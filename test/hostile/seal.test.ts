/**
 * What a step has made is sealed: nobody outside can be handed a descriptor of it, and nobody of the sandbox is left
 * to change it when its layer is taken.
 *
 * @see Nix CVE-2024-27297
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeBench } from '../helpers/build-host.ts';
import { capability } from '../helpers/capabilities.ts';
import { makeSandbox, type Sandbox } from '../helpers/sandbox.ts';
import { makeSocketPeer } from '../helpers/socket-peer.ts';
import { processesWith } from '../helpers/survivors.ts';

const gcc = capability('gcc');
let tools: string;
let peer: string;
beforeAll(() => {
  tools = mkdtempSync(join(tmpdir(), 'alproot-seal-'));
  if (!gcc.skip) peer = makeSocketPeer(tools);
});
afterAll(() => rmSync(tools, { recursive: true, force: true }));

/** From the sixth on, abstract sockets of the host are out of reach whatever network is granted. */
const landlockVersion = (program: string | undefined): number =>
  program === undefined ? 0 : Number(spawnSync(program, ['landlock'], { encoding: 'utf8' }).stdout);

/** Of the whole host, so it must be ours alone. */
const socketName = (word: string): string => `alproot-test-${process.pid}-${word}`;
const firstOutput = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', (status) => reject(new Error(`the listener ended with ${status ?? 'a signal'}`)));
  });

/**
 * Daemons in sessions of their own that write to the tree for as long as they live; the command ends when all have
 * begun.
 */
const DAEMONS =
  'for n in 1 2 3 4 5 6; do (setsid sh -c ": >/begun-$n; while :; do echo x >>/late; done" ' +
  '>/dev/null 2>&1 </dev/null &); done; for n in 1 2 3 4 5 6; do until [ -e /begun-$n ]; do :; done; ' +
  'done; rm /begun-*';

describe.each([
  { backend: 'bwrap', as: 'the caller', options: {}, isBoundary: true, rounds: 15 },
  { backend: 'bwrap', as: 'an ordinary user', options: { isRoot: false }, isBoundary: true, rounds: 15 },
  { backend: 'userns', as: 'an ordinary user', options: { isRoot: false }, isBoundary: true, rounds: 5 },
  { backend: 'chroot', as: 'the caller', options: {}, isBoundary: true, rounds: 5 },
  { backend: 'proot', as: 'the caller', options: {}, isBoundary: false, rounds: 3 },
] as const)('a step under $backend as $as', ({ backend, options, isBoundary, rounds }) => {
  const { skip, reason } = capability(backend, 'upstream');
  let sandbox: Sandbox;
  beforeAll(() => {
    if (skip) return;
    sandbox = makeSandbox(options);
    if (!gcc.skip) copyFileSync(peer, join(sandbox.tree, 'peer'));
  });
  afterAll(() => {
    if (!skip) sandbox.close();
  });

  /** Whether a descriptor of a file in the tree gets to a process of the host. */
  async function passOut(network: 'none' | 'host'): Promise<{ readonly said: string; readonly written: string }> {
    const name = socketName(`${backend}-${network}`);
    const listener = spawn(peer, ['listen', name], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      await firstOutput(listener);
      rmSync(join(sandbox.tree, 'sealed'), { force: true });
      const { text } = await sandbox.sh(backend, `/peer connect ${name} /sealed`, { network });
      return {
        said: text.trim(),
        written: existsSync(join(sandbox.tree, 'sealed')) ? readFileSync(join(sandbox.tree, 'sealed'), 'utf8') : '',
      };
    } finally {
      listener.kill('SIGKILL');
    }
  }

  it.skipIf(skip || gcc.skip)(
    `passes no descriptor to a process of the host by an abstract socket, unless it has the host's ` +
      `network${reason}${gcc.reason}`,
    async () => {
      const open = { said: 'passed', written: 'through\n' };
      const refused = { said: expect.stringMatching(/^refused \d+$/) as string, written: '' };
      const isApart = landlockVersion(await sandbox.host.sandbox()) >= 6;
      expect(await passOut('none')).toEqual(isBoundary || isApart ? refused : open);
      expect(await passOut('host')).toEqual(isApart ? refused : open);
    },
  );

  it.skipIf(skip || gcc.skip)(
    `has no abstract socket that the host could connect to${reason}${gcc.reason}`,
    async () => {
      const name = socketName(`${backend}-in`);
      const calledOff = new AbortController();
      let said = '';
      await expect(
        sandbox.sh(backend, `exec /peer listen ${name}`, {
          signal: calledOff.signal,
          stdio: {
            kind: 'pipe',
            onOutput: () => {
              said = spawnSync(peer, ['connect', name, join(tools, 'file')], { encoding: 'utf8' }).stdout.trim();
              calledOff.abort(new Error('called off'));
            },
          },
        }),
      ).rejects.toThrow('called off');
      expect(said).toMatch(isBoundary ? /^refused \d+$/ : /^passed$/);
    },
  );

  it.skipIf(skip)(`is over only when the last of its processes is${reason}`, async () => {
    for (let round = 0; round < rounds; round++) {
      const word = socketName(`${backend}-${round}`);
      expect(await sandbox.sh(backend, DAEMONS, { env: { PATH: '/bin:/usr/bin', WORD: word } })).toMatchObject({
        status: 0,
      });
      // At this very moment: nobody is waited for.
      expect(processesWith(word)).toEqual([]);
    }
  });
});

describe.each(['bwrap', 'userns', 'proot'] as const)('the layer of a RUN under %s', (backend) => {
  const { skip, reason } = capability(backend, 'upstream');
  it.skipIf(skip)(`holds the tree as it stays, whatever the command left running${reason}`, async () => {
    const bench = makeBench();
    try {
      const dockerfile = `FROM alpine\nRUN ${DAEMONS}\nRUN echo size $(wc -c </late)`;
      const size = await bench.build(
        dockerfile,
        {},
        (image) => {
          const { tree } = image.opened;
          expect(image.build.finished[1]?.layer?.sizeBytes).toBe(1024);
          return readFileSync(join(tree.root, 'late')).length;
        },
        { backend },
      );
      expect(size).toBeGreaterThan(0);
      expect(bench.output()).toContain(`size ${size}\n`);
    } finally {
      bench.close();
    }
  });
});
