import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/digest.ts';
import type { Arch } from '../../src/core/package.ts';
import { parseLock } from '../../src/formats/lock/lockfile-reader.ts';
import { formatLock, type Lock } from '../../src/formats/lock/lockfile.ts';
import { withFields } from '../../src/formats/apk/package-fields.ts';
import { verifyIndex } from '../../src/verify/index-file.ts';
import { capability } from '../helpers/capabilities.ts';
import { sampleLock } from '../helpers/locks.ts';
import { alpineKeys, hasUpstream, upstreamRoot } from '../helpers/upstream.ts';

const { skip, reason } = capability('upstream');
const files = hasUpstream
  ? readdirSync(join(upstreamRoot, 'apkindex')).filter((name) => name.endsWith('.tar.gz'))
  : [];

describe.skipIf(skip)(`a lock of every package that Alpine has${reason}`, () => {
  it.each(files)('keeps all that %s says of them', (file) => {
    const bytes = readFileSync(join(upstreamRoot, 'apkindex', file));
    const { index } = verifyIndex(bytes, { location: 'https://example.org/main', keys: alpineKeys() });
    const arch: Arch = file.includes('aarch64') ? 'aarch64' : 'x86_64';
    const [environment] = sampleLock().environments;
    const lock: Lock = {
      requests: [],
      downloads: [],
      environments: [
        {
          ...environment!,
          arch,
          minirootfs: { ...environment!.minirootfs, file: `alpine-minirootfs-3.19.4-${arch}.tar.gz` },
          packages: index.packages.map((record) => ({
            record: withFields(record, {}),
            repository: 'v3.19/main',
            sha256: sha256Hex(record.name),
            because: ['world'],
          })),
        },
      ],
    };
    expect(index.packages.length).toBeGreaterThan(4000);
    expect(parseLock(formatLock(lock))).toEqual(lock);
  });
});
