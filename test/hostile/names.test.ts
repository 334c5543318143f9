/**
 * Names and sizes that programs stumble over: what a package has is what the tree, the database and a layer have, byte
 * for byte.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { applyLayer, formatLayer } from '../../src/build/layer.ts';
import { compareStates, scanTree } from '../../src/build/tree-scan.ts';
import { hostPath, type TreePath } from '../../src/core/paths.ts';
import type { TarProfile } from '../../src/formats/tar/tar-entry.ts';
import { createTarReader } from '../../src/formats/tar/tar-reader.ts';
import { clampTarTimes } from '../../src/formats/tar/tar-times.ts';
import { formatTarFile, TAR_END } from '../../src/formats/tar/tar-writer.ts';
import { generateSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { removeTree } from '../../src/system/files/remove-tree.ts';
import { openWorkTree, type WorkTree } from '../../src/system/tree/work-tree.ts';
import { readDatabase } from '../../src/unpack/database.ts';
import { installRaw } from '../helpers/install-raw.ts';
import { makeArena, underAttack, type Arena } from '../helpers/invariants.ts';
import { binarySizeHeader } from '../helpers/large.ts';
import type { RawEntry } from '../helpers/make-apk.ts';

let key: SigningKey;
let arena: Arena;
beforeAll(async () => void (key = await generateSigningKey('test', 2048)));
beforeEach(() => void (arena = makeArena()));
afterEach(() => arena.close());

const latin1 = (...parts: readonly string[]): Buffer => Buffer.from(join(...parts), 'latin1');

/** What `read` makes of the tree at `path`. */
function inTree<T>(path: string, read: (tree: WorkTree) => T): T {
  const tree = openWorkTree(hostPath(path));
  try {
    return read(tree);
  } finally {
    tree.close();
  }
}

/** A copy of the arena's tree by way of a layer, as an image has it. */
function throughLayer(): string {
  const copy = join(arena.place, 'copy');
  mkdirSync(copy);
  inTree(arena.dest, (tree) =>
    inTree(copy, (target) => {
      const layer = formatLayer(
        { tree, owners: new Map(), real: false },
        compareStates(new Map(), scanTree(tree, new Map())),
        { directoryTimes: true },
      );
      applyLayer({ tree: target, owners: new Map(), real: false }, clampTarTimes(layer, 2_000_000_000));
    }),
  );
  return copy;
}

/** Names that the database has in a directory. */
const recorded = (directory: string): string[] =>
  inTree(arena.dest, (tree) =>
    readDatabase(tree).packages.flatMap(({ directories }) =>
      directories.filter(({ path }) => path === directory).flatMap(({ files }) => files.map(({ name }) => name)),
    ),
  );

/** Installs files of these names (bytes as latin1) in one directory, and looks for them everywhere. */
async function roundTrip(names: readonly string[]): Promise<void> {
  const entries: RawEntry[] = [
    { name: 'd/', type: '5' },
    ...names.map((name): RawEntry => ({ name: `d/${name}`, content: name.slice(0, 3) })),
  ];
  expect(
    await underAttack(arena, ({ dest }) => installRaw(dest, [{ info: { size: '200000000' }, entries }], { key })),
  ).toBe('accepted');
  const wanted = [...names].sort();
  expect(readdirSync(join(arena.dest, 'd'), { encoding: 'latin1' }).sort()).toEqual(wanted);
  expect(recorded('d').sort()).toEqual(wanted);
  const copy = throughLayer();
  expect(readdirSync(join(copy, 'd'), { encoding: 'latin1' }).sort()).toEqual(wanted);
  for (const name of wanted.slice(0, 1000))
    expect(readFileSync(latin1(copy, 'd', name), 'latin1')).toBe(name.slice(0, 3));
}

