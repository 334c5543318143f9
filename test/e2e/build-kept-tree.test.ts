/** A build goes on in the tree that the last one left, where that makes no difference to what it gives. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, lstatSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeOutput } from '../../src/build/output.ts';
import { parseOutputSpec } from '../../src/build/output-spec.ts';
import type { BackendName } from '../../src/core/run-description.ts';
import { hostPath } from '../../src/core/paths.ts';
import { type BuildBench, describeTree, makeBench, type OpenedImage } from '../helpers/build-host.ts';
import { capability } from '../helpers/capabilities.ts';

let bench: BuildBench;
beforeEach(() => {
  bench = makeBench();
});
afterEach(() => bench.close());

interface Seen {
  readonly files: readonly string[];
  readonly digest: string | undefined;
  /** Of a file of the base: the same as long as the tree is. */
  readonly inode: string;
}

/** Which file it is: inodes that become free are used again. */
const identityOf = (path: string): string => {
  const { ino, birthtimeNs } = lstatSync(path, { bigint: true });
  return `${ino} ${birthtimeNs}`;
};

const look = (image: OpenedImage, within: BuildBench): Promise<Seen> =>
  writeOutput(image, parseOutputSpec('type=oci,dest=image'), {
    cwd: hostPath(within.root),
    names: [],
    epoch: undefined,
    writeStandardOutput: () => undefined,
  }).then((written) => ({
    files: describeTree(image)
      .filter((line) => /^(?:src|srv|etc\/motd|sys\/\w)/.test(line))
      .filter((line) => !MOTD.test(line)),
    digest: written?.digest,
    inode: identityOf(join(image.opened.tree.root, 'bin/busybox')),
  }));

/** As the base has it. */
const MOTD = /^etc\/motd .*\\n"$/;

/** In one context, so that each build is the next one of the same Dockerfile. */
function build(
  dockerfile: string,
  files: Record<string, string>,
  { backend, within = bench }: { backend?: BackendName; within?: BuildBench } = {},
): Promise<Seen> {
  const context = join(within.root, 'context');
  mkdirSync(context, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(context, name), text);
  return within.build(dockerfile, {}, (image) => look(image, within), {
    context: hostPath(context),
    ...(backend === undefined ? {} : { backend }),
  });
}

/** What the same build gives where nothing was kept and nothing is in the cache. */
async function buildAnew(
  dockerfile: string,
  files: Record<string, string>,
  backend?: BackendName,
): Promise<Omit<Seen, 'inode'>> {
  const other = makeBench();
  try {
    const { files: seen, digest } = await build(dockerfile, files, {
      within: other,
      ...(backend === undefined ? {} : { backend }),
    });
    return { files: seen, digest };
  } finally {
    other.close();
  }
}

const keptTree = (): string => join(bench.root, 'trees', readdirSync(join(bench.root, 'trees'))[0] ?? '', 'tree');

const lines = (...steps: readonly string[]): string =>
  ['FROM alpine:3.19', 'RUN mkdir /src && echo old > /src/old && touch -d @1000000000 /src /src/old', ...steps].join(
    '\n',
  );
const COMPILE = lines(
  'COPY a /src/',
  'RUN cd /src && mkdir out && cat a old > out/b && ln out/b out/c && ln -s out/b d && touch -d @1000000000 out/b && touch -hd @1000000000 d',
);

