import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bufferSource } from '../../../src/core/bytes.ts';
import { AlprootError } from '../../../src/core/errors.ts';
import { readAr } from '../../../src/formats/elf/ar.ts';
import { hasProgram, withDirectory } from '../../helpers/compile.ts';

const header = (name: string, size: number | string): string => {
  const numbers = `${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'644'.padEnd(8)}`;
  return `${name.padEnd(16)}${numbers}${String(size).padEnd(10)}\`\n`;
};
const archive = (...parts: string[]): Buffer => Buffer.from(`!<arch>\n${parts.join('')}`, 'latin1');
const members = (bytes: Buffer): [string, string][] =>
  [...readAr(bufferSource('libx.a', bytes))].map(({ name, source }) => {
    const content = Buffer.alloc(source.sizeBytes);
    source.read(content, 0);
    return [name, content.toString('latin1')];
  });

it('hands out members with short names, padded to even offsets', () => {
  expect(members(archive(header('a.o/', 3), 'abc\n', header('b.o/', 2), 'de'))).toEqual([
    ['a.o', 'abc'],
    ['b.o', 'de'],
  ]);
});

it('knows GNU and BSD long names, and leaves out indexes', () => {
  const names = 'a_rather_long_name.o/\n';
  expect(
    members(
      archive(
        header('/', 2),
        'xx',
        header('//', names.length),
        names,
        header('/0', 1),
        'x\n',
        header('#1/20', 22),
        'another_long_name.o\0yz',
      ),
    ),
  ).toEqual([
    ['a_rather_long_name.o', 'x'],
    ['another_long_name.o', 'yz'],
  ]);
});

it('a member cannot be read past its end', () => {
  const [first] = readAr(bufferSource('libx.a', archive(header('a.o/', 2), 'ab', header('b.o/', 2), 'cd')));
  const target = Buffer.alloc(10);
  expect(first?.source.read(target, 0)).toBe(2);
  expect(first?.source.read(target, 2)).toBe(0);
});

describe('refused by code', () => {
  it.each([
    ['no archive', Buffer.from('hello, world')],
    ['an empty file', Buffer.alloc(0)],
    ['a thin archive', Buffer.from(`!<thin>\n${header('a.o/', 0)}`)],
    ['a member that leaves the file', archive(header('a.o/', 99), 'abc')],
    ['a negative size', archive(header('a.o/', '-1'), 'abc')],
    ['a size with a tail', archive(header('a.o/', '3x'), 'abc')],
    ['a header without its end mark', archive(header('a.o/', 3).replace('`', "'"), 'abc')],
    ['a long name outside the table', archive(header('/7', 3), 'abc')],
    ['a BSD name longer than its member', archive(header('#1/9', 3), 'abc')],
    ['a cut header', archive(header('a.o/', 0).slice(0, 40))],
  ])('%s', (_what, bytes) => {
    expect(() => members(bytes)).toThrow(expect.objectContaining({ code: 'ALP_FORMAT_AR' }));
  });

  it('anything else too', () => {
    const sound = archive(header('//', 4), 'x.o/', header('/0', 1), 'x\n', header('b.o/', 2), 'de');
    fc.assert(
      fc.property(fc.nat(sound.length - 1), fc.nat(255), fc.nat(sound.length), (at, value, cut) => {
        const copy = Buffer.from(sound);
        copy.writeUInt8(value, at);
        for (const bytes of [copy, copy.subarray(0, cut)]) {
          try {
            members(bytes);
          } catch (error) {
            if (!(error instanceof AlprootError) || error.code !== 'ALP_FORMAT_AR') throw error;
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

it.skipIf(!hasProgram('ar'))("reads what the host's ar made", () => {
  withDirectory((directory) => {
    const names = ['x.o', 'a_name_longer_than_sixteen.o', 'z.o'];
    names.forEach((name, index) => writeFileSync(join(directory, name), 'x'.repeat(index * 3 + 1)));
    execFileSync('ar', ['rcs', 'lib.a', ...names], { cwd: directory });
    expect(members(readFileSync(join(directory, 'lib.a')))).toEqual(
      names.map((name, index) => [name, 'x'.repeat(index * 3 + 1)]),
    );
  });
});
