import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bufferSource } from '../../src/core/bytes.ts';
import type { Sha512Hex } from '../../src/core/digest.ts';
import { parsePins, verifyMinirootfs } from '../../src/verify/minirootfs-file.ts';
import { pinnedPgpKey, RELEASE_KEY_FINGERPRINT, type PgpKeys } from '../../src/verify/pgp-signature.ts';
import { capability } from '../helpers/capabilities.ts';
import { armor, four, makePgp, packet, particular, type SignatureWishes } from '../helpers/make-pgp.ts';

const DATA = Buffer.from('the bytes of a minirootfs '.repeat(5000));
const NAME = 'alpine-minirootfs-3.99.0-x86_64.tar.gz';
const NOW = 1_700_000_000_000;
const ours = makePgp();
const theirs = makePgp();
const keys = pinnedPgpKey(ours.publicKey, ours.fingerprint);
const none = parsePins('');

const verify = (signature: Buffer | string, { data = DATA, trusted = keys as PgpKeys, pins = none } = {}) =>
  verifyMinirootfs(bufferSource(NAME, data), {
    name: NAME,
    pins,
    pgp: { signature: Buffer.from(signature), keys: trusted, now: NOW },
  }).signers;
const codeOf = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return (error as { code?: string }).code;
  }
};
const signed = (wishes: SignatureWishes = {}): Buffer => packet(2, ours.sign(DATA, wishes));
const issuer = (print: string): Buffer => particular(33, Buffer.concat([Buffer.from([4]), Buffer.from(print, 'hex')]));
const created = particular(2, four(1_500_000_000));

describe('the release key', () => {
  it('is the one whose fingerprint is pinned in the code', () => {
    const file = readFileSync(join(import.meta.dirname, '..', '..', 'keys', 'ncopa.asc'));
    expect(
      pinnedPgpKey(file, RELEASE_KEY_FINGERPRINT).get(RELEASE_KEY_FINGERPRINT)?.asymmetricKeyDetails?.modulusLength,
    ).toBe(4096);
  });

  it.each<[string, () => Buffer | string]>([
    ['another key', () => theirs.publicKey],
    ['two keys', () => Buffer.concat([ours.publicKey, theirs.publicKey])],
    ['a signature', () => signed()],
    ['nothing', () => ''],
    ['a key with bytes after it', () => Buffer.concat([ours.publicKey, Buffer.from('x')])],
    [
      'two armored keys',
      () => armor('PUBLIC KEY BLOCK', ours.publicKey) + armor('PUBLIC KEY BLOCK', theirs.publicKey),
    ],
  ])('is not taken from a file that holds %s', (_what, file) => {
    expect(codeOf(() => pinnedPgpKey(Buffer.from(file()), ours.fingerprint))).toBe('ALP_VERIFY_KEY');
  });

  it('is refused when it is short, although its fingerprint is right', () => {
    const short = makePgp(1024);
    expect(codeOf(() => pinnedPgpKey(short.publicKey, short.fingerprint))).toBe('ALP_VERIFY_KEY');
  });
});

