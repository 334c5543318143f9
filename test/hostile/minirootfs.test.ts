/**
 * A minirootfs of whom nobody knows: a digest beside it says nothing, and a signature counts only when it is one,
 * detached, by the key that is pinned.
 */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import { isAlprootError } from '../../src/core/errors.ts';
import { hostPath } from '../../src/core/paths.ts';
import { signBytes } from '../../src/mirror/signing.ts';
import { openWorkTree } from '../../src/system/tree/work-tree.ts';
import { unpackRootfs } from '../../src/unpack/minirootfs-unpack.ts';
import { keyring, parseTrustedKey, type TrustedKeys } from '../../src/verify/key.ts';
import { parsePins, verifyMinirootfs, type MinirootfsOptions } from '../../src/verify/minirootfs-file.ts';
import { pinnedPgpKey, RELEASE_KEY_FINGERPRINT } from '../../src/verify/pgp-signature.ts';
import { makeArena, underAttack, type Arena } from '../helpers/invariants.ts';
import { member, rawTar, type RawEntry } from '../helpers/make-apk.ts';
import { armor, four, makePgp, packet, particular } from '../helpers/make-pgp.ts';
import { bundledPins } from '../helpers/upstream.ts';

const NAME = 'alpine-minirootfs-3.99.0-x86_64.tar.gz';
const FILE = gzipSync(
  rawTar(
    [
      { name: 'etc/', type: '5' },
      { name: 'etc/alpine-release', content: '3.99.0' },
    ],
    { end: true },
  ),
);
const NOW = 1_700_000_000_000;
const [release, stranger] = [makePgp(), makePgp()];
const pgpKeys = pinnedPgpKey(release.publicKey, release.fingerprint);
const none = parsePins('');
const pinOf = (bytes: Buffer, name = NAME): string => `${createHash('sha512').update(bytes).digest('hex')}  ${name}\n`;

let arena: Arena;
beforeEach(() => void (arena = makeArena()));
afterEach(() => arena.close());

const verify = (options: Partial<MinirootfsOptions> = {}, bytes = FILE): Promise<string> =>
  underAttack(arena, () => verifyMinirootfs(bufferSource(NAME, bytes), { name: NAME, pins: none, ...options }));
const signed = (signature: Buffer | string): Promise<string> =>
  verify({ pgp: { signature: Buffer.from(signature), keys: pgpKeys, now: NOW } });
const ours = packet(2, release.sign(FILE));

