import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bufferSource } from '../../../src/core/bytes.ts';
import { AlprootError } from '../../../src/core/errors.ts';
import { parseElf } from '../../../src/formats/elf/elf.ts';
import { inspectElf } from '../../../src/ship/inspect-report.ts';
import { compile, hasProgram } from '../../helpers/compile.ts';
import { BASE, makeElf } from '../../helpers/make-elf.ts';

const refused = expect.objectContaining({ code: 'ALP_FORMAT_ELF' });

/** Either a report or ALP_FORMAT_ELF; anything else is a fault of ours. */
function verify(bytes: Buffer): 'accepted' | 'refused' {
  try {
    inspectElf(bytes);
    return 'accepted';
  } catch (error) {
    if (error instanceof AlprootError && error.code === 'ALP_FORMAT_ELF') return 'refused';
    throw error;
  }
}

/** One field of a sound file changed. */
const patched = (bytes: Buffer, change: (copy: Buffer) => unknown): Buffer => {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
};

describe('a header that lies', () => {
  const sound = makeElf({ interpreter: '/lib/ld-musl-x86_64.so.1', dynamic: [[1, 'libc.musl-x86_64.so.1']] });
  it.each<[string, (copy: Buffer) => unknown]>([
    ['another magic', (copy) => copy.writeUInt8(0x7e, 0)],
    ['class 3', (copy) => copy.writeUInt8(3, 4)],
    ['byte order 0', (copy) => copy.writeUInt8(0, 5)],
    ['identification version 0', (copy) => copy.writeUInt8(0, 6)],
    ['file type 9', (copy) => copy.writeUInt16LE(9, 16)],
    ['program headers outside the file', (copy) => copy.writeBigUInt64LE(1n << 40n, 32)],
    ['program headers at 2^64-1', (copy) => copy.writeBigUInt64LE((1n << 64n) - 1n, 32)],
    ['program headers of 57 bytes', (copy) => copy.writeUInt16LE(57, 54)],
    ['65,535 program headers', (copy) => copy.writeUInt16LE(65_534, 56)],
    ['section headers outside the file', (copy) => copy.writeBigUInt64LE(1n << 33n, 40)],
    ['an interpreter name without end', (copy) => copy.writeBigUInt64LE(3n, 64 + 56 + 32)],
    ['an interpreter name of no bytes', (copy) => copy.writeBigUInt64LE(0n, 64 + 56 + 32)],
    ['an interpreter outside the file', (copy) => copy.writeBigUInt64LE(1n << 30n, 64 + 56 + 8)],
    ['a dynamic table outside the file', (copy) => copy.writeBigUInt64LE(1n << 30n, 64 + 112 + 8)],
  ])('is refused: %s', (_what, change) => {
    expect(verify(sound)).toBe('accepted');
    expect(() => inspectElf(patched(sound, change))).toThrow(refused);
  });

  it('is refused at every length of a cut file', () => {
    for (let length = 0; length < sound.length; length++) expect(verify(sound.subarray(0, length))).toBe('refused');
  });
});

describe('a dynamic table that lies', () => {
  it.each<[string, readonly (readonly [number, number | string])[]]>([
    ['a library name outside the strings', [[1, 1 << 20]]],
    [
      'versions outside the file',
      [
        [0x6ffffffe, 0x7fffffff],
        [0x6fffffff, 1],
      ],
    ],
    [
      'more versions than a file can hold',
      [
        [0x6ffffffe, BASE],
        [0x6fffffff, 0x7fffffff],
      ],
    ],
  ])('is refused: %s', (_what, dynamic) => {
    expect(() => inspectElf(makeElf({ dynamic }))).toThrow(refused);
  });

  it('ends when version records lead into each other', () => {
    const record = Buffer.alloc(16);
    record.writeUInt16LE(1, 0);
    record.writeUInt16LE(0xffff, 2);
    record.writeUInt32LE(1, 12);
    const headersEnd = 64 + 2 * 56;
    const file = makeElf({
      dynamic: [
        [0x6ffffffe, BASE + headersEnd],
        [0x6fffffff, 0xffff],
      ],
      afterHeaders: Buffer.alloc(200_000, record),
    });
    expect(() => inspectElf(file)).toThrow(refused);
  });
});

it('ends when needed libraries all overlap in one endless name', () => {
  const name = 'x'.repeat(60_000);
  const rows = Array.from({ length: 5_000 }, (_, index): [number, number | string] => [1, index === 0 ? name : 1]);
  expect(() => inspectElf(makeElf({ dynamic: rows }))).toThrow(refused);
});

it.skipIf(!hasProgram('gcc'))('section headers agree with what the compiler made', () => {
  const elf = parseElf(bufferSource('main', compile('gcc', ['-static']).bytes));
  expect(elf.sections.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['.text', '.rodata', '.symtab', '.strtab', '.shstrtab']),
  );
  expect(elf.segments.some(({ type }) => type === 1)).toBe(true);
});

describe('mutated files end in a report or in ALP_FORMAT_ELF', () => {
  const seeds = [
    makeElf({
      interpreter: '/lib/ld-musl-x86_64.so.1',
      dynamic: [
        [1, 'libc.so'],
        [14, 'x'],
        [0x6ffffffe, BASE + 8],
        [0x6fffffff, 2],
      ],
    }),
    makeElf({ bits: 32, endian: 'big', machine: 8, dynamic: [[1, 'libc.so']] }),
    ...(hasProgram('gcc') ? [compile('gcc', []).bytes, compile('gcc', ['-c', '-g']).bytes] : []),
  ];
  it.each(seeds.map((seed, index) => [index, seed] as const))('seed %i', (_index, seed) => {
    const edits = fc.array(fc.tuple(fc.nat(seed.length - 1), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 6,
    });
    const nearHeader = fc.array(
      fc.tuple(fc.nat(Math.min(400, seed.length - 1)), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(fc.oneof(edits, nearHeader), fc.nat(seed.length), (changes, cut) => {
        const copy = patched(seed, (bytes) => changes.forEach(([at, value]) => bytes.writeUInt8(value, at)));
        verify(copy);
        verify(copy.subarray(0, cut));
      }),
      { numRuns: 400 },
    );
  });
});
