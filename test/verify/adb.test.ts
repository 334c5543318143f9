import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { AlprootError } from '../../src/core/errors.ts';
import { verifyAdb } from '../../src/verify/adb-file.ts';
import { keyring, parseTrustedKey } from '../../src/verify/key.ts';
import { capability } from '../helpers/capabilities.ts';
import { upstreamRoot } from '../helpers/upstream.ts';

const upstream = capability('upstream');
const root = join(upstreamRoot, 'adb');
const FILES = [
  'Packages.adb',
  'libdemo-1.0-r0.apk',
  'demo-none-1.2.3-r4.apk',
  'demo-deflate-1.2.3-r4.apk',
  'demo-zstd-1.2.3-r4.apk',
];
const keys = () =>
  keyring(
    ['test-ec.pub', 'test-rsa.rsa.pub'].map((name) =>
      parseTrustedKey(readFileSync(join(root, 'keys', name), 'utf8'), name),
    ),
  );
const verify = (name: string, bytes: Buffer) => verifyAdb(bufferSource(name, bytes), { keys: keys(), location: name });
/** All that was verified but the hash of the file itself: deflate has bits that mean nothing. */
const meaningOf = (verdict: ReturnType<typeof verify>): string =>
  JSON.stringify(verdict, (field, value: unknown) => (field === 'sha256' ? undefined : value));
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return error instanceof AlprootError ? error.code : String(error);
  }
  return 'accepted';
};

describe.skipIf(upstream.skip)(`v3 files made by apk 3${upstream.reason}`, () => {
  it.each(FILES)('%s is signed by its maker', (name) => {
    const verdict = verify(name, readFileSync(join(root, name)));
    expect(verdict.signers).toEqual([
      { kind: 'key', keyName: name.startsWith('libdemo') ? 'test-ec.pub' : 'test-rsa.rsa.pub', algorithm: 'sha512' },
    ]);
  });

  it('an index names each package by the hash that the package has', () => {
    const verdict = verify('Packages.adb', readFileSync(join(root, 'Packages.adb')));
    if (verdict.kind !== 'index') throw new Error('not an index');
    const listed = verdict.index.packages.map(({ name, version, checksum, sizeBytes }) => ({
      name,
      version,
      checksum,
      sizeBytes,
    }));
    const own = ['demo-deflate-1.2.3-r4', 'demo-none-1.2.3-r4', 'demo-zstd-1.2.3-r4', 'libdemo-1.0-r0'].map((stem) => {
      const verified = verify(stem, readFileSync(join(root, `${stem}.apk`)));
      if (verified.kind !== 'package') throw new Error('not a package');
      const { name, version, checksum, sizeBytes } = verified.package.record;
      return { name, version, checksum, sizeBytes };
    });
    expect(listed).toEqual(own);
  });

  it.each(FILES)('%s without its key is refused', (name) => {
    expect(
      codeOf(() => verifyAdb(bufferSource(name, readFileSync(join(root, name))), { keys: keyring(), location: name })),
    ).toBe('ALP_VERIFY_KEY');
  });

  it.each(FILES)('%s with any byte flipped or cut short is refused in plain words or means the same', (name) => {
    const bytes = readFileSync(join(root, name));
    const same = meaningOf(verify(name, bytes));
    const wrong: string[] = [];
    const step = Math.ceil(bytes.length / 60);
    for (let at = bytes.length - 1; at >= 0; at -= at > bytes.length - 4 || at < 8 ? 1 : step) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      for (const [how, changed] of [
        ['flip', flipped],
        ['cut', bytes.subarray(0, at)],
      ] as const) {
        try {
          const verdict = verify(name, changed);
          if (how === 'cut' || meaningOf(verdict) !== same) wrong.push(`${how} ${at} accepted`);
        } catch (error) {
          if (!(error instanceof AlprootError) || !/^ALP_(VERIFY|LIMIT)_/.test(error.code))
            wrong.push(`${how} ${at}: ${String(error)}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('a zstd stream that asks for more memory than 128 MiB, or has something behind it, is refused', () => {
    const bytes = readFileSync(join(root, 'demo-zstd-1.2.3-r4.apk'));
    const wide = Buffer.concat([
      Buffer.from('ADBc\x02\x00', 'latin1'),
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0xa0, 1, 0, 0]),
    ]);
    expect(codeOf(() => verify('wide', wide))).toBe('ALP_VERIFY_STRUCTURE');
    expect(codeOf(() => verify('two', Buffer.concat([bytes, bytes.subarray(6)])))).toBe('ALP_VERIFY_STRUCTURE');
  });
});
