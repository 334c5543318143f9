/** OpenPGP keys and detached signatures, packet by packet, so that a test can change any of them. */
import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';

export interface PgpMaker {
  /** Binary public key packet. */
  readonly publicKey: Buffer;
  readonly fingerprint: string;
  /** The body of a signature packet over `data`. */
  readonly sign: (data: Uint8Array, wishes?: SignatureWishes) => Buffer;
}

export interface SignatureWishes {
  readonly version?: number;
  readonly type?: number;
  readonly algorithm?: number;
  readonly digest?: 'sha1' | 'sha256' | 'sha512';
  /** Said in the packet in place of the true one. */
  readonly digestId?: number;
  readonly hashed?: readonly Buffer[];
  readonly open?: readonly Buffer[];
}

const DIGEST_IDS = { sha1: 2, sha256: 8, sha512: 10 };

const two = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
export const four = (value: number): Buffer =>
  Buffer.from([value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff]);

function integer(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  const value = bytes.subarray(start);
  return Buffer.concat([two(value.length * 8 - (Math.clz32(value[0] ?? 0) - 24)), value]);
}

/** Of a subpacket: its length, type and body. */
export const particular = (type: number, body: Buffer): Buffer =>
  Buffer.concat([Buffer.from([body.length + 1, type]), body]);

/** A packet of the new format with a five-octet length, or of the old one. */
export const packet = (tag: number, body: Buffer, old = false): Buffer =>
  Buffer.concat([
    old ? Buffer.from([0x80 | (tag << 2) | 2]) : Buffer.from([0xc0 | tag, 255]),
    four(body.length),
    body,
  ]);

export function armor(kind: string, body: Buffer, headers = ''): string {
  const lines = (body.toString('base64').match(/.{1,64}/g) ?? []).join('\n');
  return `-----BEGIN PGP ${kind}-----\n${headers}\n${lines}\n-----END PGP ${kind}-----\n`;
}

export function makePgp(modulusLength = 2048): PgpMaker {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength });
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  const body = Buffer.concat([
    Buffer.from([4]),
    four(1_400_000_000),
    Buffer.from([1]),
    integer(Buffer.from(n, 'base64url')),
    integer(Buffer.from(e, 'base64url')),
  ]);
  const fingerprint = createHash('sha1')
    .update(Buffer.from([0x99]))
    .update(two(body.length))
    .update(body)
    .digest('hex')
    .toUpperCase();
  return { publicKey: packet(6, body, true), fingerprint, sign: signer(privateKey, fingerprint) };
}

const signer =
  (key: KeyObject, fingerprint: string): PgpMaker['sign'] =>
  (
    data,
    { version = 4, type = 0, algorithm = 1, digest = 'sha256', digestId = DIGEST_IDS[digest], hashed, open } = {},
  ) => {
    const particulars = Buffer.concat(
      hashed ?? [
        particular(2, four(1_500_000_000)),
        particular(33, Buffer.concat([Buffer.from([4]), Buffer.from(fingerprint, 'hex')])),
      ],
    );
    const outside = Buffer.concat(open ?? [particular(16, Buffer.from(fingerprint.slice(-16), 'hex'))]);
    const head = Buffer.concat([
      Buffer.from([version, type, algorithm, digestId]),
      two(particulars.length),
      particulars,
    ]);
    const trailer = Buffer.concat([head, Buffer.from([4, 0xff]), four(head.length)]);
    const left = createHash(digest).update(data).update(trailer).digest().subarray(0, 2);
    return Buffer.concat([
      head,
      two(outside.length),
      outside,
      left,
      integer(createSign(digest).update(data).update(trailer).sign(key)),
    ]);
  };
