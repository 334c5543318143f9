import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { findGlibcObjects } from '../../src/ship/glibc-objects.ts';
import { explainLinkFailure, formatDiagnoses } from '../../src/ship/link-failure.ts';
import { HEADER_PACKAGES } from '../../src/ship/header-packages.ts';
import { LIBRARY_PACKAGES } from '../../src/ship/library-packages.ts';
import { PACKAGES_ELSEWHERE, PROGRAM_PACKAGES, SYMBOL_PACKAGES } from '../../src/ship/program-packages.ts';
import { capability, SHARED } from '../helpers/capabilities.ts';
import { compile, hasProgram, withDirectory } from '../helpers/compile.ts';

const GNU_LD = `/usr/bin/ld: /opt/lib/libcrypto.a(bio_sock.o): in function \`BIO_sock':
(.text+0xaa): undefined reference to \`__fdelt_chk'
/usr/bin/ld: (.text+0x442): undefined reference to \`__fprintf_chk'
/usr/bin/ld: /opt/lib/libcrypto.a(async.o):(.text+0x9): undefined reference to \`getcontext'
collect2: error: ld returned 1 exit status
`;

const kinds = (text: string, args: readonly string[] = []): string[] =>
  explainLinkFailure(text, { args }).map(({ kind }) => kind);

it('names a library of glibc in a musl link, its members and what they ask for', () => {
  expect(explainLinkFailure(GNU_LD)).toEqual([
    expect.objectContaining({
      kind: 'glibc-object',
      message:
        'compiled for glibc, not for musl: /opt/lib/libcrypto.a (bio_sock.o), asking for __fdelt_chk, __fprintf_chk',
    }),
    expect.objectContaining({ kind: 'separate-library', packages: ['libucontext-dev'] }),
  ]);
});

it("reads lld's and clang's words as well as GNU's", () => {
  expect(
    kinds(
      'ld.lld: error: undefined symbol: __memcpy_chk\n>>> referenced by x.c\n>>>               x.o:(f) ' +
        'in archive libx.a\n',
    ),
  ).toEqual(['glibc-object']);
  expect(
    explainLinkFailure('ld.lld: error: unable to find library -lz\n', { args: ['-static'] })[0]?.packages,
  ).toEqual(['zlib-dev', 'zlib-static']);
  expect(explainLinkFailure("a.c:1:10: fatal error: 'zlib.h' file not found\n")[0]?.packages).toEqual(['zlib-dev']);
});

it('the package of a missing library depends on how it is linked', () => {
  const text = '/usr/bin/ld: cannot find -lcrypto: No such file or directory\n';
  expect(explainLinkFailure(text, { args: ['-static', '-lcrypto'] })[0]).toMatchObject({
    packages: ['openssl-dev', 'openssl-libs-static'],
    hint: 'install openssl-dev and openssl-libs-static',
  });
  expect(explainLinkFailure(text, { args: ['-lcrypto'] })[0]).toMatchObject({ packages: ['openssl-dev'] });
  expect(explainLinkFailure('/usr/bin/ld: cannot find -lprivate\n', { args: ['-static'] })[0]).toMatchObject({
    packages: [],
    message: 'the static library libprivate.a is missing',
  });
  expect(explainLinkFailure('/usr/bin/ld: cannot find -lconstructor\n')[0]?.packages).toEqual([]);
});

it.each([
  ['linux/mman.h', 'linux-headers'],
  ['asm/types.h', 'linux-headers'],
  ['openssl/evp.h', 'openssl-dev'],
  ['sys/queue.h', 'bsd-compat-headers'],
  ['sys/socket.h', 'musl-dev'],
  ['sodium.h', 'libsodium-dev'],
  ['vector', 'g++'],
])('the header %s is in %s', (header, pkg) => {
  expect(explainLinkFailure(`x.c:3:10: fatal error: ${header}: No such file or directory\n`)[0]).toMatchObject({
    kind: 'missing-header',
    packages: [pkg],
  });
});

it.each([
  ["/usr/bin/ld: attempted static link of dynamic object `/usr/lib/libz.so'\n", 'dynamic-in-static'],
  ['/usr/bin/ld: skipping incompatible /usr/lib/libz.a when searching for -lz\n', 'wrong-machine'],
  [
    "/usr/bin/ld: x.o: relocation R_X86_64_32 against `.rodata' can not be used when making a PIE " +
      'object; recompile with -fPIE\n',
    'not-position-independent',
  ],
  ['/usr/bin/ld: x.o: plugin needed to handle lto object\n', 'lto-mismatch'],
  ["./tool: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by ./tool)\n", 'glibc-program'],
  ['/bin/sh: perl: not found\n', 'missing-program'],
  [
    "gcc: fatal error: cannot execute 'cc1plus': execvp: No such file or directory\ncompilation terminated.\n",
    'missing-program',
  ],
  ["collect2: fatal error: cannot find 'ld.lld'\ncompilation terminated.\n", 'missing-program'],
  ["x.o: in function `main':\nx.c:(.text+0x1): undefined reference to `_DYNAMIC'\n", 'missing-dynamic-table'],
  ["x.o: in function `main':\nx.c:(.text+0x1): undefined reference to `open64'\n", 'large-file-call'],
  ["x.o: in function `main':\nx.c:(.text+0x1): undefined reference to `backtrace'\n", 'glibc-function'],
])('%j is %s', (text, kind) => {
  expect(kinds(text)).toEqual([kind]);
});

