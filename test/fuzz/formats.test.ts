/** What comes from outside, changed at random: it is read, or refused with an error of ours, and nothing grows. */
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { AlprootError } from '../../src/core/errors.ts';
import { parseIndex } from '../../src/formats/apk/apkindex.ts';
import { formatBundleManifest, parseBundleManifest } from '../../src/formats/lock/bundle-manifest.ts';
import { formatDependencies, parseDependencies } from '../../src/formats/apk/dependency.ts';
import { inflateMember } from '../../src/formats/gzip/gzip-member.ts';
import { parseLock } from '../../src/formats/lock/lockfile-reader.ts';
import { formatLock } from '../../src/formats/lock/lockfile.ts';
import { parsePkginfo } from '../../src/formats/apk/pkginfo.ts';
import { createTarReader } from '../../src/formats/tar/tar-reader.ts';
import { compareVersions, isValidVersion, versionMatches } from '../../src/formats/apk/package-version.ts';
import { generateSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { keyring, parseTrustedKey, type TrustedKeys } from '../../src/verify/key.ts';
import { verifyDataMember } from '../../src/verify/data-member.ts';
import { verifyIndex } from '../../src/verify/index-file.ts';
import { verifyPackage } from '../../src/verify/package-file.ts';
import { BOX } from '../helpers/fuzz.ts';
import { growthOf } from '../helpers/memory.ts';
import { bundleFiles, sampleLock } from '../helpers/locks.ts';
import { makeApk, member, rawTar, treeEntries } from '../helpers/make-apk.ts';
import { entryOf, indexMember, signedIndex } from '../helpers/make-index.ts';
import { hasUpstream, upstreamRoot } from '../helpers/upstream.ts';

const MEMORY = 256 * 1024 * 1024;
const UNTRUSTED = /^ALP_(?:FORMAT|VERIFY|LIMIT|UNPACK)_/;

/** Bytes of interest at any place, a part cut out, a part said twice. */
const edits = fc.array(
  fc.tuple(
    fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    fc.constantFrom('set', 'cut', 'twice', 'insert'),
    fc.constantFrom(1, 2, 8, 512),
    fc.oneof(fc.constantFrom(0, 0x0a, 0x20, 0x2f, 0x30, 0x37, 0x7f, 0x80, 0xff), fc.nat(255)),
  ),
  { minLength: 1, maxLength: 6 },
);
type Edits = typeof edits extends fc.Arbitrary<infer T> ? T : never;

const changed = (seed: Buffer, list: Edits): Buffer =>
  list.reduce((bytes, [where, kind, width, value]) => {
    const at = Math.floor(where * (bytes.length + 1));
    const [before, part, after] = [bytes.subarray(0, at), bytes.subarray(at, at + width), bytes.subarray(at + width)];
    const middle = {
      set: Buffer.alloc(part.length, value),
      cut: Buffer.alloc(0),
      twice: Buffer.concat([part, part]),
      insert: Buffer.concat([Buffer.alloc(width, value), part]),
    }[kind];
    return Buffer.concat([before, middle, after]);
  }, seed);

/** Runs `work`; only an error of ours of the family may come out. */
function only(work: () => unknown, family = UNTRUSTED): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof AlprootError) || !family.test(error.code)) throw error;
    expect(error.message).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
  }
}

const overMutants = (seeds: readonly Buffer[], read: (bytes: Buffer) => void): void => {
  fc.assert(
    fc.property(fc.constantFrom(...seeds), edits, (seed, list) => {
      const bytes = changed(seed, list);
      expect(growthOf(() => read(bytes))).toBeLessThan(MEMORY);
    }),
    BOX,
  );
};

let key: SigningKey;
let keys: TrustedKeys;
beforeAll(async () => {
  key = await generateSigningKey('fuzz', 2048);
  keys = keyring([parseTrustedKey(key.publicPem, key.publicName)]);
});

const raw = {
  entries: treeEntries({
    'usr/bin/tool': 'content',
    'usr/bin/link': { type: '2', target: 'tool' },
    'usr/bin/hard': { type: '1', target: 'usr/bin/tool' },
    [`usr/share/${'long/'.repeat(30)}file`]: 'x',
  }),
  scripts: { 'post-install': '#!/bin/sh\n' },
};
const real = (path: string): Buffer[] => (hasUpstream ? [readFileSync(join(upstreamRoot, path))] : []);
const readTar = (bytes: Buffer, profile: 'data' | 'rootfs' | 'segment'): void => {
  const reader = createTarReader({ entry: () => ({ write: () => undefined, close: () => undefined }) }, profile);
  reader.push(bytes);
  reader.finish();
};

