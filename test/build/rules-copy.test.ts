/** Rules of COPY, ADD and WORKDIR that show in the tree; every stage is FROM scratch, so nothing is run. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuildBench, describeTree, type Files, makeBench } from '../helpers/build-host.ts';

let bench: BuildBench;
beforeAll(() => {
  bench = makeBench();
});
afterAll(() => bench.close());

const FILES: Files = {
  a: 'A',
  'b.c': 'B',
  'c.c': 'C',
  run: { mode: 0o755, text: '#!' },
  'd/e': 'E',
  'd/f/g': 'G',
  'd/x.o': 'O',
  link: { link: 'a' },
  'd/out': { link: '/etc/passwd' },
  dirlink: { link: 'd' },
};
const tree = (dockerfile: string, files: Files = FILES): Promise<string[]> =>
  bench.build(dockerfile, files, describeTree);

const tarOf = (names: Readonly<Record<string, string>>, ...flags: string[]): Buffer => {
  const directory = mkdtempSync(join(tmpdir(), 'alproot-tar-'));
  try {
    mkdirSync(join(directory, 'in'));
    for (const [name, text] of Object.entries(names))
      writeFileSync(join(directory, 'in', name), text, { mode: 0o644 });
    execFileSync('tar', [
      ...flags,
      '--owner=7',
      '--group=8',
      '-cf',
      join(directory, 'out'),
      '-C',
      join(directory, 'in'),
      ...Object.keys(names),
    ]);
    return readFileSync(join(directory, 'out'));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

const DIRECTORY = ['d/ 755', 'd/e 644 "E"', 'd/f/ 755', 'd/f/g 644 "G"', 'd/out -> /etc/passwd', 'd/x.o 644 "O"'];

describe('COPY', () => {
  it.each<[string, string, string[]]>([
    ['a file under a new name', 'COPY a /x', ['x 644 "A"']],
    ['a file into a directory, which is made', 'COPY a /x/y/', ['x/ 755', 'x/y/ 755', 'x/y/a 644 "A"']],
    ['a file where the parents are missing', 'COPY a /x/y', ['x/ 755', 'x/y 644 "A"']],
    ['a file into a directory that is there, without a slash', 'WORKDIR /x\nCOPY a /x', ['x/ 755', 'x/a 644 "A"']],
    [
      'a directory means its contents',
      'COPY d /y/',
      ['y/ 755', ...DIRECTORY.slice(1).map((line) => line.replace(/^d/, 'y'))],
    ],
    [
      'a directory with another name without slash',
      'COPY d /y',
      ['y/ 755', ...DIRECTORY.slice(1).map((line) => line.replace(/^d/, 'y'))],
    ],
    ['several sources: contents of the directory and the file', 'COPY d/f a ./', ['a 644 "A"', 'g 644 "G"']],
    ['wildcards', 'COPY *.c /s/', ['s/ 755', 's/b.c 644 "B"', 's/c.c 644 "C"']],
    [
      'wildcards into a directory that is there, without a slash',
      'WORKDIR /s\nCOPY *.c /s',
      ['s/ 755', 's/b.c 644 "B"', 's/c.c 644 "C"'],
    ],
    ['wildcards below a directory', 'COPY d/?.o /s/', ['s/ 755', 's/x.o 644 "O"']],
    ['character classes', 'COPY [b]*.c /s/', ['s/ 755', 's/b.c 644 "B"']],
    ['a wildcard that matches a directory takes its contents', 'COPY d/f* /s/', ['s/ 755', 's/g 644 "G"']],
    [
      'a wildcard beside another source may match nothing',
      'COPY a yarn.lock* pnpm*.yaml ./x/',
      ['x/ 755', 'x/a 644 "A"'],
    ],
    ['modes of the context are kept, owners are root', 'COPY run /x', ['x 755 "#!"']],
    ['a link named as source is followed and keeps its name', 'COPY link /s/', ['s/ 755', 's/link 644 "A"']],
    ['a later COPY replaces a file', 'COPY a /x\nCOPY b.c /x', ['x 644 "B"']],
    ['a relative destination hangs off WORKDIR', 'WORKDIR /w\nCOPY a b', ['w/ 755', 'w/b 644 "A"']],
    [
      '--chown by number, for the directories that are made too',
      'COPY --chown=10:20 a /n/x',
      ['n/ 755 10:20', 'n/x 644 10:20 "A"'],
    ],
    ['--chown with one number is owner and group', 'COPY --chown=10 a /x', ['x 644 10:10 "A"']],
    ['--chmod in octal', 'COPY --chmod=0700 a /x', ['x 700 "A"']],
    ['--chmod in letters', 'COPY --chmod=u=rwx,go=r a /x', ['x 744 "A"']],
    [
      '--chown and --chmod of a directory: the place itself gets the owner only',
      'COPY --chown=5 --chmod=700 d/f /m/n',
      ['m/ 755 5:5', 'm/n/ 755 5:5', 'm/n/g 700 5:5 "G"'],
    ],
    [
      '--chmod leaves a directory that is there as it is',
      'WORKDIR /m\nCOPY --chmod=700 d/f .',
      ['m/ 755', 'm/g 700 "G"'],
    ],
    [
      '--exclude leaves matches out at any depth',
      'COPY --exclude=*.o --exclude=f --exclude=out d /y/',
      ['y/ 755', 'y/e 644 "E"'],
    ],
    [
      '--parents keeps the path',
      'COPY --parents d/f/g a /p/',
      ['p/ 755', 'p/a 644 "A"', 'p/d/ 755', 'p/d/f/ 755', 'p/d/f/g 644 "G"'],
    ],
    ['--parents counts from the pivot', 'COPY --parents d/./f/g /p/', ['p/ 755', 'p/f/ 755', 'p/f/g 644 "G"']],
    ['--link gives the same tree', 'COPY --link a /x', ['x 644 "A"']],
    [
      'a heredoc is a file',
      'COPY <<one <<two /h/\n1\none\n2\ntwo',
      ['h/ 755', 'h/one 644 "1\\n"', 'h/two 644 "2\\n"'],
    ],
    ['a heredoc under a name of its own', 'COPY --chmod=755 <<EOF /go\n#!/bin/sh\nEOF', ['go 755 "#!/bin/sh\\n"']],
    ['a source above the context stays inside it', 'COPY ../../a /x', ['x 644 "A"']],
  ])('%s', async (_title, steps, expected) => {
    expect(await tree(`FROM scratch\n${steps}`)).toEqual(expected);
  });

  it('takes the whole context, hidden by .dockerignore or not', async () => {
    expect(await tree('FROM scratch\nCOPY . /', { ...FILES, '.dockerignore': '*\n!d/f\n!a' })).toEqual([
      'a 644 "A"',
      'd/ 755',
      'd/f/ 755',
      'd/f/g 644 "G"',
    ]);
  });

  it('descends to an exception below what is hidden, and lets the last match win', async () => {
    const lines = await tree('FROM scratch\nCOPY . /', {
      ...FILES,
      '.dockerignore': '# all but\n*\n!d/f/\n/d/f/h\n!**/*.c\nb.c\n',
      'd/f/h': 'H',
    });
    expect(lines).toEqual(['c.c 644 "C"', 'd/ 755', 'd/f/ 755', 'd/f/g 644 "G"']);
  });

  it('finds nothing in what .dockerignore hides', async () => {
    await expect(tree('FROM scratch\nCOPY a /', { a: 'A', '.dockerignore': 'a' })).rejects.toMatchObject({
      code: 'ALP_BUILD_CONTEXT',
      message: expect.stringContaining('Dockerfile:2'),
    });
  });

  it.each([
    ['FROM scratch\nCOPY nothing /', 'ALP_BUILD_CONTEXT'],
    ['FROM scratch\nCOPY *.nothing /', 'ALP_BUILD_CONTEXT'],
    ['FROM scratch\nCOPY d/out* /', 'ALP_BUILD_CONTEXT'],
    ['FROM scratch\nCOPY *.c /x', 'ALP_BUILD_INSTRUCTION'],
    ['FROM scratch\nCOPY --chown=app a /x', 'ALP_BUILD_INSTRUCTION'],
    ['FROM scratch\nCOPY --chmod=rwx a /x', 'ALP_BUILD_INSTRUCTION'],
    ['FROM scratch\nCOPY a /x\nCOPY d /x/', 'ALP_BUILD_INSTRUCTION'],
    ['FROM scratch\nCOPY a /x\nWORKDIR /x', 'ALP_BUILD_INSTRUCTION'],
    ['FROM scratch AS b\nFROM scratch\nCOPY --from=b /x /y', 'ALP_BUILD_CONTEXT'],
  ])('refuses %j', async (dockerfile, code) => {
    await expect(tree(dockerfile)).rejects.toMatchObject({ code });
  });

  it('looks --chown names up in the stage it copies into', async () => {
    const dockerfile =
      'FROM scratch\nCOPY passwd group /etc/\nCOPY --chown=app a /x\nCOPY --chown=app:staff a /y\nCOPY --chown=5:staff a /z';
    const lines = await tree(dockerfile, {
      a: 'A',
      passwd: 'root:x:0:0::/:\napp:x:1000:1001::/home/app:\n',
      group: 'staff:x:50:\n',
    });
    expect(lines.slice(-3)).toEqual(['x 644 1000:1001 "A"', 'y 644 1000:50 "A"', 'z 644 5:50 "A"']);
  });
});

