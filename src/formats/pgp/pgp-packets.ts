/**
 * As much of OpenPGP as a detached signature needs: armor, packets, one version 4 RSA public key, one version 4
 * signature. Every byte is accounted for; whatever is not understood is refused, never skipped.
 *
 * @see RFC 4880 §4.2 (packets), §5.2.3 (signatures), §6 (armor), §12.2 (fingerprints)
 */
import { createHash } from 'node:crypto';
import { AlprootError } from '../../core/errors.ts';

const refuse = (why: string): never => {
  throw new AlprootError('ALP_FORMAT_TEXT', `OpenPGP: ${why}`);
};

const ARMOR = new RegExp(
  [
    '^\\s*-----BEGIN PGP (PUBLIC KEY BLOCK|SIGNATURE)-----[ \\t]*\\r?\\n',
    '((?:[A-Za-z][A-Za-z -]*: [^\\r\\n]*\\r?\\n)*)[ \\t]*\\r?\\n',
    '((?:[A-Za-z0-9+/=]+[ \\t]*\\r?\\n)+)-----END PGP \\1-----\\s*$',
  ].join(''),
);

/**
 * The bytes of one armored block, or of a file that is not armored.
 *
 * @throws ALP_FORMAT_TEXT for anything around it, other blocks, a wrong checksum
 */
export function readArmor(bytes: Buffer, kind: 'PUBLIC KEY BLOCK' | 'SIGNATURE'): Buffer {
  // Every packet begins with its highest bit set, no armor does.
  if (((bytes[0] ?? 0) & 0x80) !== 0) return bytes;
  const match = ARMOR.exec(bytes.toString('latin1'));
  if (match?.[1] !== kind) return refuse(`not exactly one armored ${kind.toLowerCase()}`);
  const lines = (match[3] ?? '').trim().split(/\s+/);
  const sum = lines.at(-1)?.startsWith('=') === true ? lines.pop()?.slice(1) : undefined;
  const text = lines.join('');
  const body = Buffer.from(text, 'base64');
  if (body.toString('base64') !== text) return refuse('its armor is not base64');
  if (sum !== undefined && sum !== crc24(body)) return refuse("its armor's checksum is wrong");
  return body;
}

function crc24(bytes: Uint8Array): string {
  let crc = 0xb704ce;
  for (const byte of bytes) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ ((crc & 0x800000) === 0 ? 0 : 0x1864cfb);
  }
  return Buffer.from([(crc >> 16) & 0xff, (crc >> 8) & 0xff, crc & 0xff]).toString('base64');
}

export interface PgpPacket {
  readonly tag: number;
  readonly body: Buffer;
}

/** Packets of either header format, tiling the bytes exactly; partial and indeterminate lengths are refused. */
export function readPackets(bytes: Buffer): PgpPacket[] {
  const packets: PgpPacket[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] ?? 0;
    if ((first & 0x80) === 0) refuse(`no packet at byte ${at}`);
    const modern = (first & 0x40) !== 0;
    const { sizeBytes, next } = modern ? modernLength(bytes, at + 1) : oldLength(bytes, at + 1, first & 3);
    if (next + sizeBytes > bytes.length) refuse(`a packet at byte ${at} is cut off`);
    packets.push({ tag: modern ? first & 0x3f : (first >> 2) & 0xf, body: bytes.subarray(next, next + sizeBytes) });
    at = next + sizeBytes;
  }
  return packets;
}

interface Length {
  readonly sizeBytes: number;
  readonly next: number;
}

function oldLength(bytes: Buffer, at: number, kind: number): Length {
  const width = [1, 2, 4][kind];
  if (width === undefined) return refuse('a packet of indeterminate length');
  return { sizeBytes: readNumber(bytes, at, width), next: at + width };
}

function modernLength(bytes: Buffer, at: number): Length {
  const first = readNumber(bytes, at, 1);
  if (first < 192) return { sizeBytes: first, next: at + 1 };
  if (first < 224) return { sizeBytes: ((first - 192) << 8) + readNumber(bytes, at + 1, 1) + 192, next: at + 2 };
  return first === 255 ? { sizeBytes: readNumber(bytes, at + 1, 4), next: at + 5 } : refuse('a packet in parts');
}

function readNumber(bytes: Buffer, at: number, width: number): number {
  return at + width > bytes.length ? refuse('it is cut off') : bytes.readUIntBE(at, width);
}

/** A multiprecision integer: its bits are counted, and it begins with a one. */
function readInteger(bytes: Buffer, at: number): { readonly value: Buffer; readonly next: number } {
  const bits = readNumber(bytes, at, 2);
  const next = at + 2 + Math.ceil(bits / 8);
  if (next > bytes.length) return refuse('a number is cut off');
  const value = bytes.subarray(at + 2, next);
  if (bits === 0 || Math.clz32(value[0] ?? 0) - 24 !== (8 - (bits % 8)) % 8)
    return refuse('a number has another length than it says');
  return { value, next };
}

export interface PgpPublicKey {
  /** 40 upper-case hex digits. */
  readonly fingerprint: string;
  readonly modulus: Buffer;
  readonly exponent: Buffer;
}

const RSA = 1;
const PUBLIC_KEY = 6;
const SIGNATURE = 2;

