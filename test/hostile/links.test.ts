/**
 * Every kind of link to everywhere, names that end in a slash or a dot, siblings whose name begins as the tree's does,
 * and paths that grow past PATH_MAX on the way.
 */
import { lstatSync, mkdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hostPath, type TreePath } from '../../src/core/paths.ts';
import { generateSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { openWorkTree } from '../../src/system/tree/work-tree.ts';
import { installRaw } from '../helpers/install-raw.ts';
import { makeArena, underAttack, type Arena } from '../helpers/invariants.ts';
import type { RawEntry } from '../helpers/make-apk.ts';

let key: SigningKey;
let arena: Arena;
beforeAll(async () => void (key = await generateSigningKey('test', 2048)));
beforeEach(() => void (arena = makeArena()));
afterEach(() => arena.close());

const directory = (name: string): RawEntry => ({ name, type: '5' });
const file = (name: string): RawEntry => ({ name, content: 'evil' });
const symlink = (name: string, target: string): RawEntry => ({ name, type: '2', target });
const hardlink = (name: string, target: string): RawEntry => ({ name, type: '1', target });
const install = (...entries: RawEntry[]): Promise<string> =>
  underAttack(arena, ({ dest }) => installRaw(dest, [{ entries }], { key }));
/** Of two packages, one after the other in one run. */
const installBoth = (first: readonly RawEntry[], second: readonly RawEntry[]): Promise<string> =>
  underAttack(arena, ({ dest }) =>
    installRaw(dest, [{ entries: first }, { info: { pkgname: 'b' }, entries: second }], { key }),
  );
const chain = (length: number, end: string): RawEntry[] =>
  Array.from({ length }, (_, n) => symlink(`l${n}`, n === 0 ? end : `l${n - 1}`));
const REFUSED = /^ALP_UNPACK_(?:PATH|LINK|WRITE)$/;

/** Where a link can point, with nothing outside that it may touch. */
const targets = (): string[] => [
  join(arena.place, 'canary'),
  '/etc',
  '../canary',
  '../out-evil',
  '../../../../../../../../../../etc',
  'C:../x',
  'C:/x',
  '.',
  '..',
  './.',
  'l',
  'd',
  'd/../../canary',
  '//etc',
  'd//..//..//canary',
  'later',
  `${'x'.repeat(255)}`,
];

describe('a symbolic link', () => {
  it('may point anywhere as a name, and nothing is written through it by its own package', async () => {
    for (const target of targets()) {
      expect([target, await install(directory('d/'), symlink('l', target), directory('l/'), file('l/file'))]).toEqual([
        target,
        expect.stringMatching(REFUSED),
      ]);
      expect([target, await install(directory('d/'), symlink('l', target), file('l/file'))]).toEqual([
        target,
        expect.stringMatching(REFUSED),
      ]);
      expect([target, await install(directory('d/'), symlink('l', target), file('l'))]).toEqual([
        target,
        'ALP_UNPACK_PATH',
      ]);
    }
  });

  it.each([1, 2, 10, 39, 40, 41, 100])(
    'reached through a chain of %i others lets no package out of the tree',
    async (length) => {
      const end = join(arena.place, 'canary');
      expect(
        await installBoth(chain(length, end), [directory(`l${length - 1}/`), file(`l${length - 1}/file`)]),
      ).toMatch(REFUSED);
    },
  );

  it('that leads round in a circle is refused as a directory', async () => {
    expect(await installBoth([symlink('l0', 'l1'), symlink('l1', 'l0')], [directory('l0/'), file('l0/file')])).toMatch(
      REFUSED,
    );
    expect(await installBoth([symlink('self', 'self')], [directory('self/'), file('self/file')])).toMatch(REFUSED);
  });

  it('in the last place is replaced, never followed, by files, directories and modes', async () => {
    symlinkSync(join(arena.place, 'canary/file'), join(arena.dest, 'usr/bin/link'));
    await installRaw(
      arena.dest,
      [{ entries: [directory('usr/'), directory('usr/bin/'), { ...file('usr/bin/link'), mode: 0o777 }] }],
      { key },
    );
    expect(lstatSync(join(arena.dest, 'usr/bin/link')).isFile()).toBe(true);
    symlinkSync(join(arena.place, 'canary/file'), join(arena.dest, 'usr/bin/mode'));
    const tree = openWorkTree(arena.dest);
    tree.setMode('usr/bin/mode' as TreePath, 0o777);
    tree.setTime('usr/bin/mode' as TreePath, 1);
    tree.close();
    expect([
      readFileSync(join(arena.place, 'canary/file'), 'utf8'),
      statSync(join(arena.place, 'canary/file')).mode & 0o777,
    ]).toEqual(['untouched', 0o644]);
    expect(statSync(join(arena.place, 'canary/file')).mtimeMs).toBeGreaterThan(1000);
  });
});

describe('a hard link', () => {
  it('is made to an earlier file of its own package and to nothing else', async () => {
    for (const target of [
      ...targets(),
      'etc/passwd',
      'd/',
      'd/file/',
      './d/file',
      'd/file/.',
      'd//file',
      '/d/file',
      'D/FILE',
      'd\\file',
      'h',
    ]) {
      expect([
        target,
        await install(directory('d/'), file('d/file'), symlink('l', 'd/file'), hardlink('h', target), file('later')),
      ]).toEqual([target, expect.stringMatching(REFUSED)]);
    }
  });

  it('is not made to a file of another package, nor of the tree', async () => {
    expect(await installBoth([directory('d/'), file('d/file')], [hardlink('h', 'd/file')])).toMatch(REFUSED);
  });
});

describe('a name of the same place', () => {
  it.each([
    ['a trailing slash on a file', [directory('d/'), file('d/x/')]],
    ['a trailing dot', [directory('d/'), file('d/x/.')]],
    ['a doubled slash', [directory('d/'), file('d//x')]],
    ['a leading ./', [file('./x')]],
    ['a directory after a link of that name', [symlink('x', '../canary'), directory('x/')]],
    ['a link after a directory of that name', [directory('x/'), symlink('x', '../canary'), file('x/file')]],
    ['a file twice', [file('x'), file('x')]],
    ['a hard link to itself', [hardlink('x', 'x')]],
  ] as readonly (readonly [string, readonly RawEntry[]])[])('with %s is refused', async (_what, entries) => {
    expect(await install(...entries)).toMatch(/^ALP_(?:UNPACK_(?:PATH|LINK)|FORMAT_TAR)$/);
  });

  it('with backslashes is one ordinary name', async () => {
    expect(await install(file('x\\..\\..\\canary\\file'))).toBe('accepted');
    expect(readFileSync(join(arena.dest, 'x\\..\\..\\canary\\file'), 'utf8')).toBe('evil');
  });

  it(
    'that differs by case, by composition, or by sharp s is another place: no link is taken for a ' + 'directory',
    async () => {
      const pairs = [
        ['caf\u00c3\u00a9', 'cafe\u00cc\u0081'],
        ['Door', 'door'],
        ['stra\u00c3\u009fe', 'strasse'],
      ] as const;
      for (const [one, two] of pairs) {
        // The link is one name, the directory the other.
        expect(await install(symlink(one, '../canary'), directory(`${two}/`), file(`${two}/file`))).toBe('accepted');
        expect(readFileSync(Buffer.from(join(arena.dest, two, 'file'), 'latin1'), 'utf8')).toBe('evil');
        expect(readlinkSync(Buffer.from(join(arena.dest, one), 'latin1'))).toBe('../canary');
        arena.close();
        arena = makeArena();
      }
    },
  );
});

describe('a path', () => {
  const deep = (count: number, name = 'd'): RawEntry[] =>
    Array.from({ length: count }, (_, n) => directory(`${Array.from({ length: n + 1 }, () => name).join('/')}/`));

  it('of 256 components is taken, of 257 not', async () => {
    expect(await install(...deep(257))).toBe('ALP_LIMIT_DEPTH');
    expect(await install(...deep(256))).toBe('accepted');
  });

  it(
    'of 4095 bytes is taken, although the tree makes it longer than the kernel takes at once; one of ' + '4096 not',
    async () => {
      const name = 'n'.repeat(255);
      expect(
        await install(...deep(15, name), file(`${Array.from({ length: 15 }, () => name).join('/')}/${name}x`)),
      ).toMatch(/^ALP_UNPACK_PATH$/);
      const path = `${Array.from({ length: 15 }, () => name).join('/')}/${'f'.repeat(255)}`;
      expect(path).toHaveLength(4095);
      expect(await install(...deep(15, name), file(path))).toBe('accepted');
      const tree = openWorkTree(arena.dest);
      try {
        expect(tree.readFile(path as TreePath, 10).toString()).toBe('evil');
        tree.remove(name as TreePath);
        expect(tree.list('' as TreePath)).not.toContain(name);
      } finally {
        tree.close();
      }
    },
  );

  it('that links blow up past PATH_MAX does not escape the check', async () => {
    // Each link goes through all the ones before it: what it means is longer than any system call takes.
    const step = `${'s'.repeat(200)}`;
    mkdirSync(join(arena.dest, step));
    for (let n = 0; n < 15; n++)
      symlinkSync(
        n === 0 ? `${`${step}/../`.repeat(10)}${step}` : `${`l${n - 1}/../`.repeat(10)}l${n - 1}`,
        join(arena.dest, `l${n}`),
      );
    symlinkSync(`l14/${'../'.repeat(40)}${arena.place.slice(1)}/canary`, join(arena.dest, 'out-link'));
    expect(await install(directory('out-link/'), file('out-link/file'))).toMatch(REFUSED);
    const tree = openWorkTree(arena.dest);
    try {
      expect(() => tree.resolve('out-link/file' as TreePath)).toThrow(
        expect.objectContaining({ code: 'ALP_UNPACK_LINK' }),
      );
      expect(() => tree.setMode('out-link/file' as TreePath, 0o777)).toThrow(
        expect.objectContaining({ code: 'ALP_UNPACK_WRITE' }),
      );
    } finally {
      tree.close();
    }
  });
});

describe("a sibling whose name begins as the tree's does", () => {
  it('is not part of the tree, for names, links and removal', async () => {
    expect(await install(file('../out-evil/file'))).toBe('ALP_UNPACK_PATH');
    symlinkSync('../out-evil', join(arena.dest, 'evil'));
    expect(await install(directory('evil/'), file('evil/file'))).toMatch(REFUSED);
    writeFileSync(join(arena.dest, 'own'), 'x');
    const tree = openWorkTree(hostPath(arena.dest));
    try {
      tree.remove('evil' as TreePath);
      expect(() => tree.list('../out-evil' as TreePath)).not.toThrow(TypeError);
    } finally {
      tree.close();
    }
    expect(readFileSync(join(arena.place, 'out-evil/file'), 'utf8')).toBe('untouched');
  });
});