describe('COPY --from', () => {
  it('keeps the owners of the contents but not of the directory itself', async () => {
    const dockerfile = 'FROM scratch AS b\nCOPY --chown=3:4 d /srv\nFROM scratch\nCOPY --from=b /srv /srv';
    expect(await tree(dockerfile)).toEqual([
      'srv/ 755',
      'srv/e 644 3:4 "E"',
      'srv/f/ 755 3:4',
      'srv/f/g 644 3:4 "G"',
      'srv/out -> /etc/passwd',
      'srv/x.o 644 3:4 "O"',
    ]);
  });

  it('inherits nothing but files, and does not make the stage it copies from part of the image', async () => {
    const dockerfile = 'FROM scratch AS b\nCOPY . /all/\nFROM scratch\nCOPY --from=b /all/b.c /x';
    expect(await tree(dockerfile)).toEqual(['x 644 "B"']);
  });

  it('follows links inside the stage, never out of it', async () => {
    const dockerfile = 'FROM scratch AS b\nCOPY d /d\nFROM scratch\nCOPY --from=b /d/out /x';
    await expect(tree(dockerfile)).rejects.toMatchObject({ code: 'ALP_BUILD_CONTEXT' });
    expect(
      await tree('FROM scratch AS b\nCOPY d /d\nCOPY a /etc/passwd\nFROM scratch\nCOPY --from=b /d/out /x'),
    ).toEqual(['x 644 "A"']);
  });

  it('does not write through a link of the stage to the outside', async () => {
    const dockerfile = 'FROM scratch\nCOPY l /l\nCOPY a /l/x';
    expect(await tree(dockerfile, { a: 'A', 'l/k': { link: '/' }, 'l/up': { link: '../../../..' } })).toContain(
      'l/x 644 "A"',
    );
    expect(
      await tree('FROM scratch\nCOPY l /l\nCOPY a /l/up/tmp/x', { a: 'A', 'l/up': { link: '../../../..' } }),
    ).toEqual(['l/ 755', 'l/up -> ../../../..', 'tmp/ 755', 'tmp/x 644 "A"']);
  });
});

