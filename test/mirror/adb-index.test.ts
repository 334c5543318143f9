/** The v3 index that we write, next to the one that apk 3.0.6 made of the same packages. */
import { generateKeyPairSync } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { hostPath } from '../../src/core/paths.ts';
import { readAdbBlocks } from '../../src/formats/adb/adb-blocks.ts';
import { formatAdbDump } from '../../src/formats/adb/adb-dump.ts';
import { indexAdbDirectory } from '../../src/mirror/repository.ts';
import { signFile } from '../../src/mirror/sign-file.ts';
import { generateSigningKey, readSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { verifyIndex } from '../../src/verify/index-file.ts';
import { keyring, parseTrustedKey } from '../../src/verify/key.ts';
import { verifyPackage } from '../../src/verify/package-file.ts';
import { capability } from '../helpers/capabilities.ts';
import { makeApk, treeEntries } from '../helpers/make-apk.ts';
import { upstreamRoot } from '../helpers/upstream.ts';

const upstream = capability('upstream');
const theirs = join(upstreamRoot, 'adb');
const PACKAGES = [
  'demo-deflate-1.2.3-r4.apk',
  'demo-none-1.2.3-r4.apk',
  'demo-zstd-1.2.3-r4.apk',
  'libdemo-1.0-r0.apk',
];
const TIME = 1_700_000_000;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'alproot-adb-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const trust = (key: SigningKey) => keyring([parseTrustedKey(key.publicPem, key.publicName)]);
const index = (key: SigningKey | undefined, description = ''): string[] =>
  indexAdbDirectory({ directory: hostPath(directory), description, time: TIME, key });
const indexBytes = (): Buffer => readFileSync(join(directory, 'Packages.adb'));
function ecKey(): SigningKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const file = join(directory, 'curve.pem');
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return readSigningKey(hostPath(file));
}
function blockOf(file: string): Buffer {
  const blocks: Buffer[] = [];
  readAdbBlocks(
    bufferSource(file, readFileSync(file)),
    {
      adb: (_schema, bytes) => void blocks.push(Buffer.from(bytes)),
      signature: () => undefined,
      data: () => ({ write: () => undefined, close: () => undefined }),
    },
    1_000_000,
  );
  return Buffer.concat(blocks);
}
/** A dump without the line of signatures. */
const unsigned = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('# sig'))
    .join('\n');

describe.skipIf(upstream.skip)(`an index of apk 3's own packages${upstream.reason}`, () => {
  beforeEach(() => {
    for (const name of PACKAGES) copyFileSync(join(theirs, name), join(directory, name));
  });

  it('has the very ADB block of apk mkndx, and its dump', async () => {
    index(await generateSigningKey('test', 2048), 'demo v3 repository');
    expect(blockOf(join(directory, 'Packages.adb')).toString('hex')).toBe(
      blockOf(join(theirs, 'Packages.adb')).toString('hex'),
    );
    expect(unsigned(formatAdbDump(bufferSource('index', indexBytes())))).toBe(
      unsigned(readFileSync(join(theirs, 'Packages.dump.yaml'), 'utf8')),
    );
  });

  it.each(['RSA', 'EC'])('is the same each time and verified under its %s key, and under no other', async (kind) => {
    const key = kind === 'EC' ? ecKey() : await generateSigningKey('test', 2048);
    expect(index(key, 'demo')).toEqual([
      'demo-deflate-1.2.3-r4',
      'demo-none-1.2.3-r4',
      'demo-zstd-1.2.3-r4',
      'libdemo-1.0-r0',
    ]);
    const first = indexBytes();
    index(key, 'demo');
    if (kind === 'RSA') expect(indexBytes().equals(first)).toBe(true);
    const verified = verifyIndex(first, { location: 'here', keys: trust(key) });
    expect(verified.signers).toEqual([{ kind: 'key', keyName: key.publicName, algorithm: 'sha512' }]);
    expect(verified.index.packages.map(({ name, sizeBytes }) => `${name} ${sizeBytes}`)).toEqual([
      'demo-deflate 1298',
      'demo-none 201296',
      'demo-zstd 1030',
      'libdemo 361',
    ]);
    const other = await generateSigningKey('other', 2048);
    expect(() => verifyIndex(first, { location: 'here', keys: trust(other) })).toThrow(
      expect.objectContaining({ code: 'ALP_VERIFY_KEY' }) as Error,
    );
  });

  it.each(PACKAGES)('%s signed again has signatures of the new key and of its maker', async (name) => {
    const key = ecKey();
    const file = join(directory, name);
    await signFile(hostPath(file), key);
    await signFile(hostPath(file), key);
    const maker = name.startsWith('libdemo') ? 'test-ec.pub' : 'test-rsa.rsa.pub';
    const keys = keyring(trust(key).values(), [
      parseTrustedKey(readFileSync(join(theirs, 'keys', maker), 'utf8'), maker),
    ]);
    const verified = verifyPackage(bufferSource(name, readFileSync(file)), { keys });
    expect(verified.signers.map((signer) => (signer.kind === 'key' ? signer.keyName : ''))).toEqual([
      key.publicName,
      maker,
    ]);
    expect(blockOf(file).equals(blockOf(join(theirs, name)))).toBe(true);
  });
});

describe('a v3 index of v2 packages', () => {
  it(
    'knows each by the SHA-256 of its control member, by which the package is then accepted and ' + 'no other',
    async () => {
      const key = await generateSigningKey('test', 2048);
      const raw = {
        entries: treeEntries({ 'usr/bin/tool': 'content' }),
        info: { depend: ['musl>=1.2', '!other', 'so:libz.so.1'], provides: ['cmd:tool=1.0-r0'] },
      };
      const bytes = makeApk(raw, key);
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, 'a.apk'), bytes);
      index(key, 'mixed');
      const {
        index: {
          packages: [listed],
        },
      } = verifyIndex(indexBytes(), { location: 'here', keys: trust(key) });
      expect(listed?.checksum?.algorithm).toBe('sha256');
      expect(verifyPackage(bufferSource('a.apk', bytes), { keys: trust(key), expected: listed }).signers[0]).toEqual({
        kind: 'index',
        repository: 'index',
      });
      const duplicate = makeApk({ ...raw, entries: treeEntries({ 'usr/bin/tool': 'other!!' }) }, key);
      expect(() => verifyPackage(bufferSource('a.apk', duplicate), { keys: trust(key), expected: listed })).toThrow(
        expect.objectContaining({ code: 'ALP_VERIFY_DIGEST' }) as Error,
      );
    },
  );

  it('an EC key signs no v2 package', async () => {
    const key = ecKey();
    const file = join(directory, 'a.apk');
    writeFileSync(file, makeApk({ entries: treeEntries({ a: 'b' }) }, await generateSigningKey('test', 2048)));
    await expect(signFile(hostPath(file), key)).rejects.toMatchObject({ code: 'ALP_VERIFY_KEY' });
  });
});
