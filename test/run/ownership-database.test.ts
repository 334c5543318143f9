/** The records that a sandbox shares with its builder. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatRecords,
  parseRecords,
  RECORDS_BYTES,
  type OwnerSlot,
} from '../../src/run/owners/ownership-database.ts';

const HEADER = { uid: 0, gid: 0, start: 1n };
const fileOf = (slots: readonly OwnerSlot[]): Buffer => {
  const bytes = Buffer.alloc(RECORDS_BYTES);
  for (const piece of formatRecords(HEADER, slots)) piece.bytes.copy(bytes, piece.at);
  return bytes;
};
const id = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const slot = fc.record(
  {
    dev: fc.bigInt(0n, 2n ** 64n - 1n),
    ino: fc.bigInt(1n, 2n ** 64n - 1n),
    birth: fc.bigInt(0n, 2n ** 63n),
    owner: fc.record({ uid: id, gid: id }),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    capability: fc.uint8Array({ maxLength: 24 }),
  },
  { requiredKeys: ['dev', 'ino', 'birth'], noNullPrototype: true },
);

describe('owner records', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(fc.uniqueArray(slot, { maxLength: 20, selector: ({ ino }) => ino }), (slots) => {
        const order = (a: OwnerSlot, b: OwnerSlot): number => (a.ino < b.ino ? -1 : 1);
        expect(parseRecords(fileOf(slots)).sort(order)).toEqual([...slots].sort(order));
      }),
      { numRuns: 20 },
    );
  });

  it('of inodes that meet in one place are all kept', () => {
    const slots = [5n, 5n + 2n ** 18n, 5n + 2n ** 19n, 6n].map((ino) => ({
      dev: 1n,
      ino,
      birth: 0n,
      owner: { uid: Number(ino % 1000n), gid: 0 },
    }));
    expect(new Set(parseRecords(fileOf(slots)).map(({ ino }) => ino))).toEqual(new Set(slots.map(({ ino }) => ino)));
  });

  it('are refused when they were cut, grown or overwritten', () => {
    const bytes = fileOf([]);
    const overwritten = Buffer.from(bytes);
    overwritten[0] = 0;
    for (const damaged of [bytes.subarray(1), Buffer.concat([bytes, Buffer.alloc(1)]), overwritten]) {
      expect(() => parseRecords(damaged)).toThrow(expect.objectContaining({ code: 'ALP_RUN_OWNERS' }));
    }
  });

  it('with sizes and modes out of range are read within their range', () => {
    const bytes = fileOf([{ dev: 1n, ino: 0n, birth: 0n, mode: 0o755, capability: Uint8Array.of(1) }]);
    bytes.writeUInt32LE(0xffffffff, 4096 + 36);
    bytes.writeUInt32LE(0xffffffff, 4096 + 40);
    expect(parseRecords(bytes)).toEqual([
      expect.objectContaining({ mode: 0o7777, capability: Uint8Array.from([1, ...new Array<number>(23).fill(0)]) }),
    ]);
  });

  it('beyond their room are refused', () => {
    const slots = Array.from({ length: 2 ** 17 + 1 }, (_, ino) => ({ dev: 1n, ino: BigInt(ino), birth: 0n }));
    expect(() => formatRecords(HEADER, slots)).toThrow(expect.objectContaining({ code: 'ALP_LIMIT_COUNT' }));
  });
});
