import { describe, expect, it } from 'vitest';
import { compareVersions, isValidVersion } from '../../src/formats/apk/package-version.ts';
import type { TarItem } from '../../src/formats/tar/tar-writer.ts';
import { formatScript, portProvides, splitFiles } from '../../src/mirror/debian/build-port.ts';
import { apkVersionOf, parseDebianStanzas, type DebianPackage } from '../../src/mirror/debian/debian-control.ts';
import { mirrorRelease } from '../../src/mirror/debian/from-debian.ts';
import { gccSpecs } from '../../src/mirror/debian/gcc-specs.ts';
import { planRepacks } from '../../src/mirror/debian/repack-plan.ts';
import { PORTS } from '../../src/mirror/debian/ports.ts';
import { recipeTarget, type Recipe } from '../../src/mirror/debian/recipe.ts';
import { DEFAULT_PACKAGES, RECIPES } from '../../src/mirror/debian/recipes.ts';
import { repackEntries } from '../../src/mirror/debian/repack.ts';
import { sourceLines, sourceStanzas } from '../../src/mirror/debian/source-packages.ts';

describe('Debian versions as apk versions', () => {
  const ascending = [
    '1:1.35.0-4',
    '1:1.35.0-4+b1',
    '1:1.35.0-4+deb12u1+b1',
    '1:1.35.0-4+deb12u2',
    '1:1.35.0-10',
    '1:1.36.0~rc1-1',
    '1:1.36.0-1',
    '1:1.36.1-6ubuntu3',
    '1:1.36.1-6ubuntu3.1',
    '1:1.36.1-7',
  ];

  it('are all valid', () => {
    for (const version of [
      ...ascending,
      '20220109.1',
      '5.36.0-7+deb12u4',
      '1.2.13.dfsg-1',
      '2.36-9+deb12u14',
      '3.0.22-1~deb12u2',
      '0.25-1.1',
    ])
      expect(isValidVersion(apkVersionOf(version)), version).toBe(true);
  });

  it('sort as Debian sorts them', () => {
    for (const [at, version] of ascending.entries()) {
      const next = ascending[at + 1];
      if (next !== undefined)
        expect(compareVersions(apkVersionOf(version), apkVersionOf(next)), `${version} < ${next}`).toBeLessThan(0);
    }
  });
});

const stanza = (name: string, depends = '', version = '1.0-1'): string =>
  `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\nDepends: ${depends}\nDescription: ` +
  `the ${name}\n long text\n`;

describe('Debian stanzas', () => {
  it('give names, alternatives and versions without their constraints', () => {
    expect(parseDebianStanzas(`${stanza('a', 'b (>= 1) | c:any, d [amd64]')}\n${stanza('b')}`)).toMatchObject([
      { name: 'a', depends: [['b', 'c'], ['d']], summary: 'the a', source: 'a' },
      { name: 'b', depends: [] },
    ]);
  });

  it('turn deb into deb-src in both styles and leave the rest alone', () => {
    expect(
      sourceLines(
        '# c\ndeb [arch=amd64 signed-by=/k] http://h/d s main\ndeb-src http://h/d s main\ndeb http://h/e s x\n',
      ),
    ).toBe('deb-src [signed-by=/k] http://h/d s main\ndeb-src http://h/e s x\n');
    expect(
      sourceStanzas(
        'Types: deb\n# old\nURIs: http://h/d\nArchitectures: amd64\nSuites: s\n\nTypes: deb-src\nURIs: http://i\n',
      ),
    ).toBe('Types: deb-src\nURIs: http://h/d\nSuites: s\n');
  });
});