describe('ADD', () => {
  it('unpacks a local archive by its content, with its owners', async () => {
    expect(await tree('FROM scratch\nADD x.txt /t', { 'x.txt': tarOf({ one: '1', two: '2' }, '-z') })).toEqual([
      't/ 755',
      't/one 644 7:8 "1"',
      't/two 644 7:8 "2"',
    ]);
    expect(await tree('FROM scratch\nADD x /t/', { x: tarOf({ one: '1' }) })).toEqual(['t/ 755', 't/one 644 7:8 "1"']);
  });

  it('copies what only has the name of an archive, and an archive when told not to unpack', async () => {
    expect(await tree('FROM scratch\nADD x.tar.gz /t/', { 'x.tar.gz': 'text' })).toEqual([
      't/ 755',
      't/x.tar.gz 644 "text"',
    ]);
    expect(
      (await tree('FROM scratch\nADD --unpack=false x /t/', { x: tarOf({ one: '1' }) })).map((line) =>
        line.slice(0, 7),
      ),
    ).toEqual(['t/ 755', 't/x 644']);
  });

  it('copies a compressed file that is not a tar as it is', async () => {
    expect(
      (await tree('FROM scratch\nADD x /t/', { x: execFileSync('gzip', ['-c'], { input: 'plain' }) })).map((line) =>
        line.slice(0, 7),
      ),
    ).toEqual(['t/ 755', 't/x 644']);
  });

  it('refuses an archive that climbs out', async () => {
    const climbing = tarOf({ one: '1' }, '--transform=s,one,../../evil,', '-P');
    await expect(tree('FROM scratch\nADD x /t/', { x: climbing })).rejects.toMatchObject({ code: 'ALP_UNPACK_PATH' });
  });

  it('names a download after its URL, with mode 600, and never unpacks it', async () => {
    bench.downloads = { 'https://h/d/x.tgz?v=1': tarOf({ one: '1' }, '-z') };
    expect(
      (await tree('FROM scratch\nWORKDIR /t\nADD https://h/d/x.tgz?v=1 /t')).map((line) => line.slice(0, 11)),
    ).toEqual(['t/ 755', 't/x.tgz 600']);
    expect(
      (await tree('FROM scratch\nADD --chmod=644 https://h/d/x.tgz?v=1 /n')).map((line) => line.slice(0, 5)),
    ).toEqual(['n 644']);
  });
});

