import { describe, expect, it } from 'vitest';
import { isCompiler, planLink, type LinkPlan } from '../../../src/pipeline/environment/linkage.ts';

const plan = (line: string): LinkPlan => planLink(line.split(' '), line.split(' '));
const same = (line: string): string[] => line.split(' ');

describe('the linkage of what the compiler makes', () => {
  it.each([
    'a.c',
    'a.c -o a',
    '-O2 a.o b.a -lm',
    '-no-pie a.c',
    '-rdynamic a.c',
    '-shared-libgcc a.c',
    '-o libx.so.c a.c',
    '-Wl,-soname,libx.so a.c',
    '-o plugin.so a.c',
    '-DNAME=libx.so a.c',
    '-v',
  ])('%s: static', (line) => {
    expect(plan(line)).toEqual({ args: ['-static', ...same(line)], isStatic: true });
  });

  it.each(['-pie a.c', '-fPIE --pie a.o', '-no-pie -pie a.c'])('%s: static and position independent', (line) => {
    expect(plan(line)).toEqual({ args: [...same(line), '-static-pie'], isStatic: true });
  });

  it.each(['-static a.c', '--static a.c', '-static-pie a.c', 'a.c -static -pie'])(
    '%s: as it says, and held to it',
    (line) => {
      expect(plan(line)).toEqual({ args: same(line), isStatic: true });
    },
  );

  it.each([
    '-shared a.o',
    '--shared a.o',
    'a.o -Wl,-shared',
    '-Wl,-z,now,--shared a.o',
    '-Xlinker -shared a.o',
    '-Xlinker -Bshareable a.o',
    '-shared -static-libgcc a.o',
    '-static -shared a.o',
  ])('%s: a shared library', (line) => {
    expect(plan(line)).toEqual({ args: same(line), isStatic: false });
  });

  it.each([
    '-c a.c',
    '-E a.c',
    '-S a.c',
    '-M a.c',
    '-MM a.c',
    '-r a.o b.o',
    '-Wl,-r a.o',
    '-fsyntax-only a.c',
    '--version',
    '-dumpmachine',
    '-print-file-name=libc.a',
    '--print-sysroot',
    '-pie -c a.c',
  ])('%s: nothing is linked', (line) => {
    expect(plan(line)).toEqual({ args: same(line), isStatic: false });
  });

  it.each(['a.o libz.so', 'a.o ./.libs/libsodium.so.23.3.0', '-L. -l:libz.so.1 a.o'])(
    '%s: a shared library among the inputs makes a dynamic program',
    (line) => {
      expect(plan(line)).toEqual({ args: same(line), isStatic: false });
    },
  );

  it.each(['-dynamic a.c', 'a.c --dynamic', '-pie -dynamic a.c'])(
    '%s: dynamic by our own word, which gcc does not know',
    (line) => {
      expect(plan(line)).toEqual({ args: same(line).filter((word) => !word.endsWith('dynamic')), isStatic: false });
    },
  );

  it('what goes back to dynamic libraries after some static ones finds no others', () => {
    expect(plan('a.o -Wl,-Bstatic -lz -Wl,-Bdynamic -lm -Wl,-Bstatic,-lq,-Bdynamic').args).toEqual(
      same('-static a.o -Wl,-Bstatic -lz -lm -Wl,-Bstatic,-lq'),
    );
    expect(plan('-static a.o -Wl,-Bdynamic').args).toEqual(same('-static a.o -Wl,-Bdynamic'));
  });

  it('words of response files count', () => {
    expect(planLink(['@x'], ['a.o', '-shared'])).toEqual({ args: ['@x'], isStatic: false });
    expect(planLink(['@x'], ['a.o', '-pie'])).toEqual({ args: ['@x', '-static-pie'], isStatic: true });
  });

  it('is a matter of the drivers alone', () => {
    for (const name of ['gcc', 'g++', 'cc', 'c++', 'c99', 'x86_64-alpine-linux-musl-gcc'])
      expect(isCompiler(name), name).toBe(true);
    for (const name of ['cpp', 'ld', 'gcc-ar', 'ar', 'gccgo', 'strip']) expect(isCompiler(name), name).toBe(false);
  });
});
