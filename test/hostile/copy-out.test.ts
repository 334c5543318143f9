/**
 * Results copied out of a tree that fights back: directories swapped for links, and entries that are not files, or far
 * too large ones.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BuiltImage } from '../../src/build/executor.ts';
import type { StoredLayer } from '../../src/build/host.ts';
import { writeOutput } from '../../src/build/output.ts';
import { parseOutputSpec } from '../../src/build/output-spec.ts';
import { withTreeImage } from '../../src/build/tree-image.ts';
import { isAlprootError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import { hostPath, type HostPath } from '../../src/core/paths.ts';
import { swapDoor } from '../helpers/swapper.ts';
import { picture } from '../helpers/worlds.ts';

/** Where outputs go, with what must not be touched beside them; and where trees are. */
let place: string;
let work: string;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'alproot-copy-work-'));
  place = mkdtempSync(join(tmpdir(), 'alproot-copy-out-'));
  mkdirSync(join(place, 'outside'));
  writeFileSync(join(place, 'outside/secret'), 'host secret', { mode: 0o600 });
});
afterEach(() => {
  rmSync(work, { recursive: true, force: true });
  rmSync(place, { recursive: true, force: true });
});

/** A tree with two files, spoilt by `change`, as an image of one layer. */
async function withImage<T>(change: (root: string) => unknown, use: (image: BuiltImage) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(work, 'tree-'));
  mkdirSync(join(root, 'app'));
  for (const name of ['one', 'two']) writeFileSync(join(root, 'app', name), name);
  await change(root);
  const kept = new Map<string, StoredLayer>();
  const put = (
    key: string,
    file: HostPath,
    written: Pick<StoredLayer, 'sha256' | 'sizeBytes'>,
  ): Promise<StoredLayer> => {
    kept.set(key, { file, ...written });
    return Promise.resolve({ file, ...written });
  };
  const host = {
    realOwners: process.getuid?.() === 0,
    layers: { get: (key: string) => Promise.resolve(kept.get(key)), put },
  };
  const workspace = hostPath(mkdtempSync(join(work, 'workspace-')));
  return withTreeImage(
    { base: { key: root, tree: hostPath(root), owners: new Map(), label: 'test' }, arch: 'x86_64', host, workspace },
    use,
  );
}

const copyOut = (output: string, change: (root: string) => unknown = () => undefined): Promise<string> =>
  withImage(change, (image) => write(image, output));

async function write(image: BuiltImage, output: string): Promise<string> {
  try {
    await writeOutput(image, parseOutputSpec(output), {
      cwd: hostPath(place),
      names: [],
      epoch: undefined,
      writeStandardOutput: () => undefined,
    });
    return 'done';
  } catch (error) {
    if (!isAlprootError(error)) throw error;
    return error.code;
  }
}

/** Every byte of an output, be it a file or a directory. */
const bytesOf = (path: string): string =>
  statSync(path).isDirectory()
    ? readdirSync(path, { recursive: true, encoding: 'utf8' })
        .filter((name) => lstatSync(join(path, name)).isFile())
        .map((name) => readFileSync(join(path, name), 'latin1'))
        .join('\0')
    : readFileSync(path, 'latin1');

const FORMS = ['out', 'type=tar,dest=out', 'type=oci,dest=out', 'type=docker,dest=out'];
const BEYOND = limits.unpacked + 1;

/** Names beside the outputs that were left behind. */
const strays = (): string[] => readdirSync(place).filter((name) => !['outside', 'out', 'taken'].includes(name));