it('a changed gzip member', () => {
  overMutants([member(Buffer.from('hello'.repeat(1000))), member(Buffer.alloc(0))], (bytes) =>
    only(() => inflateMember(bufferSource('x', bytes), 0, { maxBytes: 1 << 20, limitName: 'x', header: 'any' })),
  );
});

it('a changed tar, in every profile', () => {
  const tar = rawTar(raw.entries, { end: true });
  overMutants(
    [tar, Buffer.concat([rawTar([{ name: 'L', type: 'L', content: 'long\0' }], { end: false }), tar])],
    (bytes) => {
      for (const profile of ['data', 'rootfs', 'segment'] as const) only(() => readTar(bytes, profile));
    },
  );
});

it('a changed tar under a right signature', () => {
  const tar = rawTar(raw.entries, { end: true });
  overMutants([tar], (bytes) =>
    only(() => {
      const source = bufferSource('a.apk', makeApk({ ...raw, dataTar: bytes }, key));
      verifyDataMember(source, verifyPackage(source, { keys }).package);
    }),
  );
});

it('a changed package', () => {
  overMutants([makeApk(raw, key), ...real('apk/alpine-baselayout-3.2.0-r23.aarch64.apk')], (bytes) => {
    const source = bufferSource('a.apk', bytes);
    for (const allowUntrusted of [false, true])
      only(() => void verifyDataMember(source, verifyPackage(source, { keys, allowUntrusted }).package));
  });
});

it('a changed .PKGINFO', () => {
  const text =
    'pkgname = a\npkgver = 1.0-r0\npkgdesc = caf\u00e9\nsize = 12\narch = x86_64\ndepend = so:libc.musl-x86_64.so.1 b>=1 !c\nprovides = cmd:a=1\ntriggers = /usr/*\ndatahash = ' +
    'a'.repeat(64) +
    '\n';
  overMutants([Buffer.from(text, 'latin1')], (bytes) => only(() => parsePkginfo(bytes.toString('latin1'))));
});

it('a changed index, as text and signed', () => {
  const entries =
    entryOf(raw, key, { D: 'b>=1 !c', p: 'cmd:a=1', i: 'x y' }) +
    entryOf(raw, key, { P: 'b', C: `Q1${'A'.repeat(27)}=`, k: '10' });
  const some = [Buffer.from(entries, 'latin1')];
  overMutants(some, (bytes) => only(() => JSON.stringify(parseIndex(bytes.toString('latin1')).packages)));
  overMutants([signedIndex(indexMember(entries), key)], (bytes) =>
    only(() => verifyIndex(bytes, { location: 'x', keys, allowUntrusted: true })),
  );
});

it('a changed lock', () => {
  overMutants([Buffer.from(formatLock(sampleLock()))], (bytes) =>
    only(() => parseLock(bytes.toString('utf8')), /^ALP_(?:FORMAT_LOCK|USAGE_VERSION|LIMIT_\w+)$/),
  );
});

it('a changed manifest of a bundle', () => {
  overMutants(
    [Buffer.from(formatBundleManifest({ lock: sampleLock(), files: bundleFiles(), keys: [], tool: [] }))],
    (bytes) =>
      only(() => parseBundleManifest(bytes.toString('utf8')), /^ALP_(?:FORMAT_LOCK|USAGE_VERSION|LIMIT_\w+)$/),
  );
});

it('versions are ordered whatever they are, and dependencies read back as they were written', () => {
  const part = fc.constantFrom(
    '1',
    '0',
    '01',
    '.',
    '_',
    '-r',
    '_rc',
    '_p',
    'a',
    'z',
    '~',
    'ff',
    '99999999999999999999',
    '\u00ff',
  );
  const text = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''));
  const sign = (value: number): number => Math.sign(value) + 0;
  fc.assert(
    fc.property(
      text,
      text,
      fc.constantFrom('<', '<=', '=', '>=', '>', '~', '<~', '>~'),
      fc.oneof(text, fc.string()),
      (left, right, op, words) => {
        if (isValidVersion(left) && isValidVersion(right))
          expect(sign(compareVersions(left, right)) + sign(compareVersions(right, left))).toBe(0);
        expect(compareVersions(left, left)).toBe(0);
        versionMatches(left, op as '=', right);
        only(() => {
          const dependencies = parseDependencies(`${words} a${op}${left}`);
          expect(parseDependencies(formatDependencies(dependencies))).toEqual(dependencies);
        });
      },
    ),
    BOX,
  );
});
