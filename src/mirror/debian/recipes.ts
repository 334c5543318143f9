/**
 * The table: Alpine's names on the left, Debian's packages on the right. More packages are more rows. Debian's
 * libraries that no row mentions come along by themselves as `debian-NAME`.
 */
import { gccSpecs } from './gcc-specs.ts';
import type { Recipe, Target } from './recipe.ts';
import { caBundle } from './ca-bundle.ts';
import { busyboxScripts, MUSL_UTILS } from './small-programs.ts';

const meta = (name: string, description: string, depends: readonly string[]): Recipe => ({
  name,
  description,
  roots: [],
  depends,
});

/** One Debian package that is the same program, with its usual links where Alpine's lie. */
const toolRecipe = (name: string, debian: string = name, extra: Partial<Recipe> = {}): Recipe => ({
  name,
  description: '',
  roots: [debian],
  ...extra,
});

/** Links without the version, which Debian's update-alternatives would make. */
const unversioned =
  (pattern: RegExp): NonNullable<Recipe['generates']> =>
  (items) =>
    items
      .filter(({ path }) => pattern.test(path))
      .map(({ path }) => ({
        kind: 'symlink',
        path: path.replace(/-[\d.]+$/, ''),
        mode: 0o777,
        target: path.slice(path.lastIndexOf('/') + 1),
      }));

const loader = ({ arch }: Target): string => `lib/ld-musl-${arch}.so.1`;

const LIBC: readonly Recipe[] = [
  {
    name: 'musl',
    description: 'the musl c library (libc) implementation',
    roots: ['musl'],
    drops: /^etc\/|^usr\/bin\/|^(usr\/)?lib\/ld-musl/,
    moves: (target) => [[new RegExp(`^(?:usr/)?lib/${target.musl}/libc\\.so$`), loader(target)]],
    links: (target) => ({ [`lib/libc.musl-${target.arch}.so.1`]: `ld-musl-${target.arch}.so.1` }),
    provides: ({ arch }) => [`so:libc.musl-${arch}.so.1=1`],
  },
  {
    name: 'musl-dev',
    description: 'the musl c library (libc) implementation (development files)',
    roots: ['musl-dev'],
    ignores: /^gcc/,
    drops: /^usr\/bin\/|\.specs$/,
    moves: ({ musl }) => [
      [new RegExp(`^usr/include/${musl}(?=/|$)`), 'usr/include'],
      [new RegExp(`^usr/lib/${musl}(?=/|$)`), 'usr/lib'],
    ],
    links: (target) => ({ 'usr/lib/libc.so': `../../${loader(target)}` }),
  },
  meta('libc-dev', 'meta package to pull in the development files of the c library', ['musl-dev']),
  {
    name: 'musl-utils',
    description: 'small programs that belong to musl',
    roots: [],
    depends: ['musl'],
    generates: (_, target) => MUSL_UTILS(target.arch),
  },
  meta('libc-utils', 'meta package to pull in correct libc utilities', ['musl-utils']),
  {
    name: 'linux-headers',
    description: 'Linux system headers',
    roots: ['linux-libc-dev'],
    keeps: /^usr\/include(\/|$)|^usr\/lib\/linux\/uapi\//,
    moves: ({ gnu, uapi }) => [
      [new RegExp(`^usr/include/${gnu}/asm(?=/)`), 'usr/include/asm'],
      [new RegExp(`^usr/lib/linux/uapi/${uapi}/asm(?=/)`), 'usr/include/asm'],
      // Other architectures, and what musl-dev has.
      [/^(usr\/include\/[^/]*-linux-[^/]*|usr\/lib\/linux|usr\/include\/scsi)(\/.*|$)/, ''],
    ],
  },
];

