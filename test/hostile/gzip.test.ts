/** Gzip members at their edges: what lenient readers join, drop or guess is refused at its byte. */
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { isAlprootError } from '../../src/core/errors.ts';
import { inflateMember, readMember } from '../../src/formats/gzip/gzip-member.ts';

const TEXT = Buffer.from('what was packed '.repeat(500));
const good = gzipSync(TEXT);
const raw = deflateRawSync(TEXT);
const [head, tail] = [good.subarray(0, 10), good.subarray(-8)];
const join = (...parts: readonly (Buffer | readonly number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part)));
const flagged = (flags: number): Buffer => join(head.subarray(0, 3), [flags], head.subarray(4));

function verdict(bytes: Buffer, header: 'plain' | 'any' = 'plain'): string {
  try {
    const { end, inflatedBytes } = inflateMember(bufferSource('x', bytes), 0, {
      maxBytes: 2 ** 20,
      limitName: 'test',
      header,
    });
    return `${inflatedBytes} bytes to ${end}`;
  } catch (error) {
    if (!isAlprootError(error)) throw error;
    return error.code;
  }
}
const RIGHT = `${TEXT.length} bytes to ${good.length}`;

describe('a gzip member', () => {
  it('ends at its trailer, whatever follows: that is for the next reader to verify', () => {
    for (const more of [[], [0], [0x1f, 0x8b], gzipSync('second'), Buffer.alloc(512), Buffer.from('junk')])
      expect(verdict(join(good, more))).toBe(RIGHT);
  });

  it.each<[string, Buffer]>([
    ['a zlib stream', deflateSync(TEXT)],
    ['a raw deflate stream', raw],
    ['nothing', Buffer.alloc(0)],
    ['its header alone', head],
    ['half a header', head.subarray(0, 5)],
    ['another method', join(head.subarray(0, 2), [7], head.subarray(3), raw, tail)],
    ['no deflate stream', join(head, tail)],
    ['a stream of nonsense', join(head, Buffer.alloc(100, 0xff), tail)],
    ['a stored block whose length lies', join(head, [1, 5, 0, 5, 0], Buffer.from('12345'), tail)],
    ['a stream without last block', join(head, deflateRawSync(TEXT, { finishFlush: 2 }), tail)],
    ['bytes between stream and trailer', join(head, raw, [0], tail)],
    ['a wrong checksum', join(good.subarray(0, -8), [tail[0]! ^ 1], tail.subarray(1))],
    ['a wrong length', join(good.subarray(0, -1), [tail[7]! ^ 1])],
    ['the length of another file', join(good.subarray(0, -4), [0, 0, 0, 0])],
  ])('that is %s is refused', (_what, bytes) => {
    expect(verdict(bytes)).toBe('ALP_FORMAT_GZIP');
  });

  it('is refused at every cut', () => {
    for (let at = 0; at < good.length; at++)
      expect([at, verdict(good.subarray(0, at))]).toEqual([at, 'ALP_FORMAT_GZIP']);
  });

  it('is refused for every flipped bit that means something', () => {
    for (let bit = 0; bit < good.length * 8; bit++) {
      const flipped = Buffer.from(good);
      flipped[bit >> 3] = flipped[bit >> 3]! ^ (1 << (bit & 7));
      // Time, extra flags and system mean nothing, nor may the bits that fill the last byte of the stream: hashes run
      // over them.
      const isFree = (bit >= 4 * 8 && bit < 10 * 8) || (bit >> 3 === good.length - 9 && verdict(flipped) === RIGHT);
      expect([bit, verdict(flipped)]).toEqual([bit, isFree ? RIGHT : 'ALP_FORMAT_GZIP']);
    }
  });

  it.each([1, 2, 4, 8, 16, 0x1f, 0x20, 0x40, 0x80])('with header flags %i is refused in a package', (flags) => {
    expect(verdict(join(flagged(flags), Buffer.from('\0\0name\0comment\0\0\0'), raw, tail))).toBe('ALP_FORMAT_GZIP');
  });

  it('may have a name, a comment and extra bytes in a minirootfs, at their right lengths only', () => {
    expect(verdict(join(flagged(8), Buffer.from('name\0'), raw, tail), 'any')).toMatch(/ bytes to /);
    expect(verdict(join(flagged(4), [3, 0, 1, 2, 3], raw, tail), 'any')).toMatch(/ bytes to /);
    for (const bytes of [
      join(flagged(8), Buffer.from('n'.repeat(100_000)), raw, tail),
      join(flagged(4), [0xff, 0xff], raw, tail),
      join(flagged(0x20), raw, tail),
      join(flagged(4), [9]),
    ])
      expect(verdict(bytes, 'any')).toBe('ALP_FORMAT_GZIP');
  });

  it('of empty content is one, and ten thousand of them are read one by one', () => {
    const empty = gzipSync('');
    const many = Buffer.concat(Array.from({ length: 10_000 }, () => empty));
    let at = 0;
    for (; at < many.length;) {
      const { end, bytes } = readMember(bufferSource('x', many), at, { maxBytes: 1, limitName: 'test' });
      expect(bytes.length).toBe(0);
      at = end;
    }
    expect(at).toBe(many.length);
  });

  it('is stopped at its cap while it inflates, not afterwards', () => {
    let seen = 0;
    const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20));
    expect(() =>
      inflateMember(bufferSource('x', bomb), 0, {
        maxBytes: 2 ** 20,
        limitName: 'test',
        onInflated: (chunk) => void (seen += chunk.length),
      }),
    ).toThrow(expect.objectContaining({ code: 'ALP_LIMIT_SIZE' }));
    expect(seen).toBeLessThanOrEqual(2 ** 20);
  });
});