describe('the plan', () => {
  const archive = new Map(
    parseDebianStanzas(
      [
        stanza('tool', 'lib1, dpkg, skipped'),
        stanza('tool-data', 'lib1'),
        stanza('lib1', 'libc6'),
        stanza('libc6', 'gcc-12-base'),
        stanza('gcc-12-base'),
        stanza('meta-tool', 'tool'),
      ].join('\n'),
    ).map((one) => [one.name, one]),
  );
  const apt = {
    show: (names: readonly string[]): Promise<DebianPackage[]> =>
      Promise.resolve(names.flatMap((name) => archive.get(name) ?? [])),
  };
  const recipes: Recipe[] = [
    {
      name: 'nice-tool',
      description: '',
      roots: ['meta-tool'],
      absorbs: /^tool$/,
      versionFrom: /^tool$/,
      ignores: /^skipped$/,
    },
    { name: 'group', description: '', roots: [], depends: ['nice-tool'] },
    { name: 'debian-libc6', description: '', roots: ['libc6'] },
  ];

  it('absorbs, ignores, and makes a library package of what no recipe names', async () => {
    const plan = await planRepacks({ wanted: ['group'], recipes, apt, ownVersion: '1-r0' });
    expect(
      plan.map(({ recipe, version, depends, sources }) => [
        recipe.name,
        version,
        depends,
        sources.map(({ name }) => name),
      ]),
    ).toEqual([
      ['debian-lib1', '1.0-r1000000', ['debian-libc6'], ['lib1']],
      ['debian-libc6', '1.0-r1000000', [], ['libc6']],
      ['group', '1-r0', ['nice-tool'], []],
      ['nice-tool', '1.0-r1000000', ['debian-lib1'], ['tool', 'meta-tool']],
    ]);
  });

  it('names what has no recipe and what the archive lacks', async () => {
    await expect(planRepacks({ wanted: ['nothing'], recipes, apt, ownVersion: '1' })).rejects.toMatchObject({
      code: 'ALP_SOLVE_UNSATISFIABLE',
      message: expect.stringContaining('nothing'),
    });
    await expect(
      planRepacks({ wanted: ['x'], recipes: [{ name: 'x', description: '', roots: ['gone'] }], apt, ownVersion: '1' }),
    ).rejects.toMatchObject({ message: expect.stringContaining('gone') });
  });

  it('has a row for every default package and for everything that a row needs', () => {
    const names = new Set([
      ...RECIPES.map(({ name }) => name),
      ...PORTS.flatMap(({ packages }) => packages.map(({ name }) => name)),
    ]);
    for (const name of [
      ...DEFAULT_PACKAGES,
      ...RECIPES.flatMap(({ depends = [] }) => depends),
      ...PORTS.flatMap(({ needs = [], packages }) => [...needs, ...packages.flatMap(({ depends = [] }) => depends)]),
    ])
      expect(names, name).toContain(name);
  });
});

const file = (path: string, text = ''): TarItem => ({ kind: 'file', path, mode: 0o755, bytes: Buffer.from(text) });
const target = recipeTarget('x86_64');
if (target === undefined) throw new Error('no target');

