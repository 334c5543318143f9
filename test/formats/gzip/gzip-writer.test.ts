import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { formatGzipMember, formatGzipPieces } from '../../../src/formats/gzip/gzip-writer.ts';

async function gather(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const out: Buffer[] = [];
  for await (const piece of pieces) out.push(piece);
  return Buffer.concat(out);
}

describe('a gzip member made of pieces', () => {
  it.each([1, 511, 65_536, 1_000_003])('of %i bytes is that of the whole', async (size) => {
    const whole = Buffer.concat([randomBytes(300_000), Buffer.alloc(500_000, 'ab'), randomBytes(300_000)]).subarray(
      0,
      size === 1 ? 20_000 : undefined,
    );
    const pieces = Array.from({ length: Math.ceil(whole.length / size) }, (_, at) =>
      whole.subarray(at * size, (at + 1) * size),
    );
    expect((await gather(formatGzipPieces(pieces))).equals(await formatGzipMember(whole))).toBe(true);
  });

  it('of nothing is that of nothing', async () => {
    expect((await gather(formatGzipPieces([]))).equals(await formatGzipMember(Buffer.alloc(0)))).toBe(true);
  });

  it('asks for what goes in as it is packed, and holds little of it', async () => {
    let asked = 0;
    function* endless(): Generator<Buffer> {
      for (;;) yield (asked++, randomBytes(65_536));
    }
    let came = 0;
    for await (const piece of formatGzipPieces(endless())) {
      came += piece.length;
      if (came > 32 * 65_536) break;
      expect(asked * 65_536 - came).toBeLessThan(16 * 65_536);
    }
    expect(came).toBeGreaterThan(32 * 65_536);
  });

  it('ends with the error of what gives the pieces', async () => {
    function* broken(): Generator<Buffer> {
      yield Buffer.from('some');
      throw new Error('no more');
    }
    await expect(gather(formatGzipPieces(broken()))).rejects.toThrow('no more');
  });
});