describe('a detached signature', () => {
  const signer = [{ kind: 'pgp', fingerprint: ours.fingerprint }];

  it.each<[string, () => Buffer | string]>([
    ['binary', () => signed()],
    ['by SHA-512', () => signed({ digest: 'sha512' })],
    ['in the old packet format', () => packet(2, ours.sign(DATA), true)],
    ['armored', () => armor('SIGNATURE', signed())],
    ['armored with headers', () => armor('SIGNATURE', signed(), 'Version: GnuPG v2\nComment: hello\n')],
    ['that names its key by its id alone', () => signed({ hashed: [created] })],
    [
      'that has not expired yet',
      () => signed({ hashed: [created, particular(3, four(400_000_000)), issuer(ours.fingerprint)] }),
    ],
  ])('%s signs the file', (_what, signature) => {
    expect(verify(signature())).toEqual(signer);
  });

  it.each<[string, string, () => Buffer | string]>([
    ['of another key', 'ALP_VERIFY_KEY', () => packet(2, theirs.sign(DATA))],
    [
      'of another key under our name',
      'ALP_VERIFY_SIGNATURE',
      () => packet(2, theirs.sign(DATA, { hashed: [created, issuer(ours.fingerprint)] })),
    ],
    ['of other bytes', 'ALP_VERIFY_SIGNATURE', () => packet(2, ours.sign(Buffer.from('other')))],
    ['by SHA-1', 'ALP_VERIFY_SIGNATURE', () => signed({ digest: 'sha1' })],
    ['by SHA-1 that says SHA-256', 'ALP_VERIFY_SIGNATURE', () => signed({ digest: 'sha1', digestId: 8 })],
    ['of text', 'ALP_VERIFY_SIGNATURE', () => signed({ type: 1 })],
    ['of a key', 'ALP_VERIFY_SIGNATURE', () => signed({ type: 0x13 })],
    ['of version 3', 'ALP_VERIFY_SIGNATURE', () => signed({ version: 3 })],
    ['by DSA', 'ALP_VERIFY_SIGNATURE', () => signed({ algorithm: 17 })],
    [
      'that has expired',
      'ALP_VERIFY_SIGNATURE',
      () => signed({ hashed: [created, particular(3, four(1)), issuer(ours.fingerprint)] }),
    ],
    ['without a date', 'ALP_VERIFY_SIGNATURE', () => signed({ hashed: [issuer(ours.fingerprint)] })],
    ['without an issuer', 'ALP_VERIFY_SIGNATURE', () => signed({ hashed: [created], open: [] })],
    [
      'with two issuers',
      'ALP_VERIFY_SIGNATURE',
      () => signed({ hashed: [created, issuer(ours.fingerprint), issuer(ours.fingerprint)] }),
    ],
    [
      'with a critical particular that nobody knows',
      'ALP_VERIFY_SIGNATURE',
      () => signed({ hashed: [created, issuer(ours.fingerprint), particular(0x80 | 99, Buffer.from('x'))] }),
    ],
    ['beside a second one', 'ALP_VERIFY_SIGNATURE', () => Buffer.concat([signed(), signed()])],
    [
      'beside an armored second one',
      'ALP_VERIFY_SIGNATURE',
      () => armor('SIGNATURE', signed()) + armor('SIGNATURE', signed()),
    ],
    [
      'with the message in it',
      'ALP_VERIFY_SIGNATURE',
      () => Buffer.concat([packet(4, Buffer.alloc(13)), packet(11, DATA), signed()]),
    ],
    [
      'of the cleartext kind',
      'ALP_VERIFY_SIGNATURE',
      () => `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\ntext\n${armor('SIGNATURE', signed())}`,
    ],
    ['after other words', 'ALP_VERIFY_SIGNATURE', () => `trust me\n${armor('SIGNATURE', signed())}`],
    [
      'with a wrong checksum',
      'ALP_VERIFY_SIGNATURE',
      () => armor('SIGNATURE', signed()).replace('\n-----END', '\n=AAAA\n-----END'),
    ],
    ['that is cut off', 'ALP_VERIFY_SIGNATURE', () => signed().subarray(0, -1)],
    [
      'of a length that nobody says',
      'ALP_VERIFY_SIGNATURE',
      () => Buffer.concat([Buffer.from([0x80 | (2 << 2) | 3]), ours.sign(DATA)]),
    ],
    ['in parts', 'ALP_VERIFY_SIGNATURE', () => Buffer.concat([Buffer.from([0xc2, 0xe9]), ours.sign(DATA)])],
    ['that is empty', 'ALP_VERIFY_SIGNATURE', () => ''],
  ])('%s is refused', (_what, code, signature) => {
    expect(codeOf(() => verify(signature()))).toBe(code);
  });

  it('is refused with any byte of it changed that is not its open part', () => {
    const good = ours.sign(DATA);
    const open = 6 + good.readUInt16BE(4);
    for (let at = 0; at < good.length; at += 3) {
      if (at >= open && at < open + 12) continue;
      const changed = Buffer.from(good);
      changed[at] = (changed[at] ?? 0) ^ 4;
      expect(
        codeOf(() => verify(packet(2, changed))),
        String(at),
      ).toMatch(/^ALP_VERIFY_(?:SIGNATURE|KEY)$/);
    }
  });

  it('names the fingerprint that was wanted and the one that was found', () => {
    expect(() => verify(packet(2, theirs.sign(DATA)))).toThrow(
      new RegExp(`${theirs.fingerprint}, expected ${ours.fingerprint}`),
    );
  });

  it('does not outweigh a pin of that name', () => {
    const pins = parsePins(`${'0'.repeat(128) as Sha512Hex}  ${NAME}`);
    expect(codeOf(() => verify(signed(), { pins }))).toBe('ALP_VERIFY_DIGEST');
  });
});

const needs = capability('gpg');
describe.skipIf(needs.skip)(`GnuPG${needs.reason}`, () => {
  it('makes signatures and keys that are taken, and only for what it signed', () => {
    const home = mkdtempSync(join(tmpdir(), 'alproot-gpg-'));
    try {
      const gpg = (...args: string[]): Buffer =>
        execFileSync(
          'gpg',
          [
            '--homedir',
            home,
            '--batch',
            '--quiet',
            '--no-tty',
            '--pinentry-mode',
            'loopback',
            '--passphrase',
            '',
            ...args,
          ],
          { stdio: ['ignore', 'pipe', 'ignore'] },
        );
      gpg('--quick-gen-key', 'Test <t@example.org>', 'rsa3072', 'sign', '0');
      const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(gpg('--list-keys', '--with-colons').toString())?.[1] ?? '';
      const trusted = pinnedPgpKey(gpg('--armor', '--export', fingerprint), fingerprint);
      writeFileSync(join(home, 'file'), DATA);
      for (const digest of ['SHA256', 'SHA512']) {
        const signature = gpg('--armor', '--digest-algo', digest, '--detach-sign', '-o', '-', join(home, 'file'));
        expect(verify(signature, { trusted })).toEqual([{ kind: 'pgp', fingerprint }]);
        expect(codeOf(() => verify(signature, { trusted, data: Buffer.from('other') }))).toBe('ALP_VERIFY_SIGNATURE');
      }
      const inline = gpg('--armor', '--sign', '-o', '-', join(home, 'file'));
      expect(codeOf(() => verify(inline, { trusted }))).toBe('ALP_VERIFY_SIGNATURE');
    } finally {
      execFileSync('gpgconf', ['--homedir', home, '--kill', 'all'], { stdio: 'ignore' });
      rmSync(home, { recursive: true, force: true });
    }
  });
});