it('says nothing about what it does not know', () => {
  expect(kinds("x.c:1:1: error: expected ';' before '}' token\nx.o: undefined reference to `my_function'\n")).toEqual(
    [],
  );
  expect(kinds('')).toEqual([]);
});

it('says each thing once, and cannot be made to write to the terminal', () => {
  const line = "/usr/bin/ld: \x1b[31mevil.a(x.o): in function `f':\nundefined reference to `__a_chk'\n";
  const text = formatDiagnoses(explainLinkFailure(line.repeat(3)));
  expect(text.split('\n').filter((part) => part.startsWith('compiled for'))).toHaveLength(1);
  expect(text).not.toContain('\x1b');
});

it('finds the error at the end of a long output, whatever came before', () => {
  for (const noise of [
    'a'.repeat(5_000_000),
    'x: '.repeat(1_000_000),
    '/a'.repeat(2_000_000),
    'make: entering\n'.repeat(300_000),
  ]) {
    expect(kinds(`${noise}\n/usr/bin/ld: cannot find -lz: No such file or directory\n`)).toEqual(['missing-library']);
  }
});

describe.skipIf(!hasProgram('gcc'))('objects of real compilers', () => {
  const FORTIFIED =
    '#include <string.h>\n#include <stdio.h>\nint main(int c, char **v) { char b[8]; strcpy(b, v[0]); ' +
    'fprintf(stderr, "%s%d", b, c); return 0; }\n';

  it('an object compiled with glibc headers is found, alone and in an archive', () => {
    withDirectory((directory) => {
      writeFileSync(
        join(directory, 'bad.o'),
        compile('gcc', ['-c', '-O2', '-D_FORTIFY_SOURCE=2'], { source: FORTIFIED }).bytes,
      );
      writeFileSync(
        join(directory, 'good.o'),
        compile('gcc', ['-c'], { source: 'int add(int a, int b) { return a + b; }\n' }).bytes,
      );
      execFileSync('ar', ['rcs', 'lib.a', 'good.o', 'bad.o'], { cwd: directory });
      const files = ['lib.a', 'bad.o', 'good.o'].map((name) =>
        bufferSource(name, readFileSync(join(directory, name))),
      );
      expect(findGlibcObjects([...files, bufferSource('x.ld', Buffer.from('INPUT(-lz)'))])).toEqual([
        { name: 'lib.a(bad.o)', file: 'lib.a', symbols: ['__fprintf_chk', '__strcpy_chk'] },
        { name: 'bad.o', file: 'bad.o', symbols: ['__fprintf_chk', '__strcpy_chk'] },
      ]);
    });
  });

  it.skipIf(!hasProgram('musl-gcc'))(
    "a real linker's words lead to the object, and musl's own library is clean",
    () => {
      withDirectory((directory) => {
        writeFileSync(
          join(directory, 'bad.o'),
          compile('gcc', ['-c', '-O2', '-D_FORTIFY_SOURCE=2'], { source: FORTIFIED }).bytes,
        );
        const { stderr } = spawnSync('musl-gcc', ['-static', 'bad.o', '-lsodium-none'], {
          cwd: directory,
          encoding: 'utf8',
          env: { PATH: process.env['PATH'], LC_ALL: 'C' },
        });
        expect(kinds(stderr, ['-static'])).toEqual(['missing-library']);
        const second = spawnSync('musl-gcc', ['-static', 'bad.o'], { cwd: directory, encoding: 'utf8' });
        expect(explainLinkFailure(second.stderr)[0]).toMatchObject({
          kind: 'glibc-object',
          message: expect.stringContaining('bad.o') as string,
        });
      });
      const machine = execFileSync('gcc', ['-dumpmachine'], { encoding: 'utf8' }).trim().replace(/gnu$/, 'musl');
      const libc = `/usr/lib/${machine}/libc.a`;
      expect(existsSync(libc)).toBe(true);
      expect(findGlibcObjects([bufferSource('libc.a', readFileSync(libc))])).toEqual([]);
    },
  );
});

const upstream = capability('upstream');

describe.skipIf(upstream.skip)(`the packages that hints name${upstream.reason}`, () => {
  it("are in Alpine's main repository", () => {
    const index = gunzipSync(
      readFileSync(join(SHARED, 'upstream', 'apkindex', 'v3.17-main-aarch64.APKINDEX.tar.gz')),
    ).toString('latin1');
    const known = new Set([...index.matchAll(/^P:(.*)$/gm)].map(([, name]) => name));
    const named = [
      ...Object.values(LIBRARY_PACKAGES).flatMap((packages) => [packages.dev, packages.static]),
      ...Object.values(HEADER_PACKAGES),
      ...Object.values(PROGRAM_PACKAGES),
      ...SYMBOL_PACKAGES.map(({ pkg }) => pkg),
    ];
    expect(
      [...new Set(named)].filter((name) => !known.has(name) && !PACKAGES_ELSEWHERE.includes(name)).sort(),
    ).toEqual([]);
  });
});
