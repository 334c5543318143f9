import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  namedDirectories,
  outputOf,
  toolVariables,
  variableDirectories,
} from '../../../src/pipeline/environment/argument-paths.ts';

let root: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'alproot-arguments-')));
  for (const name of ['work', 'inc', 'lib']) mkdirSync(join(root, name));
  writeFileSync(join(root, 'lib', 'x.c'), '');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const named = (...words: string[]): string[] =>
  namedDirectories(
    words.map((word) => word.replaceAll('ROOT', root)),
    join(root, 'work'),
  ).map((path) => path.replace(root, 'ROOT'));

describe('directories that a command line names', () => {
  it.each([
    '-IROOT/inc',
    '-I../inc',
    '-isystemROOT/inc',
    '--sysroot=ROOT/inc',
    '-Wl,-rpath,ROOT/inc',
    '-BROOT/inc/prefix-',
    '-LROOT/inc',
    '@ROOT/inc/x',
    '-fplugin=ROOT/inc',
    '-oROOT/inc/new',
    '-Wl,-Map=ROOT/inc/new',
    '-MFROOT/inc/new.d',
    'ROOT/inc/new.a',
    '../inc',
  ])('%s', (word) => {
    expect(named(word)).toContain('ROOT/inc');
  });

  it('a value of its own, and the directory of a file', () => {
    expect(named('-isystem', 'ROOT/inc', '-include', 'ROOT/lib/x.c', '-o', 'ROOT/inc/new')).toEqual([
      'ROOT/inc',
      'ROOT/lib',
      'ROOT/inc',
    ]);
  });

  it.each([
    '-DDIR=ROOT/inc',
    '-fdebug-prefix-map=ROOT/inc=.',
    '-ffile-prefix-map=ROOT/inc=.',
    '-fmacro-prefix-map=ROOT/inc=.',
    '-MTROOT/inc/x.o',
    '-IROOT/missing',
    '-LROOT/inc/missing',
    '-Iinc',
    'ROOT/no/where.c',
  ])('%s is none', (word) => {
    expect(named(word)).toEqual([]);
  });

  it('text after an option that takes text is none', () => {
    expect(named('-D', 'DIR=ROOT/inc', '-MT', 'ROOT/inc/x.o')).toEqual([]);
  });

  it("the system's own directories stand back behind a file in them", () => {
    expect(namedDirectories(['/etc/passwd', '/etc/no-such-file.c'], '/tmp')).toEqual(['/etc/passwd', '/etc']);
  });
});

describe('directories that variables name', () => {
  it.each([
    'CPATH',
    'C_INCLUDE_PATH',
    'CPLUS_INCLUDE_PATH',
    'OBJC_INCLUDE_PATH',
    'LIBRARY_PATH',
    'PKG_CONFIG_PATH',
    'PKG_CONFIG_LIBDIR',
    'CMAKE_PREFIX_PATH',
    'CMAKE_INCLUDE_PATH',
  ])('%s is a list', (name) => {
    expect(variableDirectories({ [name]: `${root}/inc:${root}/missing::../lib` }, join(root, 'work'))).toEqual([
      `${root}/inc`,
      `${root}/lib`,
    ]);
  });

  it('of a file it is the directory', () => {
    expect(
      variableDirectories(
        { CMAKE_TOOLCHAIN_FILE: `${root}/lib/x.c`, DEPENDENCIES_OUTPUT: `${root}/inc/new.d target` },
        '/',
      ),
    ).toEqual([`${root}/lib`, `${root}/inc`]);
  });

  it('the others of the caller stay outside', () => {
    expect(
      toolVariables({
        CPATH: '/a',
        LD_LIBRARY_PATH: '/b',
        GCC_EXEC_PREFIX: '/c',
        HOME: '/d',
        TERM: 'x',
        LIBRARY_PATH: undefined,
      }),
    ).toEqual({ CPATH: '/a', TERM: 'x' });
  });
});

it('the output is what the last -o says', () => {
  expect([outputOf(['-o', 'a', 'x.c']), outputOf(['-oa', 'x.c']), outputOf(['x.c']), outputOf(['-o'])]).toEqual([
    'a',
    'a',
    undefined,
    undefined,
  ]);
});