const TOOLCHAIN: readonly Recipe[] = [
  {
    name: 'binutils',
    description: 'tools necessary to build programs',
    roots: ['binutils'],
    absorbs: /^binutils-/,
    ignores: /^libgprofng/,
    drops: /gprofng|gp-(archive|collect|display)|[-/]dwp$|ld\.gold$|gold-ld|-gold$|\/gold$|^etc\//,
  },
  {
    name: 'gcc',
    description: "the GNU compiler collection: Debian's, compiling for musl",
    roots: ['gcc', 'cpp'],
    absorbs: /^(gcc|cpp)-\d+$|^(gcc|cpp)(-\d+)?-[a-z0-9-]+-linux-gnu$|^gcc-\d+-base$|^libgcc-\d+-dev$/,
    versionFrom: /^gcc-\d+$/,
    ignores:
      /^lib(asan|lsan|tsan|ubsan|hwasan|itm|quadmath|gomp|atomic|cc1)\b|^lib(asan|lsan|tsan|ubsan|hwasan|itm|quadmath|gomp|atomic|cc1-)?\d|^libcc1-0$|^libc6-dev$/,
    drops:
      /lto-dump|\/plugin(\/|$)|\/lib(asan|lsan|tsan|ubsan|hwasan|itm|quadmath|gomp|atomic|gcc_s|backtrace|cc1|sanitizer)[._a-z]*\.(a|so|o|spec)$|offload|^lib\/cpp$/,
    links: () => ({ 'usr/bin/cc': 'gcc', 'usr/bin/c99': 'c99-gcc', 'usr/bin/c89': 'c89-gcc' }),
    generates: (items) => [gccSpecs(items)],
    depends: ['binutils'],
  },
  toolRecipe('make'),
  toolRecipe('patch'),
  toolRecipe('m4'),
  toolRecipe('file'),
  toolRecipe('nasm'),
  toolRecipe('bison', 'bison', { links: () => ({ 'usr/bin/yacc': 'bison.yacc' }) }),
  toolRecipe('flex', 'flex', { ignores: /^(m4|libfl.*)$/, depends: ['m4'] }),
  meta('build-base', 'meta package for build base (C only)', ['binutils', 'file', 'gcc', 'make', 'libc-dev', 'patch']),
];

