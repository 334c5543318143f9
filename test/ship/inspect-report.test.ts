import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isAlprootError } from '../../src/core/errors.ts';
import { inspectElf } from '../../src/ship/inspect-report.ts';
import { sizesFromMap, sizesFromSymbols } from '../../src/ship/inspect-sizes.ts';
import { bufferSource } from '../../src/core/bytes.ts';
import { capability, SHARED } from '../helpers/capabilities.ts';
import { compile, hasProgram } from '../helpers/compile.ts';
import { BASE, makeElf } from '../helpers/make-elf.ts';

const [STACK, RELRO] = [0x6474e551, 0x6474e552];
const TAG = { needed: 1, soname: 14, rpath: 15, textrel: 22, jmprel: 23, runpath: 29, flags: 30, flags1: 0x6ffffffb };
const PIE = 0x08000000;
const MUSL_START = Buffer.from('4831ed4889e7488d3500000000' + '4883e4f0e800000000', 'hex');

describe('linkage', () => {
  it('calls a file without interpreter and libraries static', () => {
    expect(inspectElf(makeElf()).linkage).toBe('static');
  });

  it('names a static position-independent program static-pie', () => {
    const report = inspectElf(makeElf({ type: 3, dynamic: [[TAG.flags1, PIE]] }));
    expect(report).toMatchObject({ linkage: 'static-pie', pie: true });
  });

  it.each([
    ['an interpreter', makeElf({ interpreter: '/lib/ld-musl-x86_64.so.1' })],
    ['a needed library', makeElf({ dynamic: [[TAG.needed, 'libz.so.1']] })],
    [
      'an interpreter in a position-independent file',
      makeElf({ type: 3, interpreter: '/lib/ld.so', dynamic: [[TAG.flags1, PIE]] }),
    ],
  ])('calls a file with %s dynamic', (_what, bytes) => {
    expect(inspectElf(bytes).linkage).toBe('dynamic');
  });

  it('tells a library from a program, even when it has an interpreter of its own', () => {
    const report = inspectElf(
      makeElf({ type: 3, interpreter: '/lib64/ld-linux-x86-64.so.2', dynamic: [[TAG.soname, 'libc.so.6']] }),
    );
    expect(report).toMatchObject({ linkage: 'shared-library', soname: 'libc.so.6', pie: false });
  });

  it('claims nothing about a file packed by UPX', () => {
    const upx = Buffer.concat([
      Buffer.alloc(4),
      Buffer.from('UPX!'),
      Buffer.alloc(4),
      Buffer.alloc(4),
      Buffer.from([0, 0, 1, 0]),
    ]);
    const report = inspectElf(makeElf({ afterHeaders: upx }));
    expect(report).toMatchObject({ linkage: 'packed', packed: { packer: 'UPX' }, libc: { name: 'unknown' } });
  });
});

describe('the dynamic table', () => {
  it('gives libraries in order and both search paths', () => {
    const report = inspectElf(
      makeElf({
        dynamic: [
          [TAG.needed, 'libb.so'],
          [TAG.needed, 'liba.so'],
          [TAG.rpath, '/opt/x'],
          [TAG.runpath, '$ORIGIN'],
        ],
      }),
    );
    expect(report).toMatchObject({ needed: ['libb.so', 'liba.so'], rpath: '/opt/x', runpath: '$ORIGIN' });
  });

  it('shows relocations of code by tag and by flag', () => {
    expect(inspectElf(makeElf({ dynamic: [[TAG.textrel, 0]] })).textRelocations).toBe(true);
    expect(inspectElf(makeElf({ dynamic: [[TAG.flags, 4]] })).textRelocations).toBe(true);
    expect(inspectElf(makeElf({ dynamic: [[TAG.flags, 8]] })).textRelocations).toBe(false);
  });

  it.each([
    ['none', makeElf({ dynamic: [[TAG.flags1, 1]] })],
    ['partial', makeElf({ marks: [[RELRO, 4]], dynamic: [[TAG.jmprel, BASE]] })],
    [
      'full',
      makeElf({
        marks: [[RELRO, 4]],
        dynamic: [
          [TAG.jmprel, BASE],
          [TAG.flags1, 1],
        ],
      }),
    ],
    ['full', makeElf({ marks: [[RELRO, 4]] })],
  ])('reports RELRO %s', (relro, bytes) => {
    expect(inspectElf(bytes).relro).toBe(relro);
  });

  it('is read in both classes and both byte orders', () => {
    for (const bits of [32, 64] as const) {
      for (const endian of ['little', 'big'] as const) {
        const bytes = makeElf({
          bits,
          endian,
          machine: 22,
          interpreter: '/lib/ld-musl-s390x.so.1',
          dynamic: [[TAG.needed, 'libc.musl-s390x.so.1']],
          marks: [[STACK, 6]],
        });
        expect(inspectElf(bytes)).toMatchObject({
          bits,
          endian,
          machine: 's390x',
          linkage: 'dynamic',
          needed: ['libc.musl-s390x.so.1'],
          libc: { name: 'musl' },
          nx: true,
        });
      }
    }
  });
});