describe('a minirootfs', () => {
  it("counts with a pin that ships with alproot, or the release key's signature", async () => {
    expect(await verify({ pins: parsePins(pinOf(FILE)) })).toBe('accepted');
    expect(await signed(ours)).toBe('accepted');
    expect(await signed(armor('SIGNATURE', ours))).toBe('accepted');
  });

  it('does not count for the digest that lies beside it on the mirror: nobody asks for that', async () => {
    expect(await verify()).toBe('ALP_VERIFY_UNKNOWN');
    expect(await verify({ pins: bundledPins() })).toBe('ALP_VERIFY_UNKNOWN');
  });

  it('that has a pin of its name and other bytes is refused although it is signed', async () => {
    expect(
      await verify({
        pins: parsePins(pinOf(Buffer.from('other'))),
        pgp: { signature: ours, keys: pgpKeys, now: NOW },
      }),
    ).toBe('ALP_VERIFY_DIGEST');
  });

  it.each<[string, string, () => Buffer | string]>([
    ["another key's", 'ALP_VERIFY_KEY', () => packet(2, stranger.sign(FILE))],
    [
      "another key's under our fingerprint",
      'ALP_VERIFY_SIGNATURE',
      () =>
        packet(
          2,
          stranger.sign(FILE, {
            hashed: [
              particular(2, four(1_500_000_000)),
              particular(33, Buffer.concat([Buffer.from([4]), Buffer.from(release.fingerprint, 'hex')])),
            ],
          }),
        ),
    ],
    ['of other bytes', 'ALP_VERIFY_SIGNATURE', () => packet(2, release.sign(Buffer.concat([FILE, Buffer.from('x')])))],
    [
      "two signatures, a stranger's and the right one",
      'ALP_VERIFY_SIGNATURE',
      () => Buffer.concat([packet(2, stranger.sign(FILE)), ours]),
    ],
    [
      'two signatures, the right one first',
      'ALP_VERIFY_SIGNATURE',
      () => Buffer.concat([ours, packet(2, stranger.sign(FILE))]),
    ],
    ['the right one twice', 'ALP_VERIFY_SIGNATURE', () => Buffer.concat([ours, ours])],
    ['two armored blocks', 'ALP_VERIFY_SIGNATURE', () => armor('SIGNATURE', ours) + armor('SIGNATURE', ours)],
    [
      'an inline message',
      'ALP_VERIFY_SIGNATURE',
      () => armor('MESSAGE', Buffer.concat([packet(11, Buffer.concat([Buffer.from('b\0\0\0\0\0'), FILE])), ours])),
    ],
    [
      'an inline message in binary',
      'ALP_VERIFY_SIGNATURE',
      () => Buffer.concat([packet(11, Buffer.concat([Buffer.from('b\0\0\0\0\0'), FILE])), ours]),
    ],
    [
      'a message signed in clear text',
      'ALP_VERIFY_SIGNATURE',
      () => `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n3.99.0\n${armor('SIGNATURE', ours)}`,
    ],
    [
      'a signature after text',
      'ALP_VERIFY_SIGNATURE',
      () => `\x1b[32mGood signature\x1b[0m\n${armor('SIGNATURE', ours)}`,
    ],
    [
      'a signature before text',
      'ALP_VERIFY_SIGNATURE',
      () => `${armor('SIGNATURE', ours)}VALIDSIG ${release.fingerprint}\n`,
    ],
    ['the key in place of a signature', 'ALP_VERIFY_SIGNATURE', () => release.publicKey],
    ['nothing', 'ALP_VERIFY_SIGNATURE', () => ''],
    ['a web page', 'ALP_VERIFY_SIGNATURE', () => '<html>login</html>'],
  ])('is refused with %s as its signature', async (_what, code, signature) => {
    expect(await signed(signature())).toBe(code);
  });

  it('names the fingerprint that it wanted and the one that it got', () => {
    try {
      verifyMinirootfs(bufferSource(NAME, FILE), {
        name: NAME,
        pins: none,
        pgp: { signature: packet(2, stranger.sign(FILE)), keys: pgpKeys, now: NOW },
      });
      expect.unreachable();
    } catch (error) {
      expect(isAlprootError(error) && error.message).toContain(release.fingerprint);
      expect(isAlprootError(error) && error.message).toContain(stranger.fingerprint);
    }
  });

  it('cannot have another release key than the one that is pinned in the code', () => {
    expect(() => pinnedPgpKey(stranger.publicKey, RELEASE_KEY_FINGERPRINT)).toThrow(
      expect.objectContaining({ code: 'ALP_VERIFY_KEY' }),
    );
    expect(
      pinnedPgpKey(readFileSync(join(import.meta.dirname, '../../keys/ncopa.asc')), RELEASE_KEY_FINGERPRINT).size,
    ).toBe(1);
  });

  it("of a mirror of one's own needs the signature of that mirror's key", async () => {
    const pair = (): { readonly keys: TrustedKeys; readonly sign: (bytes: Buffer) => Buffer } => {
      const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
      const key = {
        publicName: 'mirror.rsa.pub',
        publicPem: pem,
        privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
      return { keys: keyring([parseTrustedKey(pem, 'mirror.rsa.pub')]), sign: (bytes) => signBytes(bytes, key) };
    };
    const [own, other] = [pair(), pair()];
    const by = (bytes: Buffer, keyName = 'mirror.rsa.pub'): Promise<string> =>
      verify({ keys: own.keys, signatures: [{ keyName, bytes }] });
    expect(await by(own.sign(FILE))).toBe('accepted');
    expect(await by(other.sign(FILE))).toBe('ALP_VERIFY_SIGNATURE');
    expect(await by(own.sign(Buffer.from('x')))).toBe('ALP_VERIFY_SIGNATURE');
    expect(await by(own.sign(FILE), 'another.rsa.pub')).toBe('ALP_VERIFY_UNKNOWN');
    expect(await by(own.sign(FILE), '../mirror.rsa.pub')).toBe('ALP_VERIFY_UNKNOWN');
  });
});

describe('a minirootfs that is signed and means harm', () => {
  const omitted: string[] = [];
  const unpack = (...entries: readonly RawEntry[]): Promise<string> =>
    underAttack(arena, ({ place }) => {
      const tree = openWorkTree(hostPath(join(place, 'fresh')));
      try {
        unpackRootfs(
          bufferSource(
            NAME,
            member(
              rawTar(
                entries.map((entry) => ({ checksum: false, ...entry })),
                { end: true },
              ),
            ),
          ),
          tree,
          { owners: 'record', onOmitted: (path) => omitted.push(path) },
        );
      } finally {
        tree.close();
      }
    });

  it.each<[string, readonly RawEntry[]]>([
    ['a path that climbs', [{ name: '../canary/file', content: 'x' }]],
    ['a path that climbs behind ./', [{ name: './../canary/file', content: 'x' }]],
    ['an absolute path', [{ name: '/etc/passwd', content: 'x' }]],
    [
      'a file through its own link',
      [
        { name: 'l', type: '2', target: '../canary' },
        { name: 'l/file', content: 'x' },
      ],
    ],
    [
      'a directory over its own link',
      [
        { name: 'l', type: '2', target: '../canary' },
        { name: 'l/', type: '5' },
      ],
    ],
    ['a hard link out', [{ name: 'h', type: '1', target: '../canary/file' }]],
    [
      'a hard link through its own link',
      [
        { name: 'l', type: '2', target: '../canary' },
        { name: 'h', type: '1', target: 'l/file' },
      ],
    ],
    ['a link for a root', [{ name: './', type: '2', target: '/' }]],
    ['a file for a root', [{ name: '.', content: 'x' }]],
    [
      'a name twice',
      [
        { name: 'a', content: '1' },
        { name: 'a', content: '2' },
      ],
    ],
  ])('is refused for %s', async (_what, entries) => {
    mkdirSync(join(arena.place, 'fresh'));
    expect(await unpack(...entries)).toMatch(/^ALP_(?:UNPACK_\w+|FORMAT_TAR)$/);
  });

  it('brings devices and pipes, which are told of and not made', async () => {
    mkdirSync(join(arena.place, 'fresh'));
    expect(
      await unpack(
        { name: 'dev/', type: '5' },
        { name: 'dev/mem', type: '3' },
        { name: 'dev/sda', type: '4' },
        { name: 'pipe', type: '6' },
        { name: 'file', content: 'x' },
      ),
    ).toBe('accepted');
    expect(omitted).toEqual(['dev/mem', 'dev/sda', 'pipe']);
    expect(readdirSync(join(arena.place, 'fresh'), { recursive: true }).sort()).toEqual(['dev', 'file']);
  });
});