for (const backend of ['bwrap', 'userns', 'proot'] as const) {
  const needs = capability('upstream', backend);
  describe.skipIf(needs.skip)(`the tree of the last build, under ${backend}${needs.reason}`, () => {
    it('is gone on in after a change, and gives what a new one gives', async () => {
      const first = await build(COMPILE, { a: '1' }, { backend });
      const second = await build(COMPILE, { a: '2' }, { backend });
      expect(second.inode).toBe(first.inode);
      expect(second).toMatchObject(await buildAnew(COMPILE, { a: '2' }, backend));
      // Half of it comes from the cache now; its tree is the newest one still.
      const back = await build(
        lines('COPY a /src/', 'RUN cat /src/a > /src/e && touch -d @1000000000 /src/e'),
        { a: '1' },
        { backend },
      );
      expect(back.files).toEqual(['src/ 755', 'src/a 644 "1"', 'src/e 644 "1"', 'src/old 644 "old\\n"', 'srv/ 755']);
      expect(back.inode).toBe(first.inode);
    });

    it('is gone on in after a step that failed, without what that step has left', async () => {
      const good = lines('COPY a /src/', 'RUN sh /src/a && touch -d @1000000000 /src/out');
      await build(good, { a: 'echo 1 > /src/out' }, { backend });
      const inode = identityOf(join(keptTree(), 'bin/busybox'));
      await expect(
        build(
          good,
          { a: 'mkfifo /src/pipe; mkdir -p /src/x/y; echo 2 > /src/x/y/z; echo 2 > /src/out; exit 3' },
          { backend },
        ),
      ).rejects.toThrow('status 3');
      expect(readdirSync(join(keptTree(), 'src'))).toContain('x');
      const third = await build(good, { a: 'echo 3 > /src/out' }, { backend });
      expect(third).toMatchObject({
        files: ['src/ 755', 'src/a 644 "echo 3 > /src/out"', 'src/old 644 "old\\n"', 'src/out 644 "3\\n"', 'srv/ 755'],
        inode,
      });
      expect(readdirSync(join(keptTree(), 'src')).sort()).toEqual(['a', 'old', 'out']);
    });

    it('has the owners of the point where the build goes on', async () => {
      const steps = lines(
        'RUN adduser -D -u 1234 app && mkdir /srv/d && echo x > /srv/d/f && chown -R app:app /srv/d && chmod 4755 /srv/d/f',
        'COPY a /src/',
        'RUN install -o app -m 600 /src/a /srv/g && stat -c "%U %a" /srv/d/f > /src/seen',
      );
      const first = await build(steps, { a: '1' }, { backend });
      const second = await build(steps, { a: '2' }, { backend });
      expect(second).toMatchObject({
        inode: first.inode,
        files: expect.arrayContaining([
          'srv/d/ 755 1234:1234',
          'srv/d/f 4755 1234:1234 "x\\n"',
          'srv/g 600 1234:0 "2"',
          'src/seen 644 "app 4755\\n"',
        ]) as unknown,
      });
    });
  });
}

const needs = capability('upstream', 'bwrap');
describe.skipIf(needs.skip)(`a tree that cannot be brought back${needs.reason}`, () => {
  const expectNew = async (dockerfile: string, between: () => void): Promise<void> => {
    const first = await build(dockerfile, { a: '1' });
    between();
    const second = await build(dockerfile, { a: '2' });
    expect(second.inode).not.toBe(first.inode);
    const { files, digest } = await buildAnew(dockerfile, { a: '2' });
    expect(second.files).toEqual(files);
    if (!dockerfile.includes('motd')) expect(second.digest).toBe(digest);
  };
  const nothing = (): void => undefined;

  it('is made anew when a later step has changed a file', () =>
    expectNew(lines('COPY a /src/', 'RUN cat /src/a >> /etc/motd'), nothing));

  it('is made anew when a later step has removed a file', () =>
    expectNew(lines('COPY a /src/', 'RUN rm /etc/motd'), nothing));

  it('is made anew when a later step has linked to a file', () =>
    expectNew(lines('COPY a /src/', 'RUN ln /src/old /src/new'), nothing));

  it('is made anew when a later step has closed its root', () =>
    expectNew(lines('COPY a /src/', 'RUN chmod 700 /'), nothing));

  it('is made anew when somebody has changed a file meanwhile, size and time as before', () =>
    expectNew(COMPILE, () => {
      const path = join(keptTree(), 'src/old');
      const { atime, mtime } = lstatSync(path);
      writeFileSync(path, 'OLD\n');
      utimesSync(path, atime, mtime);
    }));

  it('is made anew when a file is gone meanwhile', () =>
    expectNew(COMPILE, () => execFileSync('rm', [join(keptTree(), 'src/old')])));

  it('loses what was put below its mounts meanwhile', async () => {
    const { inode } = await build(COMPILE, { a: '1' });
    writeFileSync(join(keptTree(), 'sys/x'), 'x');
    appendFileSync(join(keptTree(), 'src/new'), 'x');
    expect(await build(COMPILE, { a: '2' })).toMatchObject({ inode, ...(await buildAnew(COMPILE, { a: '2' })) });
    expect(readdirSync(join(keptTree(), 'sys'))).toEqual([]);
  });

  it('is not taken for one of another Dockerfile', async () => {
    await build(COMPILE, { a: '1' });
    const other = COMPILE.replace('echo old', 'echo other');
    expect((await build(other, { a: '1' })).files).toContain('src/old 644 "other\\n"');
  });

  it('has no effect on stages that stand on another one', async () => {
    const stages = [
      'FROM alpine:3.19 AS base',
      'RUN mkdir /srv/x',
      'FROM base AS one',
      'COPY a /srv/x/',
      'RUN cat /srv/x/a > /srv/one',
      'FROM base',
      'COPY --from=one /srv/one /srv/',
    ].join('\n');
    const first = await build(stages, { a: '1' });
    const second = await build(stages, { a: '2' });
    expect(second).toMatchObject({ inode: first.inode, files: ['srv/ 755', 'srv/one 644 "2"', 'srv/x/ 755'] });
  });
});
