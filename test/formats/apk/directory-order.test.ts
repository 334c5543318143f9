import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inApkOrder, murmur3 } from '../../../src/formats/apk/directory-order.ts';

describe("the order of apk's table of directories", () => {
  it.each([
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['test', 0, 0xba6bd213],
    ['Hello, world!', 0, 0xc0363e43],
    ['aaa', 0x9747b28c, 0x283e0130],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ])('hashes %j with seed %i as MurmurHash3 does', (text, seed, hash) => {
    expect(murmur3(text, seed)).toBe(hash);
  });

  it('neither loses nor adds a path, and does not depend on the order in which different buckets were met', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1, unit: 'binary-ascii' })), (paths) => {
        const ordered = inApkOrder(paths);
        expect([...ordered].sort()).toEqual([...paths].sort());
        const buckets = ordered.map((path) => murmur3(path, 5381) % 20_000);
        expect(buckets).toEqual([...buckets].sort((a, b) => a - b));
      }),
    );
  });

  it('puts the younger of two paths of one bucket first', () => {
    const first = new Map<number, string>();
    let pair: readonly [string, string] | undefined;
    for (let i = 0; pair === undefined; i++) {
      const bucket = murmur3(`d${i}`, 5381) % 20_000;
      const known = first.get(bucket);
      if (known === undefined) first.set(bucket, `d${i}`);
      else pair = [known, `d${i}`];
    }
    expect(inApkOrder(pair)).toEqual([pair[1], pair[0]]);
    expect(inApkOrder([...pair].reverse())).toEqual(pair);
  });
});
