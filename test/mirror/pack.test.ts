import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { hostPath, type HostPath } from '../../src/core/paths.ts';
import { formatIndexFile } from '../../src/mirror/index-writer.ts';
import { packApk, type PackedApk } from '../../src/mirror/pack.ts';
import { formatIndexEntryText, formatPkginfoText, type PackageFacts } from '../../src/mirror/pkginfo-text.ts';
import { readApkControl } from '../../src/mirror/control-member.ts';
import { indexDirectory } from '../../src/mirror/repository.ts';
import { signFile } from '../../src/mirror/sign-file.ts';
import { generateSigningKey, readSigningKey, writeSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { verifyIndex } from '../../src/verify/index-file.ts';
import { keyring, parseTrustedKey } from '../../src/verify/key.ts';
import { verifyPackage } from '../../src/verify/package-file.ts';

const facts = (name: string, more: Partial<PackageFacts> = {}): PackageFacts => ({
  name,
  version: '1.0-r0',
  arch: 'x86_64',
  description: 'a test',
  url: 'https://example.org',
  license: 'MIT',
  origin: name,
  maintainer: 'A <a@example.org>',
  buildTime: 1_700_000_000,
  ...more,
});

let directory: HostPath;
let key: SigningKey;
let other: SigningKey;
const trusted = (one: SigningKey) => keyring([parseTrustedKey(one.publicPem, one.publicName)]);
const demo = (name: string, more: Partial<PackageFacts> = {}): Promise<PackedApk> =>
  packApk({
    facts: facts(name, more),
    key,
    scripts: { 'post-install': '#!/bin/sh\nexit 0\n' },
    triggers: ['/usr/share/x'],
    entries: [
      { kind: 'file', path: `opt/${name}/file`, mode: 0o644, bytes: Buffer.from(name) },
      { kind: 'symlink', path: `opt/${name}/link`, mode: 0o777, target: 'file' },
    ],
  });

beforeAll(async () => {
  directory = hostPath(mkdtempSync(join(tmpdir(), 'alproot-pack-')));
  [key, other] = await Promise.all([generateSigningKey('me@example.org', 2048), generateSigningKey('other', 2048)]);
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('packing', () => {
  it('makes a package that our verifier accepts with its key, scripts and triggers', async () => {
    const { bytes, fileName } = await demo('one');
    const verified = verifyPackage(bufferSource(fileName, bytes), { keys: trusted(key) });
    expect(fileName).toBe('one-1.0-r0.apk');
    expect(verified.package.record).toMatchObject({ name: 'one', version: '1.0-r0', installedSizeBytes: 3 });
    expect([...verified.package.scripts.keys()]).toEqual(['post-install']);
    expect(verified.package.triggers).toEqual(['/usr/share/x']);
    expect(verified.signers).toContainEqual({ kind: 'key', keyName: key.publicName, algorithm: 'sha256' });
  });

  it('is refused with any other key, and when a byte of its data is changed', async () => {
    const { bytes, fileName } = await demo('one');
    expect(() => verifyPackage(bufferSource(fileName, bytes), { keys: trusted(other) })).toThrow(
      expect.objectContaining({ code: 'ALP_VERIFY_KEY' }),
    );
    const changed = Buffer.from(bytes);
    changed[bytes.length - 20] = (changed[bytes.length - 20] ?? 0) ^ 1;
    expect(() => verifyPackage(bufferSource(fileName, changed), { keys: trusted(key) })).toThrow(
      /ALP_VERIFY|hash|damaged|datahash|gzip/,
    );
  });

  it('gives the same bytes for the same input, whatever the order of the entries', async () => {
    const entries = ['b', 'a/y', 'a/x'].map(
      (path) => ({ kind: 'file', path, mode: 0o644, bytes: Buffer.from(path) }) as const,
    );
    const [first, second] = await Promise.all([
      packApk({ facts: facts('p'), entries, key }),
      packApk({ facts: facts('p'), entries: [...entries].reverse(), key }),
    ]);
    expect(first.bytes.equals(second.bytes)).toBe(true);
  });

  it('refuses a control character in what .PKGINFO would say', () => {
    expect(() =>
      formatPkginfoText({
        facts: facts('x', { description: 'a\ndepend = evil' }),
        installedSizeBytes: 0,
        triggers: [],
        datahash: '',
      }),
    ).toThrow(expect.objectContaining({ code: 'ALP_FORMAT_APK' }));
  });
});

describe('indexing', () => {
  it('lists every package of a directory with the checksum that the verifier finds, and signs', async () => {
    const packed = await Promise.all([
      demo('one'),
      demo('two', { depends: ['one=1.0-r0', 'so:libc.musl-x86_64.so.1'], provides: ['cmd:two=1.0-r0'] }),
    ]);
    for (const { fileName, bytes } of packed) writeFileSync(join(directory, fileName), bytes);
    expect(await indexDirectory({ directory, description: 'v3.19 test', time: 1, key, arch: 'x86_64' })).toEqual([
      'one-1.0-r0',
      'two-1.0-r0',
    ]);
    const { index } = verifyIndex(readFileSync(join(directory, 'APKINDEX.tar.gz')), {
      location: '/m',
      keys: trusted(key),
    });
    expect(index.description).toBe('v3.19 test');
    expect(index.packages.map(({ name, sizeBytes }) => [name, sizeBytes])).toEqual(
      packed.map(({ pkginfo, bytes }) => [/pkgname = (.*)/.exec(pkginfo)?.[1], bytes.length]),
    );
    for (const [at, record] of index.packages.entries()) {
      const bytes = packed[at]?.bytes ?? Buffer.alloc(0);
      expect(
        verifyPackage(bufferSource('p', bytes), { keys: trusted(key), expected: record, repository: 'test' }).signers
          .length,
      ).toBeGreaterThan(0);
    }
  });

  it('leaves out packages of another architecture', async () => {
    expect(await indexDirectory({ directory, description: 'd', time: 1, key, arch: 'aarch64' })).toEqual([]);
  });

  it('sorts entries, so that the same packages give the same file', async () => {
    const entries = (await Promise.all([demo('b'), demo('a')])).map(({ pkginfo, controlSha1Hex, bytes }) =>
      formatIndexEntryText({ pkginfo, controlSha1Hex, sizeBytes: bytes.length }),
    );
    const make = (list: string[]) => formatIndexFile({ entries: list, description: 'd', time: 1, key });
    expect((await make(entries)).equals(await make([...entries].reverse()))).toBe(true);
  });

  it('says that a file without .PKGINFO is not a package', () => {
    expect(() => readApkControl(Buffer.from('not gzip at all, but long enough'), 'x.apk')).toThrow(
      expect.objectContaining({ code: 'ALP_FORMAT_APK' }),
    );
    expect(() => readApkControl(Buffer.alloc(0), 'x.apk')).toThrow(
      expect.objectContaining({ code: 'ALP_FORMAT_APK' }),
    );
  });
});

describe('keys and signatures', () => {
  it('writes the private half for its owner only, and reads the pair back', () => {
    writeSigningKey(key, directory, directory);
    const path = join(directory, key.publicName.replace('.pub', ''));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readSigningKey(hostPath(path))).toEqual(key);
    expect(key.publicName).toMatch(/^me@example\.org-[0-9a-f]{8}\.rsa\.pub$/);
  });

  it('refuses an owner that could be a path', async () => {
    await expect(generateSigningKey('../x')).rejects.toMatchObject({ code: 'ALP_USAGE_ARGUMENT' });
  });

  it('replaces the signature of a package and of an index, and nothing else', async () => {
    const { bytes, fileName } = await demo('three');
    const path = hostPath(join(directory, fileName));
    writeFileSync(path, bytes);
    await signFile(path, other);
    const signed = readFileSync(path);
    expect(verifyPackage(bufferSource(fileName, signed), { keys: trusted(other) }).package.record.name).toBe('three');
    expect(readApkControl(signed, path)).toEqual(readApkControl(bytes, path));
    const index = hostPath(join(directory, 'APKINDEX.tar.gz'));
    await signFile(index, other);
    expect(() => verifyIndex(readFileSync(index), { location: '/m', keys: trusted(key) })).toThrow(
      expect.objectContaining({ code: 'ALP_VERIFY_KEY' }),
    );
    expect(verifyIndex(readFileSync(index), { location: '/m', keys: trusted(other) }).signers).toHaveLength(1);
  });

  it('keep the size of a package whoever signs it', async () => {
    const sizes = await Promise.all(
      [key, await generateSigningKey('me@example.org', 2048)].map(
        async (one) => (await packApk({ facts: facts('same'), entries: [], key: one })).bytes.length,
      ),
    );
    expect(sizes[0]).toBe(sizes[1]);
  });

  it('puts the signature of any other file beside it', async () => {
    const path = hostPath(join(directory, 'bundle.alproot'));
    writeFileSync(path, 'content');
    expect(await signFile(path, key)).toBe(`${path}.rsa256.${key.publicName}`);
  });

  it('says so when the key to sign with is missing or not a key', () => {
    expect(() => readSigningKey(hostPath(join(directory, 'none.rsa')))).toThrow(
      expect.objectContaining({ code: 'ALP_VERIFY_KEY' }),
    );
    writeFileSync(join(directory, 'bad.rsa'), 'hello');
    expect(() => readSigningKey(hostPath(join(directory, 'bad.rsa')))).toThrow(
      expect.objectContaining({ code: 'ALP_VERIFY_KEY' }),
    );
  });
});
