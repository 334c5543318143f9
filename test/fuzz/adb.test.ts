import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { AlprootError } from '../../src/core/errors.ts';
import { readAdbBlocks } from '../../src/formats/adb/adb-blocks.ts';
import type { AdbSchema } from '../../src/formats/adb/adb-block-reader.ts';
import { formatAdbDump } from '../../src/formats/adb/adb-dump.ts';
import { formatAdbBlock, formatAdbFile } from '../../src/formats/adb/adb-writer.ts';
import { adbSignature } from '../../src/mirror/adb-sign.ts';
import { generateSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { verifyIndex } from '../../src/verify/index-file.ts';
import { keyring, parseTrustedKey, type TrustedKeys } from '../../src/verify/key.ts';
import { verifyPackage } from '../../src/verify/package-file.ts';
import { BOX } from '../helpers/fuzz.ts';
import { capability } from '../helpers/capabilities.ts';
import { growthOf } from '../helpers/memory.ts';
import { upstreamRoot } from '../helpers/upstream.ts';

const MEMORY = 256 * 1024 * 1024;

const upstream = capability('upstream');
const FILES = [
  'Packages.adb',
  'libdemo-1.0-r0.apk',
  'demo-none-1.2.3-r4.apk',
  'demo-deflate-1.2.3-r4.apk',
  'demo-zstd-1.2.3-r4.apk',
];

interface Parts {
  readonly schema: AdbSchema;
  readonly block: Buffer;
  readonly data: readonly Buffer[];
}

/** What a file is made of, so that its inside can be changed under a right signature. */
function partsOf(bytes: Buffer): Parts {
  const data: Buffer[] = [];
  let found: Omit<Parts, 'data'> = { schema: 'index', block: bytes };
  readAdbBlocks(
    bufferSource('seed', bytes),
    {
      adb: (schema, block) => {
        found = { schema, block: Buffer.from(block) };
      },
      signature: () => undefined,
      data: (path, file) => {
        const ids = Buffer.alloc(8);
        ids.writeUInt32LE(path, 0);
        ids.writeUInt32LE(file, 4);
        const chunks = [ids];
        return {
          write: (chunk) => void chunks.push(Buffer.from(chunk)),
          close: () => void data.push(Buffer.concat(chunks)),
        };
      },
    },
    10_000_000,
  );
  return { ...found, data };
}

type Edits = readonly (readonly [number, number, number])[];
const edits = (size: number): fc.Arbitrary<Edits> =>
  fc.array(
    fc.tuple(
      fc.oneof(fc.nat(Math.min(64, size) - 1), fc.nat(size - 1)),
      fc.constantFrom(1, 2, 4),
      fc.oneof(fc.constantFrom(0, 1, 0x0e, 0x7f, 0x80, 0xe0, 0xff), fc.nat(255)),
    ),
    { minLength: 1, maxLength: 6 },
  );

function mutate(seed: Buffer, changes: Edits): Buffer {
  const copy = Buffer.from(seed);
  for (const [at, width, value] of changes) copy.fill(value, at, Math.min(copy.length, at + width));
  return copy;
}

describe.skipIf(upstream.skip)(`changed files of apk v3${upstream.reason}`, () => {
  let seeds: readonly Buffer[];
  let parts: readonly Parts[];
  let key: SigningKey;
  let keys: TrustedKeys;

  beforeAll(async () => {
    seeds = FILES.map((name) => readFileSync(join(upstreamRoot, 'adb', name)));
    parts = seeds.map(partsOf);
    key = await generateSigningKey('fuzz', 2048);
    const theirs = ['test-ec.pub', 'test-rsa.rsa.pub'].map((name) =>
      parseTrustedKey(readFileSync(join(upstreamRoot, 'adb/keys', name), 'utf8'), name),
    );
    keys = keyring([parseTrustedKey(key.publicPem, key.publicName), ...theirs]);
  });

  /** Everything that reads such files; only our own errors come out. */
  function read(bytes: Buffer): void {
    const source = bufferSource('fuzzed', bytes);
    for (const work of [
      () => formatAdbDump(source),
      () => verifyPackage(source, { keys }),
      () => verifyPackage(source, { keys, allowUntrusted: true }),
      () => verifyIndex(bytes, { location: 'fuzzed', keys, allowUntrusted: true }),
    ]) {
      expect(
        growthOf(() => {
          try {
            work();
          } catch (error) {
            if (!(error instanceof AlprootError) || !/^ALP_(?:FORMAT|VERIFY|LIMIT|UNPACK)_/.test(error.code))
              throw error;
          }
        }),
      ).toBeLessThan(MEMORY);
    }
  }

  it('end in our own errors, in bounded memory', () => {
    const changed = fc
      .nat(FILES.length - 1)
      .chain((which) => fc.tuple(fc.constant(which), edits((seeds[which] ?? Buffer.alloc(1)).length), fc.nat()));
    fc.assert(
      fc.property(changed, ([which, changes, cut]) => {
        const bytes = mutate(seeds[which] ?? Buffer.alloc(0), changes);
        read(bytes);
        read(bytes.subarray(0, cut % bytes.length));
      }),
      BOX,
    );
  });

  it('end so too when the inside is changed under a right signature', () => {
    const changed = fc
      .nat(FILES.length - 1)
      .chain((which) =>
        fc.tuple(fc.constant(which), edits((parts[which]?.block ?? Buffer.alloc(1)).length), fc.boolean()),
      );
    fc.assert(
      fc.property(changed, ([which, changes, isPlain]) => {
        const { schema, block, data } = parts[which] ?? { schema: 'index' as const, block: Buffer.alloc(0), data: [] };
        const inside = mutate(block, changes);
        read(
          formatAdbFile(
            schema,
            [
              formatAdbBlock('adb', inside),
              formatAdbBlock('signature', adbSignature(schema, inside, key)),
              ...data.map((one) => formatAdbBlock('data', one)),
            ],
            isPlain,
          ),
        );
      }),
      BOX,
    );
  });
});
