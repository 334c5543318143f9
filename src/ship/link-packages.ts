/** Which Alpine package holds a library or a header: facts for hints, checked against real indexes in the tests. */

export interface LibraryPackages {
  /** Headers and the link for dynamic linking. */
  readonly dev: string;
  /** The `.a` file; the same as `dev` where that package holds it. */
  readonly static: string;
}

const split = (dev: string, archive: string): LibraryPackages => ({ dev, static: archive });
const both = (dev: string): LibraryPackages => ({ dev, static: dev });

const [ncurses, openssl, brotli, freetype, e2fsprogs, icu, utilLinux] = [
  split('ncurses-dev', 'ncurses-static'), split('openssl-dev', 'openssl-libs-static'), split('brotli-dev', 'brotli-static'),
  split('freetype-dev', 'freetype-static'), split('e2fsprogs-dev', 'e2fsprogs-static'), split('icu-dev', 'icu-static'),
  split('util-linux-dev', 'util-linux-static'),
];
const libevent = split('libevent-dev', 'libevent-static');

/** By the name behind `-l`. */
export const LIBRARY_PACKAGES: Readonly<Record<string, LibraryPackages>> = {
  crypto: openssl, ssl: openssl,
  z: split('zlib-dev', 'zlib-static'), bz2: split('bzip2-dev', 'bzip2-static'), lzma: split('xz-dev', 'xz-static'),
  zstd: split('zstd-dev', 'zstd-static'), lz4: split('lz4-dev', 'lz4-static'), snappy: split('snappy-dev', 'snappy-static'),
  brotlicommon: brotli, brotlidec: brotli, brotlienc: brotli,
  sodium: split('libsodium-dev', 'libsodium-static'), argon2: split('argon2-dev', 'argon2-static'), nettle: split('nettle-dev', 'nettle-static'),
  hogweed: split('nettle-dev', 'nettle-static'), gcrypt: split('libgcrypt-dev', 'libgcrypt-static'), 'gpg-error': split('libgpg-error-dev', 'libgpg-error-static'),
  mbedtls: split('mbedtls-dev', 'mbedtls-static'), mbedcrypto: split('mbedtls-dev', 'mbedtls-static'), mbedx509: split('mbedtls-dev', 'mbedtls-static'),
  gmp: both('gmp-dev'), curl: split('curl-dev', 'curl-static'), ssh2: split('libssh2-dev', 'libssh2-static'), nghttp2: split('nghttp2-dev', 'nghttp2-static'),
  idn2: split('libidn2-dev', 'libidn2-static'), unistring: split('libunistring-dev', 'libunistring-static'), psl: both('libpsl-dev'), cares: both('c-ares-dev'),
  event: libevent, event_core: libevent, event_extra: libevent, event_openssl: libevent, event_pthreads: libevent,
  uv: split('libuv-dev', 'libuv-static'), ev: both('libev-dev'), zmq: split('zeromq-dev', 'libzmq-static'),
  sqlite3: split('sqlite-dev', 'sqlite-static'), expat: split('expat-dev', 'expat-static'), xml2: split('libxml2-dev', 'libxml2-static'),
  xslt: split('libxslt-dev', 'libxslt-static'), yaml: split('yaml-dev', 'yaml-static'), 'json-c': both('json-c-dev'), jansson: both('jansson-dev'), yajl: split('yajl-dev', 'yajl-static'),
  ncurses, ncursesw: ncurses, tinfo: ncurses, panel: ncurses, panelw: ncurses, form: ncurses, formw: ncurses, menu: ncurses, menuw: ncurses, curses: ncurses,
  readline: split('readline-dev', 'readline-static'), history: split('readline-dev', 'readline-static'), edit: split('libedit-dev', 'libedit-static'), slang: split('slang-dev', 'slang-static'),
  png: split('libpng-dev', 'libpng-static'), jpeg: split('libjpeg-turbo-dev', 'libjpeg-turbo-static'), turbojpeg: split('libjpeg-turbo-dev', 'libjpeg-turbo-static'),
  webp: split('libwebp-dev', 'libwebp-static'), freetype, fontconfig: split('fontconfig-dev', 'fontconfig-static'),
  cap: split('libcap-dev', 'libcap-static'), 'cap-ng': split('libcap-ng-dev', 'libcap-ng-static'), seccomp: split('libseccomp-dev', 'libseccomp-static'),
  acl: split('acl-dev', 'acl-static'), attr: split('attr-dev', 'attr-static'), elf: split('elfutils-dev', 'libelf-static'), mnl: split('libmnl-dev', 'libmnl-static'),
  nftnl: both('libnftnl-dev'), pcap: both('libpcap-dev'), net: split('libnet-dev', 'libnet-static'), bsd: split('libbsd-dev', 'libbsd-static'),
  tirpc: split('libtirpc-dev', 'libtirpc-static'), fuse: split('fuse-dev', 'fuse-static'), fuse3: split('fuse3-dev', 'fuse3-static'),
  archive: split('libarchive-dev', 'libarchive-static'), devmapper: split('lvm2-dev', 'device-mapper-static'),
  uuid: utilLinux, blkid: utilLinux, mount: utilLinux, smartcols: utilLinux, ext2fs: e2fsprogs, com_err: e2fsprogs, e2p: e2fsprogs,
  icuuc: icu, icudata: icu, icui18n: icu, icuio: icu, 'glib-2.0': split('glib-dev', 'glib-static'), 'gio-2.0': split('glib-dev', 'glib-static'), 'gobject-2.0': split('glib-dev', 'glib-static'),
  intl: split('gettext-dev', 'gettext-static'), pcre: both('pcre-dev'), 'pcre2-8': both('pcre2-dev'), ffi: both('libffi-dev'), ltdl: split('libtool', 'libltdl-static'),
  unwind: split('libunwind-dev', 'libunwind-static'), maxminddb: split('libmaxminddb-dev', 'libmaxminddb-static'), config: split('libconfig-dev', 'libconfig-static'),
  'stdc++': both('g++'), gcc: both('gcc'), gcc_eh: both('gcc'), c: both('musl-dev'), m: both('musl-dev'), pthread: both('musl-dev'), ssp_nonshared: both('musl-dev'),
  fts: both('musl-fts-dev'), obstack: both('musl-obstack-dev'), argp: both('argp-standalone'),
};