/** The primary key of a key file; its names, certifications and subkeys are left aside. */
export function parsePgpKey(file: Buffer): PgpPublicKey {
  const [first, ...rest] = readPackets(readArmor(file, 'PUBLIC KEY BLOCK'));
  if (first?.tag !== PUBLIC_KEY || rest.some(({ tag }) => tag === PUBLIC_KEY))
    return refuse('not exactly one public key');
  const { body } = first;
  if (body[0] !== 4 || readNumber(body, 5, 1) !== RSA) return refuse('not a version 4 RSA key');
  const modulus = readInteger(body, 6);
  const exponent = readInteger(body, modulus.next);
  if (exponent.next !== body.length) return refuse('bytes after the key');
  const head = Buffer.from([0x99, body.length >> 8, body.length & 0xff]);
  return {
    fingerprint: createHash('sha1').update(head).update(body).digest('hex').toUpperCase(),
    modulus: modulus.value,
    exponent: exponent.value,
  };
}

export interface PgpSignature {
  readonly digest: 'sha256' | 'sha512';
  /** Upper-case hex: 40 digits of the key's fingerprint, or 16, its end. */
  readonly issuer: string;
  /** Seconds since 1970; undefined: does not expire. */
  readonly expires: number | undefined;
  /** What is hashed after the signed bytes. */
  readonly trailer: Buffer;
  /** First two bytes of the digest. */
  readonly hint: Buffer;
  readonly value: Buffer;
}

const DIGESTS: Readonly<Record<number, PgpSignature['digest']>> = { 8: 'sha256', 10: 'sha512' };
const CREATED = 2;
const EXPIRES = 3;
const ISSUER = 16;
const ISSUER_FINGERPRINT = 33;
const BINARY_DOCUMENT = 0;

/** The one signature of a detached signature file: version 4, over binary data, by RSA, with SHA-256 or SHA-512. */
export function parsePgpSignature(file: Buffer): PgpSignature {
  const packets = readPackets(readArmor(file, 'SIGNATURE'));
  const body = packets[0]?.body;
  if (packets.length !== 1 || packets[0]?.tag !== SIGNATURE || body === undefined)
    return refuse('not exactly one signature and nothing else');
  if (body[0] !== 4) return refuse('not a version 4 signature');
  if (body[1] !== BINARY_DOCUMENT) return refuse('not a signature of a binary file');
  if (body[2] !== RSA) return refuse('not an RSA signature');
  const digest = DIGESTS[body[3] ?? -1];
  if (digest === undefined) return refuse('signed over neither SHA-256 nor SHA-512');
  const hashedEnd = 6 + readNumber(body, 4, 2);
  const openEnd = hashedEnd + 2 + readNumber(body, hashedEnd, 2);
  if (openEnd > body.length) return refuse('its particulars are cut off');
  const hashed = readParticulars(body.subarray(6, hashedEnd));
  const open = readParticulars(body.subarray(hashedEnd + 2, openEnd));
  const value = readInteger(body, openEnd + 2);
  if (value.next !== body.length) return refuse('bytes after the signature');
  const tail = Buffer.alloc(6);
  tail.writeUInt16BE(0x04ff, 0);
  tail.writeUInt32BE(hashedEnd, 2);
  return {
    digest,
    ...describe(hashed, open),
    trailer: Buffer.concat([body.subarray(0, hashedEnd), tail]),
    hint: body.subarray(openEnd, openEnd + 2),
    value: value.value,
  };
}

interface Particular {
  readonly type: number;
  readonly critical: boolean;
  readonly body: Buffer;
}

function readParticulars(bytes: Buffer): Particular[] {
  const found: Particular[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = readNumber(bytes, at, 1);
    const { sizeBytes, next } =
      first < 192 || first === 255
        ? modernLength(bytes, at)
        : { sizeBytes: ((first - 192) << 8) + readNumber(bytes, at + 1, 1) + 192, next: at + 2 };
    if (sizeBytes === 0 || next + sizeBytes > bytes.length) refuse('a particular is cut off');
    const type = bytes[next] ?? 0;
    found.push({ type: type & 0x7f, critical: type >= 0x80, body: bytes.subarray(next + 1, next + sizeBytes) });
    at = next + sizeBytes;
  }
  return found;
}

/** Only what is hashed counts; the issuer is a claim that the key itself proves, and may stand in the open part. */
function describe(
  hashed: readonly Particular[],
  open: readonly Particular[],
): Pick<PgpSignature, 'issuer' | 'expires'> {
  const only = (group: readonly Particular[], type: number, sizeBytes: number): Buffer | undefined => {
    const [first, ...more] = group.filter((particular) => particular.type === type);
    if (more.length > 0 || (first !== undefined && first.body.length !== sizeBytes))
      refuse(`particular ${type} twice or of another length`);
    return first?.body;
  };
  const unknown = [...hashed, ...open].find(
    ({ type, critical }) => critical && ![CREATED, EXPIRES, ISSUER, ISSUER_FINGERPRINT].includes(type),
  );
  if (unknown !== undefined) refuse(`particular ${unknown.type} is critical and unknown`);
  const created = only(hashed, CREATED, 4)?.readUInt32BE(0) ?? refuse('it does not say when it was made');
  const seconds = only(hashed, EXPIRES, 4)?.readUInt32BE(0) ?? 0;
  const print = only(hashed, ISSUER_FINGERPRINT, 21);
  if (print !== undefined && print[0] !== 4) refuse('its issuer is not a version 4 key');
  const issuer =
    print?.subarray(1) ?? only(hashed, ISSUER, 8) ?? only(open, ISSUER, 8) ?? refuse('it does not say whose it is');
  return { issuer: issuer.toString('hex').toUpperCase(), expires: seconds === 0 ? undefined : created + seconds };
}
