/** The ports: libraries that programs link with, so they have to be musl builds. More libraries are more rows. */
import { ARCHIVES, DEVELOPMENT, SHARED, type PortPackage, type PortRecipe } from './port.ts';

/** Debian's tarballs are often a plain checkout, and its patches touch what configure is made of. */
const AUTOTOOLS =
  'autoreconf -fi\n./configure --prefix=/usr --sysconfdir=/etc --localstatedir=/var --enable-static --enable-shared';
const GENERATORS = ['autoconf', 'automake', 'libtool'];
const MAKE = 'make -j"$JOBS"\nmake install DESTDIR="$DEST"';

/** Alpine's usual three: library, headers, archive. */
const three = (name: string, description: string): PortPackage[] => [
  { name: `${name}-static`, description: `${description} (static library)`, takes: ARCHIVES },
  { name: `${name}-dev`, description: `${description} (development files)`, takes: DEVELOPMENT, depends: [name] },
  { name, description, takes: SHARED, depends: ['musl'] },
];

export const PORTS: readonly PortRecipe[] = [
  {
    source: 'zlib',
    license: 'Zlib',
    url: 'https://zlib.net/',
    packages: three('zlib', 'A compression/decompression library'),
    build: `CHOST= CFLAGS="$CFLAGS -fPIC" ./configure --prefix=/usr --libdir=/usr/lib --shared\n${MAKE}`,
  },
  {
    source: 'libsodium',
    license: 'ISC',
    url: 'https://libsodium.org/',
    packages: three('libsodium', 'P(ortable|ackageable) NaCl-based crypto library'),
    needs: GENERATORS,
    build: `${AUTOTOOLS}\n${MAKE}`,
  },
  {
    source: 'openssl',
    license: 'Apache-2.0',
    url: 'https://www.openssl.org/',
    needs: ['perl'],
    build:
      `CC=gcc ./Configure "linux-$ARCH" --prefix=/usr --libdir=lib --openssldir=/etc/ssl shared no-zlib ` +
      `no-async no-comp no-idea no-mdc2 no-rc5 no-ec2m no-ssl3 no-seed no-weak-ssl-ciphers no-tests $CFLAGS
make -s -j"$JOBS" build_sw
make -s install_sw install_ssldirs DESTDIR="$DEST"`,
    packages: [
      { name: 'openssl-libs-static', description: 'Toolkit for TLS (static libraries)', takes: ARCHIVES },
      {
        name: 'openssl-dev',
        description: 'Toolkit for TLS (development files)',
        takes: DEVELOPMENT,
        depends: ['libcrypto3', 'libssl3'],
      },
      {
        name: 'libcrypto3',
        description: 'Crypto library from openssl',
        takes: /^usr\/lib\/(libcrypto\.so\.|engines-3\/|ossl-modules\/)|^etc\/ssl\/(openssl|ct_log_list)\.cnf$/,
        depends: ['musl'],
      },
      {
        name: 'libssl3',
        description: 'SSL shared libraries',
        takes: /^usr\/lib\/libssl\.so\./,
        depends: ['libcrypto3', 'musl'],
      },
      {
        name: 'openssl',
        description: 'Toolkit for Transport Layer Security (TLS)',
        takes: /^usr\/bin\/openssl$/,
        depends: ['libcrypto3', 'libssl3'],
      },
    ],
  },
  {
    source: 'libevent',
    license: 'BSD-3-Clause',
    url: 'https://libevent.org/',
    packages: three('libevent', 'an event notification library'),
    needs: GENERATORS,
    build: `${AUTOTOOLS} --disable-openssl --disable-samples\n${MAKE}`,
  },
  {
    source: 'expat',
    license: 'MIT',
    url: 'https://libexpat.github.io/',
    packages: three('expat', 'XML Parser library written in C'),
    needs: GENERATORS,
    build: `[ ! -d expat ] || cd expat\n${AUTOTOOLS} --without-docbook --without-tests\n${MAKE}`,
  },
  {
    source: 'lz4',
    license: 'BSD-2-Clause',
    url: 'https://lz4.org/',
    build: 'make -j"$JOBS" lib CFLAGS="$CFLAGS -fPIC"\nmake -C lib install PREFIX=/usr DESTDIR="$DEST"',
    packages: [
      { name: 'lz4-static', description: 'LZ4 (static library)', takes: ARCHIVES },
      { name: 'lz4-dev', description: 'LZ4 (development files)', takes: DEVELOPMENT, depends: ['lz4-libs'] },
      {
        name: 'lz4-libs',
        description: 'Extremely fast compression algorithm (libraries)',
        takes: SHARED,
        depends: ['musl'],
      },
    ],
  },
];