/** Packages named here that are not in the main repository of 3.17: in community, or made by a later release. */
export const PACKAGES_ELSEWHERE: readonly string[] = ['cargo', 'clang', 'go', 'libpsl-dev', 'rust', 'upx', 'util-linux-static', 'zstd-static'];

/** Headers and whole directories of headers (ending in `/`), longest match first. */
export const HEADER_PACKAGES: Readonly<Record<string, string>> = {
  'linux/': 'linux-headers', 'asm/': 'linux-headers', 'asm-generic/': 'linux-headers', 'mtd/': 'linux-headers', 'rdma/': 'linux-headers', 'scsi/fc/': 'linux-headers',
  'stdio.h': 'musl-dev', 'stdlib.h': 'musl-dev', 'string.h': 'musl-dev', 'unistd.h': 'musl-dev', 'sys/': 'musl-dev', 'errno.h': 'musl-dev', 'pthread.h': 'musl-dev',
  'features.h': 'musl-dev', 'netinet/': 'musl-dev', 'arpa/': 'musl-dev', 'signal.h': 'musl-dev', 'fcntl.h': 'musl-dev', 'math.h': 'musl-dev', 'time.h': 'musl-dev',
  'sys/queue.h': 'bsd-compat-headers', 'sys/cdefs.h': 'bsd-compat-headers', 'sys/tree.h': 'bsd-compat-headers', 'sys/capability.h': 'libcap-dev', 'sys/acl.h': 'acl-dev',
  'openssl/': 'openssl-dev', 'sodium.h': 'libsodium-dev', 'sodium/': 'libsodium-dev', 'zlib.h': 'zlib-dev', 'zconf.h': 'zlib-dev', 'bzlib.h': 'bzip2-dev', 'lzma.h': 'xz-dev',
  'zstd.h': 'zstd-dev', 'lz4.h': 'lz4-dev', 'brotli/': 'brotli-dev', 'argon2.h': 'argon2-dev', 'nettle/': 'nettle-dev', 'gcrypt.h': 'libgcrypt-dev', 'mbedtls/': 'mbedtls-dev',
  'gmp.h': 'gmp-dev', 'curl/': 'curl-dev', 'libssh2.h': 'libssh2-dev', 'nghttp2/': 'nghttp2-dev', 'event2/': 'libevent-dev', 'event.h': 'libevent-dev', 'uv.h': 'libuv-dev', 'ev.h': 'libev-dev',
  'sqlite3.h': 'sqlite-dev', 'expat.h': 'expat-dev', 'libxml/': 'libxml2-dev', 'yaml.h': 'yaml-dev', 'jansson.h': 'jansson-dev', 'json-c/': 'json-c-dev',
  'ncurses.h': 'ncurses-dev', 'curses.h': 'ncurses-dev', 'term.h': 'ncurses-dev', 'readline/': 'readline-dev', 'editline/': 'libedit-dev', 'histedit.h': 'libedit-dev',
  'png.h': 'libpng-dev', 'jpeglib.h': 'libjpeg-turbo-dev', 'ft2build.h': 'freetype-dev', 'seccomp.h': 'libseccomp-dev', 'libelf.h': 'elfutils-dev', 'gelf.h': 'elfutils-dev',
  'pcap.h': 'libpcap-dev', 'pcap/': 'libpcap-dev', 'uuid/': 'util-linux-dev', 'blkid/': 'util-linux-dev', 'pcre.h': 'pcre-dev', 'pcre2.h': 'pcre2-dev', 'ffi.h': 'libffi-dev',
  'libintl.h': 'gettext-dev', 'fts.h': 'musl-fts-dev', 'obstack.h': 'musl-obstack-dev', 'argp.h': 'argp-standalone', 'rpc/': 'libtirpc-dev', 'bsd/': 'libbsd-dev',
  'security/': 'linux-pam-dev', 'fuse.h': 'fuse-dev', 'fuse3/': 'fuse3-dev', 'archive.h': 'libarchive-dev', 'glib.h': 'glib-dev', 'unicode/': 'icu-dev', 'libunwind.h': 'libunwind-dev',
  'iostream': 'g++', 'string': 'g++', 'vector': 'g++', 'map': 'g++', 'memory': 'g++', 'cstdio': 'g++', 'cstdint': 'g++', 'algorithm': 'g++', 'Python.h': 'python3-dev',
};