describe('names', () => {
  it('of any byte but NUL, control characters and the slash come through', async () => {
    const bytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).filter(
      (char) => !/[\x00-\x1f\x7f/]/.test(char),
    );
    await roundTrip(bytes.map((char) => `n${char}`));
  });

  it('with any control character are refused', async () => {
    for (let code = 0; code < 0x20; code++) {
      const code_ = String.fromCharCode(code);
      if (code === 0) continue;
      expect([
        code,
        await underAttack(arena, ({ dest }) =>
          installRaw(dest, [{ entries: [{ name: `n${code_}`, content: 'x' }] }], { key }),
        ),
      ]).toEqual([code, 'ALP_UNPACK_PATH']);
    }
    expect(
      await underAttack(arena, ({ dest }) =>
        installRaw(dest, [{ entries: [{ name: 'n\x7f', content: 'x' }] }], { key }),
      ),
    ).toBe('ALP_UNPACK_PATH');
  });

  it('that look alike, differ by case or composition, or mean something elsewhere stay apart', async () => {
    const utf8 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
    await roundTrip([
      utf8('caf\u00e9'),
      utf8('cafe\u0301'),
      'Foo',
      'foo',
      'FOO',
      utf8('stra\u00dfe'),
      'strasse',
      utf8('\u{1f600}'),
      utf8('\u202egnp.exe'),
      utf8('\u05d0\u05d1'),
      'CON',
      'nul.txt',
      'dot.',
      'blank ',
      ' blank',
      '-rf',
      '--',
      '~',
      '$HOME',
      '`id`',
      "it's",
      '"',
      '*',
      'a\\b',
      '\xff',
      '\xfe',
      '\xff\xfe',
      '\xc3',
      '\xed\xa0\x80',
      '\xc0\xaf',
      'n'.repeat(255),
      '\xff'.repeat(255),
      '..a',
      '...',
      'x.apk',
      'A:',
      'Z:Q1',
      'R:evil',
    ]);
  });

  it('make paths of up to 4,095 bytes, and none longer', async () => {
    const parts = (last: number): string[] => [
      ...Array.from({ length: 15 }, (_, n) => String.fromCharCode(97 + n).repeat(255)),
      'z'.repeat(last),
    ];
    const install = (last: number): Promise<string> => {
      const all = parts(last);
      const entries = all.map((_, at): RawEntry => ({
        name: `${all.slice(0, at + 1).join('/')}${at < 15 ? '/' : ''}`,
        ...(at < 15 ? { type: '5' } : { content: 'end' }),
      }));
      return underAttack(arena, ({ dest }) => installRaw(dest, [{ entries }], { key }));
    };
    expect(await install(256)).toMatch(/^ALP_(?:UNPACK|LIMIT)_/);
    expect(await install(255)).toBe('accepted');
    const path = parts(255).join('/') as TreePath;
    expect(path).toHaveLength(4095);
    expect(recorded(parts(0).slice(0, 15).join('/'))).toEqual(['z'.repeat(255)]);
    const copy = throughLayer();
    expect(inTree(copy, (tree) => tree.readFile(path, 3).toString())).toBe('end');
    // Nobody can name it in one word.
    for (const tree of [arena.dest, copy]) removeTree(hostPath(join(tree, parts(0)[0] ?? '')));
    expect(readdirSync(copy)).not.toContain(parts(0)[0]);
  });

  it('are 65,536 in one directory', async () => {
    await roundTrip(Array.from({ length: 65_536 }, (_, n) => `file${n}`));
  });
});

describe('sizes', () => {
  it('of more than 2 GiB come through a layer, hole and all, in little memory', () => {
    const size = 2 ** 31 + 1;
    const before = process.memoryUsage().rss;
    const path = join(arena.dest, 'etc/large');
    writeFileSync(path, 'head');
    truncateSync(path, size - 4);
    writeFileSync(path, 'tail', { flag: 'a' });
    const copy = join(throughLayer(), 'etc/large');
    const tail = Buffer.alloc(8);
    const fd = openSync(copy, 'r');
    readSync(fd, tail, 0, 8, size - 8);
    closeSync(fd);
    expect([statSync(copy).size, statSync(copy).blocks * 512 < 2 ** 24, tail.toString('latin1')]).toEqual([
      size,
      true,
      '\0\0\0\0tail',
    ]);
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 2 ** 20);
  });

  it.each([8 ** 11 - 1, 8 ** 11, 9 * 2 ** 30])(
    'of %i bytes are read as they were written, and are not a v2 package from 8 GiB on',
    (size) => {
      const piece = Buffer.alloc(2 ** 20);
      function* pieces(): Generator<Buffer> {
        for (let at = 0; at < size; at += piece.length) yield piece.subarray(0, Math.min(piece.length, size - at));
      }
      const read = (profile: TarProfile, most = Infinity): unknown[] => {
        const seen: unknown[] = [];
        let content = 0;
        const reader = createTarReader(
          {
            entry: ({ path, sizeBytes }) => (
              seen.push([path, sizeBytes]),
              { write: (chunk) => void (content += chunk.length), close: () => void seen.push(content) }
            ),
          },
          profile,
        );
        for (const chunk of clampTarTimes(
          formatTarFile({ path: 'large', mode: 0o644, mtime: 9 }, size, pieces()),
          5,
        )) {
          if (content >= most) return seen;
          reader.push(chunk);
        }
        reader.push(TAR_END);
        reader.finish();
        return seen;
      };
      expect(read('layer')).toEqual([['large', size], size]);
      expect(read('rootfs', 1)).toEqual([['large', size]]);
      if (size < 8 ** 11) expect(read('data', 1)).toEqual([['large', size]]);
      else expect(() => read('data', 1)).toThrow(expect.objectContaining({ code: 'ALP_FORMAT_TAR' }));
    },
  );

  it.each([0n, 8n ** 11n - 1n, 2n ** 48n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 87n])(
    'of %s bytes, written in bytes, are refused: digits hold them, or nothing does',
    (size) => {
      const reader = createTarReader({ entry: () => undefined }, 'rootfs');
      expect(() => reader.push(binarySizeHeader({ name: 'large' }, size))).toThrow(
        expect.objectContaining({ code: 'ALP_FORMAT_TAR' }),
      );
    },
  );

  it("of holes in a package are the file's: zeros that are written or left out hash alike", async () => {
    const content = Buffer.concat([
      Buffer.from('head'),
      Buffer.alloc(3 * 2 ** 20),
      Buffer.from('tail'),
      Buffer.alloc(2 ** 20),
    ]);
    await installRaw(arena.dest, [{ entries: [{ name: 'sparse', content }] }], { key });
    const read = readFileSync(join(arena.dest, 'sparse'));
    expect(createHash('sha1').update(read).digest('hex')).toBe(createHash('sha1').update(content).digest('hex'));
    expect(lstatSync(join(arena.dest, 'sparse')).size).toBe(content.length);
  });
});
