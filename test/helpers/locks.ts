/** A small sound lock and the bytes that it pins, for tests that then change one thing. */
import { sha256Hex, sha512Hex } from '../../src/core/digest.ts';
import type { BundleFile } from '../../src/formats/lock/bundle-manifest.ts';
import type { Lock, LockedPackage } from '../../src/formats/lock/lockfile.ts';
import { pkg } from './packages.ts';

const DOWNLOAD = `downloads/${sha256Hex('download')}`;

export const CONTENT: Readonly<Record<string, Buffer>> = {
  'v3.19/releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz': Buffer.from('minirootfs'),
  'v3.19/main/x86_64/APKINDEX.tar.gz': Buffer.from('index'),
  'v3.19/main/x86_64/musl-1.2.4-r2.apk': Buffer.from('musl package'),
  'v3.19/main/x86_64/musl-dev-1.2.4-r2.apk': Buffer.alloc(70_000, 7),
  [DOWNLOAD]: Buffer.from('download'),
};

const bytesOf = (path: string): Buffer => CONTENT[path] ?? Buffer.alloc(0);

export const lockedPackage = (
  name: string,
  version: string,
  depends = '',
  path = `v3.19/main/x86_64/${name}-${version}.apk`,
): LockedPackage => ({
  record: {
    ...pkg(`${name}-${version}`, {
      depends,
      sizeBytes: bytesOf(path).length,
      description: 'caf\u00c3\u00a9',
      provides: 'so:x=1',
    }),
    name,
    version,
    replaces: [],
    buildTime: 1_700_000_000,
  },
  repository: 'v3.19/main',
  sha256: sha256Hex(bytesOf(path)),
  because: name === 'musl' ? ['musl-dev'] : ['world'],
});

export function sampleLock(): Lock {
  const [rootfs = '', index = ''] = Object.keys(CONTENT);
  return {
    requests: ['FROM alpine:3.19', 'musl-dev'],
    downloads: [
      {
        url: 'https://example.org/v1.0.tar.gz?raw=1',
        sha256: sha256Hex(bytesOf(DOWNLOAD)),
        sizeBytes: bytesOf(DOWNLOAD).length,
      },
    ],
    environments: [
      {
        release: '3.19.4',
        arch: 'x86_64',
        minirootfs: {
          file: rootfs.split('/').at(-1) ?? '',
          sizeBytes: bytesOf(rootfs).length,
          sha256: sha256Hex(bytesOf(rootfs)),
          sha512: sha512Hex(bytesOf(rootfs)),
        },
        repositories: [
          {
            location: 'v3.19/main',
            description: 'v3.19.4-12-gabc',
            sha256: sha256Hex(bytesOf(index)),
            sizeBytes: bytesOf(index).length,
          },
        ],
        world: [{ name: 'musl-dev', op: 'any', version: '', conflict: false }],
        packages: [lockedPackage('musl', '1.2.4-r2'), lockedPackage('musl-dev', '1.2.4-r2', 'musl=1.2.4-r2')],
      },
    ],
  };
}

export const bundleFiles = (): BundleFile[] =>
  Object.entries(CONTENT).map(([path, bytes]) => ({ path, sha256: sha256Hex(bytes), sizeBytes: bytes.length }));