it('an executable stack and a missing stack mark are both no NX', () => {
  expect(inspectElf(makeElf({ marks: [[STACK, 7]] })).nx).toBe(false);
  expect(inspectElf(makeElf()).nx).toBe(false);
  expect(inspectElf(makeElf({ marks: [[STACK, 6]] })).nx).toBe(true);
});

describe('the libc', () => {
  it('is musl by its start code alone', () => {
    expect(inspectElf(makeElf({ code: MUSL_START })).libc).toEqual({
      name: 'musl',
      needsVersion: undefined,
      evidence: ["start code of musl's crt1.o"],
    });
  });

  it('is unknown when nothing speaks', () => {
    expect(inspectElf(makeElf()).libc).toEqual({ name: 'unknown', needsVersion: undefined, evidence: [] });
  });

  it('is unknown when equally strong marks disagree', () => {
    const report = inspectElf(
      makeElf({ interpreter: '/lib/ld-musl-x86_64.so.1', dynamic: [[TAG.needed, 'libc.so.6']] }),
    );
    expect(report.libc.name).toBe('unknown');
    expect(report.libc.evidence).toEqual(['interpreter /lib/ld-musl-x86_64.so.1', 'needs libc.so.6']);
  });

  it('is not decided by a string when the loader is asked for another', () => {
    const report = inspectElf(
      makeElf({
        dynamic: [[TAG.needed, 'libc.musl-x86_64.so.1']],
        afterHeaders: Buffer.from('GNU C Library (fake)\0'),
      }),
    );
    expect(report.libc.name).toBe('musl');
  });
});

it('finds absolute source paths, and not relative ones', () => {
  const text = Buffer.from('\0../src/main.c\0/home/ann/project/src/secret.c\0/usr/lib/x.so\0/a/b.cc');
  expect(inspectElf(makeElf({ afterHeaders: text })).sourcePaths).toEqual([
    '/a/b.cc',
    '/home/ann/project/src/secret.c',
  ]);
});

describe.skipIf(!hasProgram('gcc'))("programs of the host's gcc", () => {
  it('glibc, dynamic: interpreter, library, newest version asked for', () => {
    const report = inspectElf(compile('gcc', []).bytes);
    expect(report).toMatchObject({
      linkage: 'dynamic',
      needed: ['libc.so.6'],
      libc: { name: 'glibc' },
      stripped: false,
      nx: true,
    });
    expect(report.libc.needsVersion).toMatch(/^2\.\d+$/);
    expect(report.compilers.join()).toContain('GCC');
  });

  it.each([
    ['-static', 'static'],
    ['-static-pie', 'static-pie'],
  ])('glibc with %s is %s, also when stripped', (flag, linkage) => {
    const whole = inspectElf(compile('gcc', [flag]).bytes);
    const stripped = inspectElf(compile('gcc', [flag, '-s']).bytes);
    expect(whole).toMatchObject({ linkage, libc: { name: 'glibc' }, stripped: false, needed: [] });
    expect(stripped).toMatchObject({ linkage, libc: { name: 'glibc' }, stripped: true });
  });

  it('an object asks for an executable stack only when its section says so', () => {
    expect(inspectElf(compile('gcc', ['-c']).bytes)).toMatchObject({ linkage: 'object', nx: true, stripped: false });
    expect(inspectElf(compile('gcc', ['-c', '-Wa,--execstack']).bytes).nx).toBe(false);
  });

  it('a stack protector is seen where it is called', () => {
    expect(inspectElf(compile('gcc', ['-fstack-protector-all']).bytes).stackProtector).toBe('yes');
    expect(inspectElf(compile('gcc', ['-fno-stack-protector']).bytes).stackProtector).toBe('no');
    expect(inspectElf(compile('gcc', ['-fno-stack-protector', '-static', '-s']).bytes).stackProtector).toBe('unknown');
  });

  it('debug information and its paths are found', () => {
    expect(inspectElf(compile('gcc', ['-g']).bytes)).toMatchObject({ debugInfo: true });
    expect(inspectElf(compile('gcc', ['-g', '-s']).bytes)).toMatchObject({ debugInfo: false, stripped: true });
  });

  it('a build id is what the linker was told', () => {
    expect(inspectElf(compile('gcc', ['-Wl,--build-id=0xc0ffee42']).bytes).buildId).toBe('c0ffee42');
    expect(inspectElf(compile('gcc', ['-Wl,--build-id=none']).bytes).buildId).toBeUndefined();
  });

  it('sizes by library come from the map and account for the text', () => {
    const { bytes, map } = compile('gcc', ['-static']);
    const sizes = sizesFromMap(map);
    expect(sizes.libraries[0]?.name).toBe('libc.a');
    expect(sizes.libraries[0]?.members.map(({ name }) => name)).toContain('printf.o');
    const loaded = inspectElf(bytes)
      .sections.filter(({ loaded, inFile }) => loaded && inFile)
      .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(sizes.totalBytes).toBeGreaterThan(loaded * 0.9);
    expect(sizes.totalBytes).toBeLessThan(loaded * 1.1);
  });

  it('without a map, sizes come from the symbol table by source file', () => {
    const { bytes } = compile('gcc', ['-static'], {
      source:
        'static int helper(int x) { return x * 3; }\nint (*volatile f)(int) = helper;\nint main(void) { ' +
        'return f(1); }\n',
    });
    const sizes = sizesFromSymbols(bufferSource('main', bytes));
    expect(sizes.from).toBe('symbols');
    expect(sizes.libraries.find(({ name }) => name === 'main.c')?.members.map(({ name }) => name)).toContain('helper');
    expect(sizesFromSymbols(bufferSource('main', compile('gcc', ['-s']).bytes)).from).toBe('none');
  });
});