const SHELL: readonly Recipe[] = [
  {
    name: 'busybox',
    description: 'size optimized toolbox of many common UNIX utilities',
    roots: ['busybox'],
    keeps: /^(usr\/)?bin\/busybox$/,
    moves: () => [[/^usr\/bin\/busybox$/, 'bin/busybox']],
    generates: () => busyboxScripts(),
  },
  // Debian's static build has more applets, but its shell prefers them to the programs of the PATH, which breaks `ar`
  // and `patch`.
  {
    name: 'busybox-static',
    description: 'statically linked busybox, with applets that the other lacks',
    roots: ['busybox-static'],
    keeps: /^(usr\/)?bin\/busybox$/,
    moves: () => [[/^(usr\/)?bin\/busybox$/, 'bin/busybox.static']],
    links: () =>
      Object.fromEntries(
        ['bin/su', 'bin/ed', 'usr/bin/passwd', 'usr/bin/crontab', 'usr/sbin/crond'].map((path) => [
          path,
          '/bin/busybox.static',
        ]),
      ),
  },
  {
    name: 'busybox-binsh',
    description: 'busybox ash /bin/sh',
    roots: ['busybox'],
    keeps: /^$/,
    depends: ['busybox'],
    links: () => ({ 'bin/sh': '/bin/busybox' }),
    provides: () => ['/bin/sh'],
    providerPriority: 100,
  },
  toolRecipe('bash', 'bash', { drops: /^etc\//, links: () => ({ 'bin/bash': '../usr/bin/bash' }) }),
  toolRecipe('coreutils', 'coreutils', { replaces: ['busybox-gaps'] }),
  toolRecipe('sed'),
  toolRecipe('grep'),
  toolRecipe('findutils'),
  toolRecipe('diffutils'),
  toolRecipe('gawk'),
  toolRecipe('tar'),
  toolRecipe('gzip'),
  toolRecipe('bzip2'),
  toolRecipe('xz', 'xz-utils'),
  toolRecipe('rsync', 'rsync', {
    ignores: /^(lsb-base|adduser|sysvinit-utils)$/,
    drops: /^(etc|lib\/systemd|usr\/lib\/systemd)\//,
  }),
  {
    name: 'busybox-gaps',
    description: "programs that Alpine's busybox has and Debian's lacks",
    roots: ['coreutils'],
    standIn: true,
    keeps: /^usr\/bin\/(install|nice|nohup|split|comm|cksum|sum|printenv)$/,
  },
];

const TOOLS: readonly Recipe[] = [
  {
    name: 'perl',
    description: "Larry Wall's Practical Extraction and Report Language",
    roots: ['perl', 'perl-base'],
    absorbs: /^perl-modules-|^libperl5/,
  },
  toolRecipe('autoconf', 'autoconf', { depends: ['perl', 'm4'] }),
  toolRecipe('automake', 'automake', {
    absorbs: /^autotools-dev$/,
    depends: ['perl'],
    drops: /^usr\/bin\/dh_/,
    // aclocal wants the directory that other packages' macros go to, even when there are none.
    generates: (items, target) => [
      ...unversioned(/^usr\/bin\/(aclocal|automake)-[\d.]+$/)(items, target),
      { kind: 'directory', path: 'usr/share/aclocal', mode: 0o755 },
    ],
  }),
  toolRecipe('libtool', 'libtool', {
    ignores: /^(gcc|c-compiler|cpp|libc6-dev|libc-dev|file|autotools-dev|libltdl.*)$/,
  }),
  {
    ...toolRecipe('pkgconf'),
    absorbs: /^(pkgconf-bin|pkg-config)$/,
    ignores: /^dpkg-dev$/,
    links: () => ({ 'usr/bin/pkg-config': 'pkgconf' }),
  },
  toolRecipe('cmake', 'cmake', { absorbs: /^cmake-data$/ }),
  toolRecipe('ninja-build', 'ninja-build', { provides: () => ['ninja'] }),
  toolRecipe('git', 'git', { absorbs: /^git-man$/ }),
  toolRecipe('curl'),
  toolRecipe('python3', 'python3', {
    absorbs: /^(lib)?python3(\.\d+)?(-minimal|-stdlib)?$/,
    ignores: /^(media-types|mime-support|tzdata)$/,
  }),
  toolRecipe('upx', 'upx-ucl', { links: () => ({ 'usr/bin/upx': 'upx-ucl' }) }),
  toolRecipe('gettext', 'gettext', { absorbs: /^gettext-base$/ }),
  {
    ...toolRecipe('ca-certificates'),
    ignores: /^openssl$/,
    keeps: /^usr\/share\/ca-certificates(\/|$)/,
    depends: ['ca-certificates-bundle'],
  },
  {
    name: 'ca-certificates-bundle',
    description: 'the Mozilla certificate authorities',
    roots: ['ca-certificates'],
    ignores: /^openssl$/,
    generates: (items) => [caBundle(items)],
    keeps: /^$/,
    links: () => ({ 'etc/ssl/cert.pem': 'certs/ca-certificates.crt' }),
  },
];

/** glibc, for Debian's programs: nothing is ever linked with it. */
const RUNTIME: readonly Recipe[] = [
  {
    name: 'debian-libc6',
    description: "glibc's shared libraries, for the programs that come from Debian",
    roots: ['libc6', 'libc-bin'],
    keeps: /^(usr\/)?lib(64)?(\/|$)/,
    drops: /\/gconv(\/|$)|\/audit(\/|$)|^(usr\/)?lib(64)?\/ld[^/]*\.so\.\d+$/,
    // The loader's well-known name, wherever Debian keeps the file itself.
    generates: (items) =>
      items.flatMap((item) => {
        const name = /\/(ld-linux[^/]*|ld64)\.so\.\d+$/.exec(item.path)?.[0];
        return item.kind !== 'file' || name === undefined
          ? []
          : [
              {
                kind: 'symlink' as const,
                path: `${name.includes('x86-64') || name.includes('ld64') ? 'lib64' : 'lib'}${name}`,
                mode: 0o777,
                target: `/${item.path}`,
              },
            ];
      }),
  },
];

/** Every row. The order decides who takes a Debian package that several could. */
export const RECIPES: readonly Recipe[] = [...LIBC, ...TOOLCHAIN, ...SHELL, ...TOOLS, ...RUNTIME];

/** What a mirror holds unless somebody asks for more. */
export const DEFAULT_PACKAGES: readonly string[] = [
  'binutils',
  'build-base',
  'busybox',
  'busybox-binsh',
  'ca-certificates-bundle',
  'file',
  'gcc',
  'libc-dev',
  'libc-utils',
  'linux-headers',
  'm4',
  'make',
  'musl',
  'musl-dev',
  'patch',
];
