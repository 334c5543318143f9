/**
 * Keys count for their own mirror and their own architecture, and only public RSA or EC keys of a sound size are keys.
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testConfig } from '../helpers/config.ts';
import type { Config } from '../../src/core/config.ts';
import { type MirrorSpec, mirrorAt } from '../../src/core/mirror.ts';
import { isAlprootError } from '../../src/core/errors.ts';
import { hostPath } from '../../src/core/paths.ts';
import { packApk } from '../../src/mirror/pack.ts';
import { indexDirectory } from '../../src/mirror/repository.ts';
import { generateSigningKey, type SigningKey } from '../../src/mirror/signing.ts';
import { withInstall } from '../../src/pipeline/repository/install-context.ts';
import { fetchSources } from '../../src/pipeline/repository/release-indexes.ts';
import { alpineKeys, mirrorKeys, readKeys } from '../../src/pipeline/session/trusted-keys.ts';
import { verifyIndex } from '../../src/verify/index-file.ts';
import { capability } from '../helpers/capabilities.ts';
import { upstreamRoot } from '../helpers/upstream.ts';

let work: string;
beforeEach(() => void (work = mkdtempSync(join(tmpdir(), 'alproot-keys-'))));
afterEach(() => rmSync(work, { recursive: true, force: true }));

const codeOf = async (attempt: () => unknown): Promise<string> => {
  try {
    await attempt();
    return 'accepted';
  } catch (error) {
    if (!isAlprootError(error)) throw error;
    return error.code;
  }
};

/** A mirror of one section by `key`; `trusted` are the keys that are given for it. */
async function publish(name: string, key: SigningKey, trusted: readonly SigningKey[]): Promise<MirrorSpec> {
  const directory = join(work, name, 'v3.19', 'main', 'x86_64');
  mkdirSync(directory, { recursive: true });
  const { fileName, bytes } = await packApk({
    key,
    facts: {
      name: 'a',
      version: '1-r0',
      arch: 'x86_64',
      description: 'd',
      url: 'https://example.org',
      license: 'MIT',
      origin: 'a',
      maintainer: 'A <a@example.org>',
      buildTime: 1000,
    },
    entries: [],
  });
  writeFileSync(join(directory, fileName), bytes);
  await indexDirectory({ directory: hostPath(directory), description: name, time: 1000, key, arch: 'x86_64' });
  for (const one of trusted) writeFileSync(join(work, one.publicName), one.publicPem);
  return mirrorAt(join(work, name), { keys: trusted.map(({ publicName }) => hostPath(join(work, publicName))) });
}

/** The code of the refusal, or which mirror the index was taken from. */
const fetch = async (mirrors: readonly MirrorSpec[]): Promise<string> => {
  const config: Config = testConfig({ cache: hostPath(join(work, 'cache')), mirrors: [...mirrors] });
  let from = '';
  const code = await codeOf(() =>
    withInstall(config, async (session) => {
      from = basename((await fetchSources(session, { mirrors, debian: undefined, release: '3.19' })).mirror.base);
    }),
  );
  return code === 'accepted' ? `accepted from ${from}` : code;
};

describe('a key that is given for one mirror', () => {
  it('does not sign for another, be that named before or after it', async () => {
    const [ours, theirs] = [await generateSigningKey('ours', 2048), await generateSigningKey('theirs', 2048)];
    const right = await publish('right', ours, [ours]);
    const wrong = await publish('wrong', ours, [theirs]);
    expect(await fetch([right])).toBe('accepted from right');
    expect(await fetch([wrong])).toBe('ALP_VERIFY_KEY');
    for (const mirrors of [
      [wrong, right],
      [right, wrong],
      [{ ...wrong, keys: [] }, right],
    ])
      expect(await fetch(mirrors)).toBe('accepted from right');
  });

  it("does not become Alpine's by taking the name of one of its keys", async () => {
    const [name = ''] = [...alpineKeys('x86_64').keys()];
    const forger = { ...(await generateSigningKey('forger', 2048)), publicName: name };
    expect(await fetch([await publish('forged', forger, [])])).toBe('ALP_VERIFY_SIGNATURE');
  });
});

const upstream = capability('upstream');
describe.skipIf(upstream.skip)(`Alpine's keys${upstream.reason}`, () => {
  it.each([
    ['v3.16-main-x86_64', 'x86_64', 'aarch64'],
    ['v3.17-main-aarch64', 'aarch64', 'x86_64'],
  ] as const)('sign for the index %s of their own architecture only', async (name, own, other) => {
    const bytes = readFileSync(join(upstreamRoot, 'apkindex', `${name}.APKINDEX.tar.gz`));
    const verify = (arch: typeof own | typeof other): Promise<string> =>
      codeOf(() => verifyIndex(bytes, { location: name, keys: mirrorKeys(mirrorAt('https://example.org'), arch) }));
    expect([await verify(own), await verify(other)]).toEqual(['accepted', 'ALP_VERIFY_KEY']);
  });
});

const spki = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();

describe('a directory of keys', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  it.each<[string, () => string, RegExp]>([
    [
      'a private key in PKCS#8',
      () => rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      /private key/,
    ],
    [
      'a private key in PKCS#1',
      () => rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
      /private key/,
    ],
    [
      'a public key in PKCS#1',
      () => rsa.publicKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
      /PEM public key/,
    ],
    ["a certificate's words", () => spki(rsa.publicKey).replaceAll('PUBLIC KEY', 'CERTIFICATE'), /PEM public key/],
    ['an Ed25519 key', () => spki(generateKeyPairSync('ed25519').publicKey), /ed25519/],
    [
      'a DSA key',
      () => spki(generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }).publicKey),
      /dsa/,
    ],
    ['an RSA-PSS key', () => spki(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey), /rsa-pss/],
    ['a key of 1024 bits', () => spki(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey), /1024 bits/],
    ['two keys in one file', () => spki(rsa.publicKey) + spki(rsa.publicKey), /PEM public key/],
    ['a key after other text', () => `trust me\n${spki(rsa.publicKey)}`, /PEM public key/],
    ['noise between the lines', () => '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', /OpenSSL/],
    ['nothing', () => '', /PEM public key/],
  ])('that holds %s is refused in plain words', (_what, pem, words) => {
    writeFileSync(join(work, 'good.rsa.pub'), spki(rsa.publicKey));
    expect(readKeys(hostPath(work)).map(({ name }) => name)).toEqual(['good.rsa.pub']);
    writeFileSync(join(work, 'bad.rsa.pub'), pem());
    expect(() => readKeys(hostPath(work))).toThrow(
      expect.objectContaining({ code: 'ALP_VERIFY_KEY', message: expect.stringMatching(words) }),
    );
  });

  it('of ours holds nothing but public keys, and none of a mirror of the run', () => {
    for (const arch of readdirSync(join(import.meta.dirname, '../../keys/alpine'))) {
      const directory = join(import.meta.dirname, '../../keys/alpine', arch);
      expect(readKeys(hostPath(directory)).length).toBe(readdirSync(directory).length);
    }
  });
});