describe.skipIf(!hasProgram('musl-gcc'))("programs of the host's musl-gcc", () => {
  it('musl, static: known by its symbols, and by its start code when stripped', () => {
    expect(inspectElf(compile('musl-gcc', ['-static']).bytes)).toMatchObject({
      linkage: 'static',
      libc: { name: 'musl' },
    });
    const tiny = compile('musl-gcc', ['-static', '-s'], { source: 'int main(void) { return 0; }\n' });
    expect(inspectElf(tiny.bytes)).toMatchObject({ linkage: 'static', libc: { name: 'musl' }, stripped: true });
  });

  it('musl, dynamic: known by its interpreter', () => {
    expect(inspectElf(compile('musl-gcc', []).bytes)).toMatchObject({ linkage: 'dynamic', libc: { name: 'musl' } });
  });
});

const upstream = capability('upstream');

describe.skipIf(upstream.skip).each(['x86_64', 'aarch64'])(
  `Alpine's own programs for %s${upstream.reason}`,
  (arch) => {
    const member = (path: string): Buffer =>
      execFileSync(
        'tar',
        ['-xzOf', `${SHARED}/upstream/minirootfs/alpine-minirootfs-3.19.4-${arch}.tar.gz`, `./${path}`],
        { maxBuffer: 64 * 1024 * 1024 },
      );

    it('busybox is a hardened dynamic musl program', () => {
      expect(inspectElf(member('bin/busybox'))).toMatchObject({
        machine: arch,
        linkage: 'dynamic',
        interpreter: `/lib/ld-musl-${arch}.so.1`,
        needed: [`libc.musl-${arch}.so.1`],
        libc: { name: 'musl' },
        pie: true,
        relro: 'full',
        nx: true,
        stackProtector: 'yes',
        stripped: true,
        textRelocations: false,
      });
    });

    it('musl itself is a library, and known as musl', () => {
      expect(inspectElf(member(`lib/ld-musl-${arch}.so.1`))).toMatchObject({
        machine: arch,
        linkage: 'shared-library',
        soname: `libc.musl-${arch}.so.1`,
        libc: { name: 'musl' },
        needed: [],
      });
    });
  },
);

it('reads the running Node from a source without holding it in memory', () => {
  const fd = openSync(process.execPath, 'r');
  try {
    const report = inspectElf({
      name: 'node',
      sizeBytes: fstatSync(fd).size,
      read: (target, position) => readSync(fd, target, 0, target.length, position),
    });
    expect(report).toMatchObject({ name: 'node', linkage: 'dynamic', bits: 64 });
    expect(report.needed.some((library) => library.startsWith('libc.'))).toBe(true);
  } finally {
    closeSync(fd);
  }
});

it('a file that is not an ELF file is refused by code', () => {
  for (const bytes of [Buffer.alloc(0), Buffer.from('#!/bin/sh\n'), Buffer.from([0x7f, 0x45, 0x4c, 0x46])]) {
    expect(() => inspectElf(bytes)).toThrow(
      expect.toSatisfy((error: unknown) => isAlprootError(error, 'ALP_FORMAT_ELF')),
    );
  }
});