describe('an artefact', () => {
  it('that is a link to a file of the host goes out as a link', async () => {
    expect(await copyOut('out', (root) => symlinkSync('/etc/shadow', join(root, 'app/three')))).toBe('done');
    expect(picture(join(place, 'out'))['app/three']).toMatch(/^link .* -> \/etc\/shadow$/);
    for (const output of ['type=tar,dest=taken', 'type=docker,dest=taken']) {
      expect(
        await copyOut(output, (root) => symlinkSync(join(place, 'outside/secret'), join(root, 'app/three'))),
      ).toBe('done');
      expect(bytesOf(join(place, 'taken'))).not.toContain('host secret');
    }
  });

  it.each(FORMS)(
    'that is a pipe, a socket or a device is left out of %s, and nothing waits for it',
    async (output) => {
      const sockets = createServer();
      const verdict = await copyOut(output, async (root) => {
        execFileSync('mkfifo', [join(root, 'app/pipe')]);
        if (process.getuid?.() === 0) execFileSync('mknod', [join(root, 'app/null'), 'c', '1', '3']);
        await new Promise<void>((resolve) => void sockets.listen(join(root, 'app/s'), resolve));
      });
      sockets.close();
      expect(verdict).toBe('done');
      if (output === 'out') expect(readdirSync(join(place, 'out/app'))).toEqual(['one', 'two']);
      else expect(bytesOf(join(place, 'out'))).not.toMatch(/app\/(?:pipe|null|s)\0/);
    },
  );

  it.each(FORMS)('with a hole beyond the cap is refused by %s before anything is copied', async (output) => {
    expect(await copyOut(output, (root) => truncateSync(join(root, 'app/two'), BEYOND))).toBe('ALP_LIMIT_SIZE');
    expect(existsSync(join(place, 'out'))).toBe(false);
    expect(strays()).toEqual([]);
  });

  it.each(['out/app/two', 'out'])('with a hole that is allowed takes no more room in %s than it had', async (file) => {
    expect(
      await copyOut(file === 'out' ? 'type=tar,dest=out' : 'out', (root) =>
        truncateSync(join(root, 'app/two'), 2 ** 30),
      ),
    ).toBe('done');
    const { size, blocks } = statSync(join(place, file));
    expect(size).toBeGreaterThanOrEqual(2 ** 30);
    expect(blocks * 512).toBeLessThan(2 ** 23);
  });
});

describe('a directory that is swapped for a link out of the tree meanwhile', () => {
  it.each(FORMS)('brings nothing of the host into %s', async (output) => {
    await withImage(
      () => undefined,
      async (image) => {
        const { root } = (await image.tree()).tree;
        const swapper: Worker = await swapDoor(root, join(place, 'outside'));
        try {
          for (let round = 0; round < 40; round++) {
            expect(await write(image, output)).toMatch(/^(?:done|ALP_\w+)$/);
            expect(strays()).toEqual([]);
            if (!existsSync(join(place, 'out'))) continue;
            if (output === 'out')
              expect(Object.keys(picture(join(place, 'out'))).filter((path) => path.includes('secret'))).toEqual([]);
            else expect(bytesOf(join(place, 'out'))).not.toContain('host secret');
            rmSync(join(place, 'out'), { recursive: true });
          }
        } finally {
          await swapper.terminate();
        }
      },
    );
    expect([
      readFileSync(join(place, 'outside/secret'), 'utf8'),
      lstatSync(join(place, 'outside/secret')).mode & 0o777,
    ]).toEqual(['host secret', 0o600]);
  });
});

describe('a destination', () => {
  it('that is a link is refused as a directory, replaced as a file, and never followed', async () => {
    symlinkSync('outside', join(place, 'out'));
    expect(await copyOut('out')).toBe('ALP_FILE_WRITE');
    expect(readdirSync(join(place, 'outside'))).toEqual(['secret']);
    rmSync(join(place, 'out'));
    symlinkSync('outside/secret', join(place, 'out'));
    expect(await copyOut('type=tar,dest=out')).toBe('done');
    expect([lstatSync(join(place, 'out')).isFile(), readFileSync(join(place, 'outside/secret'), 'utf8')]).toEqual([
      true,
      'host secret',
    ]);
  });

  it('with links inside has them replaced, not followed', async () => {
    mkdirSync(join(place, 'out'));
    symlinkSync(join(place, 'outside'), join(place, 'out/app'));
    expect(await copyOut('out')).toBe('done');
    expect(lstatSync(join(place, 'out/app')).isDirectory()).toBe(true);
    expect(readdirSync(join(place, 'outside'))).toEqual(['secret']);
  });

  it('is what it was when the copy fails', async () => {
    mkdirSync(join(place, 'out'));
    writeFileSync(join(place, 'out/kept'), 'kept');
    expect(await copyOut('out', (root) => truncateSync(join(root, 'app/two'), BEYOND))).toBe('ALP_LIMIT_SIZE');
    expect(picture(join(place, 'out'))).toEqual({ kept: expect.stringMatching(/^file/) });
    expect(strays()).toEqual([]);
  });
});
