import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/digest.ts';
import { hostPath, joinHost, type HostPath } from '../../src/core/paths.ts';
import { createBundleFetcher } from '../../src/fetch/bundle-fetcher.ts';
import { createBundle, type BundleSigner } from '../../src/ship/bundle-create.ts';
import { openBundle } from '../../src/ship/bundle.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { systemClock } from '../../src/system/process/system-clock.ts';
import { bundleFiles, CONTENT, sampleLock } from '../helpers/locks.ts';

let root: HostPath;
let store: Store;
beforeEach(() => {
  root = hostPath(mkdtempSync(join(tmpdir(), 'alproot-bundle-')));
  store = openStore(joinHost(root, 'store'), { clock: systemClock });
  for (const bytes of Object.values(CONTENT)) store.putBlob(bytes);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const signer: BundleSigner = {
  publicName: 'me@example.org-1.rsa.pub',
  sign: (bytes) => sign('sha256', bytes, privateKey),
};
const make = (name: string, more: { signer?: BundleSigner } = {}): HostPath => {
  const output = joinHost(root, 'out', name);
  createBundle({ output, lock: sampleLock(), files: bundleFiles(), store, ...more });
  return output;
};
const noSigner = (): undefined => undefined;

describe('a bundle', () => {
  it('is the same bytes for the same content, in any order', () => {
    const first = make('a');
    const output = joinHost(root, 'out', 'b');
    createBundle({ output, lock: sampleLock(), files: bundleFiles().reverse(), store });
    expect(readFileSync(output)).toEqual(readFileSync(first));
    expect(readdirSync(join(root, 'out')).sort()).toEqual(['a', 'b']);
  });

  it('is a tar that tar lists', () => {
    const listed = spawnSync('tar', ['tf', make('a')], { encoding: 'utf8' })
      .stdout.trim()
      .split('\n');
    expect(listed).toEqual([
      'manifest.json',
      ...Object.values(CONTENT)
        .map((bytes) => `blobs/sha256/${sha256Hex(bytes)}`)
        .sort(),
    ]);
  });

  it('gives back each file, into an empty store, without a network', async () => {
    const bundle = openBundle(make('a'), { verify: noSigner });
    const target = openStore(joinHost(root, 'other'), { clock: systemClock });
    const fetcher = createBundleFetcher({ store: target, name: 'a', find: bundle.find });
    for (const [path, bytes] of Object.entries(CONTENT)) {
      const ref = await fetcher.fetch({ base: 'https://example.org/alpine', path, maxBytes: 1_000_000 });
      expect(ref).toEqual({ sha256: sha256Hex(bytes), sizeBytes: bytes.length });
      expect(readFileSync(target.blobPath(ref.sha256))).toEqual(bytes);
    }
    expect(bundle.manifest.lock).toEqual(sampleLock());
    expect(
      await fetcher.fetchOptional({ base: '', path: 'v3.19/community/x86_64/APKINDEX.tar.gz', maxBytes: 1 }),
    ).toBeUndefined();
    await expect(fetcher.fetch({ base: '', path: 'none', maxBytes: 1 })).rejects.toMatchObject({
      code: 'ALP_FETCH_NOT_FOUND',
    });
    await expect(
      fetcher.fetch({ base: '', path: 'v3.19/main/x86_64/musl-1.2.4-r2.apk', maxBytes: 1 }),
    ).rejects.toMatchObject({ code: 'ALP_LIMIT_SIZE' });
    bundle.close();
  });

  it('has a signature that the key of its maker confirms', () => {
    const path = make('signed', { signer });
    const bundle = openBundle(path, {
      requireSignature: true,
      verify: (manifest, [signature]) =>
        verify(
          'sha256',
          manifest,
          createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })),
          signature!.signature,
        )
          ? signature!.keyName
          : undefined,
    });
    expect([bundle.signedBy, bundle.signers]).toEqual([signer.publicName, [signer.publicName]]);
    bundle.close();
  });

  it('without a signature is refused where one is demanded', () => {
    expect(() => openBundle(make('a'), { verify: noSigner, requireSignature: true })).toThrow(
      expect.objectContaining({ code: 'ALP_VERIFY_UNKNOWN' }),
    );
  });

  it('bundles alproot itself as an executable file', () => {
    const output = joinHost(root, 'tool');
    createBundle({
      output,
      lock: sampleLock(),
      files: bundleFiles(),
      store,
      tool: [{ path: 'tool/start', bytes: Buffer.from('#!/bin/sh\necho started\n') }],
    });
    openBundle(output, { verify: noSigner }).close();
    expect(
      spawnSync('sh', ['-c', `cd '${root}' && tar xf tool tool/start -O | sh`], { encoding: 'utf8' }).stdout,
    ).toBe('started\n');
  });

  it('is not made at all when the store lacks a file', () => {
    rmSync(store.blobPath(bundleFiles()[0]!.sha256));
    expect(() => make('a')).toThrow(expect.objectContaining({ code: 'ALP_STORE_DAMAGED' }));
    expect(readdirSync(join(root, 'out'))).toEqual([]);
  });

  it('that is missing is a mistake of the user', () => {
    expect(() => openBundle(joinHost(root, 'none'), { verify: noSigner })).toThrow(
      expect.objectContaining({ code: 'ALP_USAGE_ARGUMENT' }),
    );
  });
});
