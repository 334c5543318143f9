import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { AlprootError } from '../../src/core/errors.ts';
import { readAr } from '../../src/formats/elf/ar.ts';
import { parseLinkerMap } from '../../src/formats/elf/linker-map.ts';
import { findGlibcObjects } from '../../src/ship/glibc-objects.ts';
import { inspectElf } from '../../src/ship/inspect-report.ts';
import { sizesFromSymbols } from '../../src/ship/inspect-sizes.ts';
import { formatReport } from '../../src/ship/inspect-text.ts';
import { explainLinkFailure, formatDiagnoses } from '../../src/ship/link-failure.ts';
import { BOX } from '../helpers/fuzz.ts';
import { compile, hasProgram } from '../helpers/compile.ts';
import { BASE, makeElf } from '../helpers/make-elf.ts';

const seeds: Buffer[] = [
  makeElf({
    interpreter: '/lib/ld-musl-x86_64.so.1',
    dynamic: [
      [1, 'libc.so'],
      [14, 'x'],
      [29, '/y'],
      [0x6ffffffe, BASE + 8],
      [0x6fffffff, 2],
    ],
  }),
  makeElf({
    bits: 32,
    endian: 'big',
    machine: 8,
    dynamic: [
      [1, 'libc.so'],
      [30, 4],
    ],
  }),
  ...(hasProgram('gcc')
    ? [compile('gcc', []).bytes, compile('gcc', ['-c', '-g']).bytes, compile('gcc', ['-shared', '-fPIC', '-s']).bytes]
    : []),
];

/** Bytes, half-words and words of interest, at places that lean to the tables. */
const edits = (size: number): fc.Arbitrary<readonly (readonly [number, number, number])[]> =>
  fc.array(
    fc.tuple(
      fc.oneof(fc.nat(Math.min(1024, size) - 1), fc.nat(size - 1)),
      fc.constantFrom(1, 2, 4, 8),
      fc.constantFrom(0, 1, 2, 0x7f, 0x80, 0xff),
    ),
    { minLength: 1, maxLength: 8 },
  );

function mutate(seed: Buffer, changes: readonly (readonly [number, number, number])[]): Buffer {
  const copy = Buffer.from(seed);
  for (const [at, width, value] of changes) copy.fill(value, at, Math.min(copy.length, at + width));
  return copy;
}

/** Runs `work`; an AlprootError of the family is the only failure allowed. */
function only(codes: RegExp, work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof AlprootError) || !codes.test(error.code)) throw error;
  }
}

it('a mutated ELF file ends in a printable report or in ALP_FORMAT_ELF', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...seeds).chain((seed) => fc.tuple(fc.constant(seed), edits(seed.length), fc.nat(seed.length))),
      ([seed, changes, cut]) => {
        const bytes = mutate(seed, changes);
        for (const part of [bytes, bytes.subarray(0, cut)]) {
          only(/^ALP_FORMAT_ELF$/, () =>
            expect(formatReport(inspectElf(part))).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/),
          );
          only(/^ALP_FORMAT_ELF$/, () => sizesFromSymbols(bufferSource('x', part)));
        }
      },
    ),
    BOX,
  );
});

const LIBC = '/usr/lib/x86_64-linux-musl/libc.a';

it.skipIf(!existsSync(LIBC))('a mutated static library ends in its members or in ALP_FORMAT_', () => {
  const library = readFileSync(LIBC).subarray(0, 300_000);
  fc.assert(
    fc.property(edits(library.length), fc.nat(library.length), (changes, cut) => {
      const bytes = mutate(library, changes).subarray(0, cut);
      only(/^ALP_FORMAT_AR$/, () => [...readAr(bufferSource('x', bytes))]);
      only(/^ALP_FORMAT_(?:AR|ELF)$/, () => findGlibcObjects([bufferSource('x', bytes)]));
    }),
    BOX,
  );
});

it('any text is read as a linker map or refused, and explained without a crash', () => {
  const word = fc.constantFrom(
    ' ',
    '\n',
    '.text',
    '0x10',
    '0xffffffffffffffffff',
    'lib.a(x.o)',
    'Linker script and memory map',
    'undefined reference to `',
    "'",
    '__x_chk',
    'cannot find -l',
    ': ',
    '(',
    ')',
    '\x1b',
    '*fill*',
    'fatal error: ',
    'No such file',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(word, fc.string()), { maxLength: 60 }), (words) => {
      const text = words.join('');
      only(/^ALP_FORMAT_TEXT$/, () => parseLinkerMap(`Linker script and memory map\n${text}`));
      expect(formatDiagnoses(explainLinkFailure(text))).not.toContain('\x1b');
    }),
    BOX,
  );
});