/** Programs that a build asks for. */
export const PROGRAM_PACKAGES: Readonly<Record<string, string>> = {
  gcc: 'gcc', cc: 'gcc', cc1: 'gcc', collect2: 'gcc', cc1plus: 'g++', cc1obj: 'gcc-objc', f951: 'gfortran', gfortran: 'gfortran', 'ld.lld': 'lld', 'ld.gold': 'binutils-gold', 'ld.bfd': 'binutils', 'g++': 'g++', 'c++': 'g++', as: 'binutils', ld: 'binutils', ar: 'binutils', strip: 'binutils', make: 'make', cmake: 'cmake', ninja: 'samurai', meson: 'meson',
  perl: 'perl', python3: 'python3', autoconf: 'autoconf', autoreconf: 'autoconf', automake: 'automake', aclocal: 'automake', libtool: 'libtool', libtoolize: 'libtool', 'pkg-config': 'pkgconf',
  bison: 'bison', yacc: 'bison', flex: 'flex', m4: 'm4', patch: 'patch', git: 'git', bash: 'bash', curl: 'curl', go: 'go', cargo: 'cargo', rustc: 'rust', clang: 'clang', upx: 'upx', nasm: 'nasm', file: 'file', gawk: 'gawk',
};

/** Functions that musl leaves to a package of their own. */
export const SYMBOL_PACKAGES: readonly { readonly pattern: RegExp; readonly pkg: string; readonly flag: string }[] = [
  { pattern: /^fts_(?:open|read|children|set|close)$/, pkg: 'musl-fts-dev', flag: '-lfts' },
  { pattern: /^_?obstack_/, pkg: 'musl-obstack-dev', flag: '-lobstack' },
  { pattern: /^argp_/, pkg: 'argp-standalone', flag: '-largp' },
  { pattern: /^(?:get|set|make|swap)context$/, pkg: 'libucontext-dev', flag: '-lucontext' },
  { pattern: /^libintl_/, pkg: 'gettext-dev', flag: '-lintl' },
  { pattern: /^(?:xdr_|clnt_|svc_|rpc_|authunix_)/, pkg: 'libtirpc-dev', flag: '-ltirpc' },
];