describe('repacking', () => {
  it("puts musl's loader where Alpine has it and drops documentation but not the licence", () => {
    const recipe = RECIPES.find(({ name }) => name === 'musl');
    if (recipe === undefined) throw new Error('no recipe');
    const files = new Map([
      [
        'musl',
        [
          file('lib/x86_64-linux-musl/libc.so'),
          file('etc/ld-musl-x86_64.path'),
          file('usr/share/doc/musl/copyright'),
          file('usr/share/doc/musl/changelog.gz'),
        ],
      ],
    ]);
    const [source] = parseDebianStanzas(stanza('musl'));
    if (source === undefined) throw new Error('no stanza');
    const entries = repackEntries({ recipe, version: '1', sources: [source], depends: [] }, files, target);
    expect(entries.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      'file lib/ld-musl-x86_64.so.1',
      'symlink lib/libc.musl-x86_64.so.1',
      'file usr/share/licenses/musl/musl.copyright',
    ]);
  });

  it.each(['usr/include/x86_64-linux-gnu/asm/mman.h', 'usr/lib/linux/uapi/x86/asm/mman.h'])(
    "finds this architecture's kernel headers as Debian and as its next release keep them (%s)",
    (path) => {
      const recipe = RECIPES.find(({ name }) => name === 'linux-headers');
      const [source] = parseDebianStanzas(stanza('linux-libc-dev'));
      if (recipe === undefined || source === undefined) throw new Error('no recipe');
      const files = new Map([
        [
          'linux-libc-dev',
          [
            path,
            'usr/include/linux/mman.h',
            'usr/include/scsi/fc/fc_els.h',
            'usr/include/arm-linux-gnueabi/asm/mman.h',
            'usr/lib/linux/uapi/arm/asm/mman.h',
          ].map((one) => file(one)),
        ],
      ]);
      expect(
        repackEntries({ recipe, version: '1', sources: [source], depends: [] }, files, target).map(
          (entry) => entry.path,
        ),
      ).toEqual(['usr/include/asm/mman.h', 'usr/include/linux/mman.h']);
    },
  );

  it('links the loader of glibc from its well-known name, wherever it lies', () => {
    const recipe = RECIPES.find(({ name }) => name === 'debian-libc6');
    const [source] = parseDebianStanzas(stanza('libc6'));
    if (recipe === undefined || source === undefined) throw new Error('no recipe');
    for (const directory of ['lib', 'usr/lib']) {
      const loader = `${directory}/x86_64-linux-gnu/ld-linux-x86-64.so.2`;
      const files = new Map([
        [
          'libc6',
          [
            file(loader),
            {
              kind: 'symlink',
              path: 'usr/lib64/ld-linux-x86-64.so.2',
              mode: 0o777,
              target: '../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
            } as const,
          ],
        ],
      ]);
      expect(
        repackEntries({ recipe, version: '1', sources: [source], depends: [] }, files, target).map((entry) => [
          entry.path,
          entry.kind === 'symlink' ? entry.target : '',
        ]),
      ).toEqual([
        [loader, ''],
        ['lib64/ld-linux-x86-64.so.2', `/${loader}`],
      ]);
    }
  });

  it('writes the specs into the directory of the gcc that is there', () => {
    const specs = gccSpecs([file('usr/lib/gcc/x86_64-linux-gnu/13/crtbegin.o')]);
    expect(specs.path).toBe('usr/lib/gcc/x86_64-linux-gnu/13/specs');
    expect(specs.kind === 'file' && Buffer.from(specs.bytes).toString()).toContain(
      '-L/usr/lib/gcc/x86_64-linux-gnu/13\n',
    );
  });

  it('calls its release by a number that Alpine never used', () => {
    expect(mirrorRelease('v3.19.4')).toEqual({ branch: 'v3.19', release: '3.19.900' });
    expect(mirrorRelease('3.20')).toEqual({ branch: 'v3.20', release: '3.20.900' });
    expect(() => mirrorRelease('../x')).toThrow(expect.objectContaining({ code: 'ALP_USAGE_ARGUMENT' }));
  });
});

describe('ports', () => {
  const zlib = PORTS.find(({ source }) => source === 'zlib');
  if (zlib === undefined) throw new Error('no zlib');

  it('are split as Alpine splits them', () => {
    const parts = splitFiles(
      [
        'usr/lib/libz.a',
        'usr/lib/libz.so',
        'usr/lib/libz.so.1',
        'usr/include/zlib.h',
        'usr/lib/pkgconfig/zlib.pc',
        'usr/share/man/man3/zlib.3',
      ].map((path) => file(path)),
      zlib.packages,
    );
    expect(Object.fromEntries([...parts].map(([part, items]) => [part.name, items.map(({ path }) => path)]))).toEqual({
      'zlib-static': ['usr/lib/libz.a'],
      'zlib-dev': ['usr/lib/libz.so', 'usr/include/zlib.h', 'usr/lib/pkgconfig/zlib.pc'],
      zlib: ['usr/lib/libz.so.1'],
    });
  });

  it('announce libraries, pkg-config modules and commands', () => {
    expect(
      portProvides(
        [
          file('usr/lib/libz.so.1'),
          file('usr/lib/libz.so.1.2'),
          file('usr/lib/pkgconfig/zlib.pc', 'Name: zlib\nVersion: 1.2\n'),
          file('usr/bin/openssl'),
        ],
        '1-r0',
      ),
    ).toEqual(['cmd:openssl=1-r0', 'pc:zlib=1.2', 'so:libz.so.1=1']);
  });

  it('unpack the tarball that Debian has, with its changes', () => {
    const script = formatScript(zlib, [
      'zlib_1.2.13.dfsg-1.debian.tar.xz',
      'zlib_1.2.13.dfsg-1.dsc',
      'zlib_1.2.13.dfsg.orig.tar.bz2',
      'zlib_1.2.13.dfsg.orig.tar.bz2.asc',
    ]);
    expect(script).toContain("tar -o -xjf '/srv/zlib_1.2.13.dfsg.orig.tar.bz2'");
    expect(script).toContain("tar -o -xJf '/srv/zlib_1.2.13.dfsg-1.debian.tar.xz'");
    expect(() => formatScript(zlib, ['zlib_1.orig.tar.zst'])).toThrow(
      expect.objectContaining({ code: 'ALP_BUILD_RUN' }),
    );
  });
});
