/** Forged PKCS#1 v1.5 signatures: OpenSSL and our own check refuse the same ones, which are all of them. */
import { createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isRsaSignatureByArithmetic, isRsaSignatureByOpenssl, type SignatureDigest } from '../../src/verify/rsa.ts';
import { parseTrustedKey } from '../../src/verify/key.ts';

const DATA = Buffer.from('what is signed');
const SIZE = 256;

const keys = [3, 65_537].map((publicExponent) => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: SIZE * 8, publicExponent });
  const jwk = privateKey.export({ format: 'jwk' });
  const numberOf = (text: string | undefined): bigint =>
    BigInt(`0x${Buffer.from(text ?? '', 'base64url').toString('hex')}`);
  return {
    exponent: publicExponent,
    privateKey,
    n: numberOf(jwk.n),
    d: numberOf(jwk.d),
    trusted: parseTrustedKey(publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'k.rsa.pub'),
  };
});
type Key = (typeof keys)[number];

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let square = base % modulus, left = exponent; left > 0n; left >>= 1n, square = (square * square) % modulus)
    if (left & 1n) result = (result * square) % modulus;
  return result;
}
const toNumber = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
const toBytes = (value: bigint, size = SIZE): Buffer => Buffer.from(value.toString(16).padStart(size * 2, '0'), 'hex');

/** The signature whose padded block is `block`, made with the private key: the strongest forger. */
const signatureOf = (block: Buffer, { d, n }: Key): Buffer => toBytes(power(toNumber(block), d, n));

function cubeRoot(value: bigint): bigint {
  let [low, high] = [0n, 1n << BigInt(Math.ceil((SIZE * 8) / 3) + 1)];
  while (low < high) {
    const middle = (low + high + 1n) >> 1n;
    if (middle ** 3n <= value) low = middle;
    else high = middle - 1n;
  }
  return low;
}

const INFO: Record<SignatureDigest, [string, string]> = {
  sha1: ['3021300906052b0e03021a05000414', '301f300706052b0e03021a0414'],
  sha256: ['3031300d060960864801650304020105000420', '302f300b0609608648016503040201' + '0420'],
  sha512: ['3051300d060960864801650304020305000440', '304f300b0609608648016503040203' + '0440'],
};

/** `00 01 FF… 00 tail`. */
const padded = (tail: Buffer, filler = 0xff, type = 1): Buffer =>
  Buffer.concat([Buffer.from([0, type]), Buffer.alloc(SIZE - 3 - tail.length, filler), Buffer.alloc(1), tail]);

function forgeries(digest: SignatureDigest, key: Key): [string, Buffer][] {
  const hash = createHash(digest).update(DATA).digest();
  const [info, bare] = INFO[digest].map((hex) => Buffer.from(hex, 'hex'));
  const tail = Buffer.concat([info!, hash]);
  const junk = Buffer.alloc(SIZE - 11 - tail.length, 0x41);
  const right = sign(digest, DATA, key.privateKey);
  const root = cubeRoot(
    toNumber(Buffer.concat([Buffer.from('0001ffffffffffffffff00', 'hex'), tail, Buffer.alloc(junk.length, 0xff)])),
  );
  const by = (block: Buffer): Buffer => signatureOf(block, key);
  const longer = Buffer.from(info!);
  longer[1] = (longer[1] ?? 0) + 2;
  return [
    [
      'eight bytes of padding and junk after the hash',
      by(Buffer.concat([Buffer.from('0001ffffffffffffffff00', 'hex'), tail, junk])),
    ],
    [
      'junk between the algorithm and the hash',
      by(padded(Buffer.concat([info!.subarray(0, -2), Buffer.from('0401ff', 'hex'), info!.subarray(-2), hash]))),
    ],
    ['junk after the hash inside the DigestInfo', by(padded(Buffer.concat([longer, hash, Buffer.from([5, 0])])))],
    ['no NULL after the algorithm', by(padded(Buffer.concat([bare!, hash])))],
    ['the hash alone', by(padded(hash))],
    ['no padding', by(Buffer.concat([Buffer.from([0, 1, 0]), Buffer.alloc(SIZE - 3 - tail.length), tail]))],
    ['other padding', by(padded(tail, 0xfe))],
    ['padding of encryption', by(padded(tail, 0xff, 2))],
    ['a digest of other data', by(padded(Buffer.concat([info!, createHash(digest).update('other').digest()])))],
    [
      'the name of another digest',
      by(padded(Buffer.concat([Buffer.from(INFO[digest === 'sha1' ? 'sha256' : 'sha1'][0], 'hex'), hash]))),
    ],
    ['a cube root of a right beginning', toBytes(root)],
    ['a byte missing', right.subarray(1)],
    ['a byte more', Buffer.concat([Buffer.alloc(1), right])],
    [
      'the modulus added',
      toBytes(toNumber(right) + key.n, SIZE + (toNumber(right) + key.n >= 1n << BigInt(SIZE * 8) ? 1 : 0)),
    ],
    ['the number zero', Buffer.alloc(SIZE)],
    ['the number one', toBytes(1n)],
    ['nothing', Buffer.alloc(0)],
  ];
}

describe.each(keys)('a signature under a key with exponent $exponent', (key) => {
  it.each(['sha1', 'sha256', 'sha512'] as const)(
    'of %s is taken by both engines when it is right, and no forged one by either',
    (digest) => {
      const verify = (signature: Buffer): unknown[] =>
        [isRsaSignatureByOpenssl, isRsaSignatureByArithmetic].map((engine) =>
          engine({ data: DATA, signature, digest, key: key.trusted }),
        );
      expect(verify(sign(digest, DATA, key.privateKey))).toEqual([true, true]);
      expect(
        verify(
          signatureOf(
            padded(Buffer.concat([Buffer.from(INFO[digest][0], 'hex'), createHash(digest).update(DATA).digest()])),
            key,
          ),
        ),
      ).toEqual([true, true]);
      for (const [what, forged] of forgeries(digest, key))
        expect([what, ...verify(forged)]).toEqual([what, false, false]);
    },
  );
});

describe('a key', () => {
  const pemOf = (type: 'rsa' | 'ed25519', bits = 2048): { readonly public: string; readonly private: string } => {
    const { publicKey, privateKey } =
      type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: bits }) : generateKeyPairSync('ed25519');
    return {
      public: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      private: createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }))
        .export({ type: 'pkcs8', format: 'pem' })
        .toString(),
    };
  };

  it('that is private, short, of another kind, or not alone in its file is refused in plain words', () => {
    const good = pemOf('rsa');
    const refusal = (pem: string, name = 'k.rsa.pub'): unknown => {
      try {
        return parseTrustedKey(pem, name).name;
      } catch (error) {
        return error;
      }
    };
    expect(refusal(good.public)).toBe('k.rsa.pub');
    const bad: [string, string][] = [
      [good.private, 'private key'],
      [pemOf('rsa', 1024).public, '1024 bits'],
      [pemOf('ed25519').public, 'ed25519'],
      [good.public + good.public, 'PEM public key'],
      ['', 'PEM public key'],
    ];
    for (const [pem, words] of bad)
      expect(refusal(pem)).toMatchObject({ code: 'ALP_VERIFY_KEY', message: expect.stringContaining(words) });
    for (const name of ['../k', 'a/b', '', 'n'.repeat(129), 'a\n'])
      expect(refusal(good.public, name)).toMatchObject({ code: 'ALP_VERIFY_KEY' });
  });
});
