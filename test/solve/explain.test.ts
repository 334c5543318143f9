import { describe, expect, it } from 'vitest';
import { parseWorld } from '../../src/formats/apk/world-file.ts';
import { createCatalog } from '../../src/solve/catalog.ts';
import { compileNameGlob } from '../../src/solve/glob.ts';
import { formatInfo } from '../../src/solve/info.ts';
import { editDistance } from '../../src/core/spelling.ts';
import { nearestNames } from '../../src/solve/nearest.ts';
import { formatApkSize } from '../../src/solve/plan-lines.ts';
import { explainPolicy, formatPolicy } from '../../src/solve/policy.ts';
import { formatSearch, searchPackages } from '../../src/solve/search.ts';
import { dependencyTree, formatTree } from '../../src/solve/tree.ts';
import { explainWhy, formatWhy } from '../../src/solve/why.ts';
import { installed, pkg, repo } from '../helpers/packages.ts';

const base = pkg('build-base-1', { depends: 'gcc make' });
const gcc = pkg('gcc-13', { depends: 'so:libc' });
const make = pkg('make-4', { depends: 'so:libc' });
const musl = pkg('musl-1', { provides: 'so:libc=1' });
const doc = pkg('make-doc-4', { installIf: 'make docs' });
const docs = pkg('docs-0');
const packages = [base, gcc, make, musl, doc, docs];

describe('why', () => {
  it('gives the shortest chain from each entry of world', () => {
    expect(formatWhy(explainWhy(packages, parseWorld('build-base gcc'), 'musl'))).toEqual([
      'musl-1:',
      '  world wants gcc',
      '  gcc-13 needs so:libc',
      'musl-1:',
      '  world wants build-base',
      '  build-base-1 needs gcc',
      '  gcc-13 needs so:libc',
    ]);
  });

  it('tells packages that came because others are there', () => {
    expect(formatWhy(explainWhy(packages, parseWorld('docs'), 'make-doc'))).toEqual([
      'make-doc-4:',
      '  world wants docs',
      '  docs-0 brings in what waits for docs',
    ]);
  });

  it('has nothing to say of a package that nobody asks for', () => {
    expect(explainWhy(packages, parseWorld('docs'), 'gcc')).toEqual([]);
  });
});

describe('tree', () => {
  it('shows the branches of each package once', () => {
    expect(formatTree(dependencyTree(packages, parseWorld('build-base gcc')))).toEqual([
      'build-base-1',
      '├─ gcc-13',
      '│  └─ musl-1',
      '└─ make-4',
      '   └─ musl-1',
      'gcc-13 (*)',
    ]);
  });

  it('ends at cycles', () => {
    expect(
      formatTree(dependencyTree([pkg('a-1', { depends: 'b' }), pkg('b-1', { depends: 'a' })], parseWorld('a'))),
    ).toEqual(['a-1', '└─ b-1', '   └─ a-1 (*)']);
  });
});

describe('search', () => {
  const catalog = createCatalog([
    repo([
      pkg('zlib-1'),
      pkg('zlib-2', { description: 'Compression' }),
      pkg('zlib-dev-2', { origin: 'zlib' }),
      pkg('busybox-1', { provides: 'cmd:sh=1' }),
    ]),
  ]);

  it('finds parts of names and of provided names, the newest of each', () => {
    expect(formatSearch(searchPackages(catalog, ['LIB']))).toEqual(['zlib-2', 'zlib-dev-2']);
    expect(formatSearch(searchPackages(catalog, ['cmd:s']))).toEqual(['busybox-1']);
  });

  it('matches whole names, descriptions and origins when asked, and shows every version', () => {
    expect(formatSearch(searchPackages(catalog, ['zlib'], { exact: true, all: true }))).toEqual(['zlib-1', 'zlib-2']);
    expect(formatSearch(searchPackages(catalog, ['compress'], { description: true }), 2)).toEqual([
      'zlib-2 - Compression',
    ]);
    expect(formatSearch(searchPackages(catalog, ['zlib'], { origin: true }), 0)).toEqual(['zlib-dev']);
    expect(searchPackages(catalog, [])).toHaveLength(3);
  });

  it('takes brackets and dots of a pattern for what a shell takes them for', () => {
    expect(compileNameGlob('lib[a-c].so*')('libb.so.1')).toBe(true);
    expect(compileNameGlob('lib[!a-c].so')('libb.so')).toBe(false);
    expect(compileNameGlob('a+(b)')('a+(b)')).toBe(true);
    expect(compileNameGlob('a.c')('abc')).toBe(false);
  });

  it('does not slow down on patterns of many stars', () => {
    expect(compileNameGlob(`${'*'.repeat(1000)}x`)('a'.repeat(1000))).toBe(false);
  });
});

describe('info and policy', () => {
  it('prints fields in the words of apk', () => {
    expect(formatInfo(pkg('a-1', { description: 'A thing', installedSizeBytes: 20_480 }))).toEqual([
      'a-1 description:',
      'A thing',
      '',
      'a-1 webpage:',
      'https://example.org',
      '',
      'a-1 installed size:',
      '20 KiB',
      '',
    ]);
    expect(formatInfo(musl, { fields: ['rdepends', 'provides'], installed: packages })).toEqual([
      'musl-1 provides:',
      'so:libc=1',
      '',
      'musl-1 is required by:',
      'gcc-13',
      'make-4',
      '',
    ]);
  });

  it('lists every version with its places, oldest first', () => {
    const catalog = createCatalog([
      repo([pkg('a-1')]),
      repo([pkg('a-2')], { location: 'https://example.org/edge', tag: 'edge' }),
    ]);
    expect(formatPolicy('a', explainPolicy({ installed: installed(pkg('a-1')), catalog }, 'a'))).toEqual([
      'a policy:',
      '  1:',
      '    lib/apk/db/installed',
      '    https://example.org/main',
      '  2:',
      '    @edge https://example.org/edge',
    ]);
  });

  it('writes sizes as apk does', () => {
    expect([0, 9999, 10_000, 10_239_999, 10_240_000, 5e9].map(formatApkSize)).toEqual([
      '0 B',
      '9999 B',
      '9 KiB',
      '9999 KiB',
      '9.8 MiB',
      '4768.4 MiB',
    ]);
  });
});

describe('nearest names', () => {
  const catalog = createCatalog([
    repo(['openssl-dev', 'openssh', 'zlib-dev', 'python3', 'py3-pip'].map((name) => pkg(`${name}-1`))),
  ]);

  it('finds typing errors and names of other distributions', () => {
    expect(nearestNames(catalog, 'pyhton3')).toEqual(['python3']);
    expect(nearestNames(catalog, 'zlib-devel')).toContain('zlib-dev');
    expect(nearestNames(catalog, 'libzlib-dev')).toContain('zlib-dev');
    expect(nearestNames(catalog, 'quagga')).toEqual([]);
  });

  it('counts a swap of neighbours as one error', () => {
    expect(editDistance('abcd', 'abdc', 3)).toBe(1);
    expect(editDistance('abcd', 'xyz', 2)).toBe(3);
  });
});