describe('WORKDIR', () => {
  it('makes what is missing', async () => {
    expect(await tree('FROM scratch\nWORKDIR /a/b\nWORKDIR c')).toEqual(['a/ 755', 'a/b/ 755', 'a/b/c/ 755']);
  });

  it('gives the directory to the user of the moment', async () => {
    expect(await tree('FROM scratch\nUSER 5:6\nWORKDIR /a')).toEqual(['a/ 755 5:6']);
  });
});

describe('the step cache', () => {
  const dockerfile = 'FROM scratch AS b\nCOPY a /x\nCOPY d /d\nFROM scratch\nCOPY --from=b /x /y\nENV A=1\nWORKDIR /w';

  it('does no step again when nothing has changed, and still gives the tree', async () => {
    const first = await tree(dockerfile);
    expect(await tree(dockerfile)).toEqual(first);
    expect(bench.steps()).toEqual({
      ran: [],
      cached: expect.arrayContaining([expect.stringContaining('COPY a /x'), expect.stringContaining('COPY --from=b')]),
    });
  });

  it('does again only what comes after a change', async () => {
    await tree(dockerfile);
    expect(await tree(dockerfile, { ...FILES, 'd/e': 'changed' })).toContain('y 644 "A"');
    expect(bench.steps().ran).toEqual([
      '[b 2/2] COPY d /d',
      '[stage-1 1/3] COPY --from=b /x /y',
      '[stage-1 3/3] WORKDIR /w',
    ]);
  });

  it('does not mind a file that is not copied', async () => {
    await tree(dockerfile);
    await tree(dockerfile, { ...FILES, other: 'x' });
    expect(bench.steps().ran).toEqual([]);
  });

  it('refuses a damaged layer rather than use it, and makes it again when told', async () => {
    await tree(dockerfile);
    for (const { file } of bench.layers.values())
      writeFileSync(file, readFileSync(file, 'latin1').replace(/A(?=\0{511})/, 'X'), 'latin1');
    await expect(tree(dockerfile)).rejects.toMatchObject({ code: 'ALP_STORE_DAMAGED' });
    await bench.build(dockerfile, FILES, describeTree, { noCache: true });
    expect(await tree(dockerfile)).toContain('y 644 "A"');
  });

  it('does all again with --no-cache, or one stage with --no-cache-filter', async () => {
    await tree(dockerfile);
    await bench.build(dockerfile, FILES, describeTree, { noCache: true });
    expect(bench.steps().cached).toEqual([]);
    await bench.build(dockerfile, FILES, describeTree, { noCacheFilter: ['b'] });
    expect(bench.steps().ran.map((label) => label.slice(0, 2))).toEqual(['[b', '[b']);
  });
});
