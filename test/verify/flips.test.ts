import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { AlprootError } from '../../src/core/errors.ts';
import { verifyAnyFile, type Verdict } from '../../src/verify/any-file.ts';
import { alpineKeys, bundledPins, hasUpstream, upstreamRoot } from '../helpers/upstream.ts';

const FILES = [
  'minirootfs/alpine-minirootfs-3.19.4-x86_64.tar.gz',
  'minirootfs/alpine-minirootfs-3.19.4-aarch64.tar.gz',
  'apkindex/v3.16-main-x86_64.APKINDEX.tar.gz',
  'apkindex/v3.17-main-aarch64.APKINDEX.tar.gz',
  'apk/alpine-baselayout-3.2.0-r23.aarch64.apk',
];

const verify = (name: string, bytes: Buffer): Verdict =>
  verifyAnyFile(bufferSource(name, bytes), { name: basename(name), keys: alpineKeys(), pins: bundledPins() });

/** A repeatable sequence of positions. */
function* positions(count: number, size: number): Generator<number> {
  for (let i = 0, state = 12_345; i < count; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    yield state % size;
  }
}

describe.skipIf(!hasUpstream && !process.env['ALPROOT_MUST']?.includes('upstream'))('real files of Alpine', () => {
  it.each(FILES)('%s is signed by Alpine', (name) => {
    const verdict = verify(name, readFileSync(join(upstreamRoot, name)));
    expect(verdict.signers.length).toBeGreaterThan(0);
    expect(verdict).toMatchSnapshot();
  });

  it.each(FILES)('%s with any byte flipped is refused as a failed verification', (name) => {
    const bytes = readFileSync(join(upstreamRoot, name));
    const accepted: number[] = [];
    for (const at of positions(name.startsWith('minirootfs') ? 40 : 120, bytes.length)) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      try {
        verify(name, flipped);
        accepted.push(at);
      } catch (error) {
        expect(error, `byte ${at}`).toBeInstanceOf(AlprootError);
        expect((error as AlprootError).exitStatus, `byte ${at}: ${(error as Error).message}`).toBe(4);
      }
    }
    // The signature member covers everything but itself; what is left free there are header bytes without meaning.
    expect(accepted.filter((at) => at > 700)).toEqual([]);
  });
});
